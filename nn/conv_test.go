package nn_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// sample applies layers to a batch of two and gives the shape of a sample's result.
func sample(in tensor.Shape, layers ...nn.Layer) (tensor.Shape, error) {
	b := graph.New()
	s := param.NewScope(b, nil, param.Options{Declare: func(string, param.Kind, param.Init, tensor.Shape) error { return nil }})
	y := nn.Sequential(layers).Apply(s, b.Input("x", graph.Float, append(tensor.Shape{2}, in...)...))
	if err := b.Err(); err != nil {
		return nil, err
	}
	return y.Shape()[1:].Clone(), nil
}

// What does not fit is said with the layer's path, and never with a panic.
func TestMisfitsOfWindows(t *testing.T) {
	t.Parallel()
	image, three := tensor.Shape{6, 6, 4}, tensor.Shape{3}
	for _, c := range []struct {
		in    tensor.Shape
		layer nn.Layer
		want  string
	}{
		{image, nn.Conv2D{Filters: 2, Kernel: tensor.Shape{7}, Name: "c"}, "c: conv: the window spans 7 places of axis 1, the input has 6"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Dilation: tensor.Shape{1, 3}, Name: "c"}, "c: conv: the window spans 7 places of axis 2"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Groups: 3}, "conv2d: groups: 3 groups do not divide 2 filters"},
		{image, nn.Conv2D{Filters: 3, Kernel: three, Groups: 3}, "conv2d: 3 groups do not divide 4 channels"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Groups: -1}, "conv2d: groups: want a whole number above 0"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Strides: tensor.Shape{-1}}, "conv2d: strides: want a whole number above 0, got -1"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Strides: tensor.Shape{1, 1, 1}}, "conv2d: strides: has 3 entries for 2 axes"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Dilation: tensor.Shape{0, 1}}, "conv2d: dilation_rate: want a whole number above 0, got 0"},
		{image, nn.Conv2D{Filters: 2}, "conv2d: kernel_size: want a whole number above 0, got 0"},
		{image, nn.Conv2D{Kernel: three}, "conv2d: filters: want a whole number above 0, got 0"},
		{image, nn.Conv2D{Filters: 2, Kernel: tensor.Shape{1 << 40}}, "conv2d: kernel_size: window"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Padding: nn.Pad(nn.Even(1, 2, 3))}, "conv2d: padding: has 3 entries for 2 axes"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Padding: nn.Pad(nn.Even(-1))}, "conv2d: padding: want numbers not below 0"},
		{image, nn.Conv2D{Filters: 2, Kernel: three, Padding: nn.Causal}, "conv2d: padding: causal is for sequences"},
		{image, nn.Conv1D{Filters: 2, Kernel: three}, "conv1d: wants sequences (N, steps, channels), got float[2 6 6 4]"},
		{tensor.Shape{28, 28}, nn.Conv2D{Filters: 2, Kernel: three}, "put reshape: {target_shape: [28, 28, 1]} in front; what goes in comes from the data [2 28 28]"},
		{tensor.Shape{4}, nn.MaxPooling2D{}, "max_pooling2d: wants images"},
		{image, nn.MaxPooling2D{Size: tensor.Shape{7}}, "max_pooling2d: max_pool: the window spans 7 places"},
		{image, nn.MaxPooling2D{Padding: nn.Pad(nn.Even(2))}, "padding alone"},
		{image, nn.AveragePooling2D{Size: tensor.Shape{1, 2, 3}}, "average_pooling2d: pool_size: has 3 entries for 2 axes"},
		{image, nn.DepthwiseConv2D{Kernel: three, Multiplier: -2}, "depthwise_conv2d: depth_multiplier: want"},
		{image, nn.SeparableConv2D{Kernel: three}, "separable_conv2d: filters: want"},
		{image, nn.Conv2DTranspose{Filters: 2, Kernel: three, OutputPadding: []int{1}}, "output_padding: want numbers from 0 to below the stride, 1, got 1"},
		{image, nn.Conv2DTranspose{Filters: 2, Kernel: three, Padding: nn.Causal}, "causal"},
		{tensor.Shape{1, 1, 2}, nn.Conv2DTranspose{Filters: 2, Kernel: three, Padding: nn.Pad(nn.Even(2))}, "cuts off all 3 places"},
		{image, nn.Cropping2D{Cropping: nn.Even(3)}, "cropping2d: cropping cuts 3 and 3 places off the 6 of axis 1"},
		{image, nn.UpSampling2D{Interpolation: "cubic"}, `up_sampling2d: interpolation: want nearest or bilinear, got "cubic"`},
		{image, nn.UpSampling2D{Size: tensor.Shape{0, 2}}, "up_sampling2d: size: want"},
		{image, nn.UpSampling2D{Size: tensor.Shape{2, 1000}}, "up_sampling2d: size: want factors of at most 256, got 1000"},
		{image, nn.Permute{Dims: []int{1, 3}}, "permute: dims: want each axis from 1 to 2 once"},
		{image, nn.Permute{Dims: []int{2, 1}}, "permute: dims [2 1] are for samples of 2 axes"},
		{image, nn.PadAxes{Padding: nn.Even(1, 1)}, "pad: padding has 2 entries for samples of 3 axes"},
		{image, nn.PadAxes{Padding: nn.Even(1, 1, 1), Mode: "mirror"}, `pad: mode: want constant, edge, reflect, symmetric or wrap, got "mirror"`},
		{image, nn.PadAxes{Padding: nn.Even(1, 1, 1), Mode: "edge", Value: 1}, "pad: value: mode edge puts no number around"},
		{image, nn.PadAxes{Padding: nn.Even(0, 0, 4000), Mode: "wrap"}, "to add at most 4096"},
		{image, nn.MatMul{}, "matmul: takes two inputs, got 1"},
		{image, nn.LocalResponseNorm{Bias: -1}, "local_response_normalization: bias: want"},
		{tensor.Shape{5}, nn.LSTM{Units: 3}, "lstm: wants sequences (N, steps, features)"},
		{tensor.Shape{5000, 1}, nn.GRU{Units: 3}, "gru: wants sequences of 1 to 4096 steps, got 5000"},
		{tensor.Shape{5, 1}, nn.SimpleRNN{}, "simple_rnn: units: want"},
		{tensor.Shape{5, 1}, nn.SimpleRNN{Units: 2, Dropout: 1}, "simple_rnn: dropout: want"},
		{tensor.Shape{5, 1}, nn.SimpleRNN{Units: 2, Act: act.PReLU{}}, "simple_rnn: activation: prelu learns"},
		{tensor.Shape{5, 1}, nn.Bidirectional{Layer: nn.Dense{Units: 2}}, "bidirectional: layer: want a recurrent layer"},
		{tensor.Shape{5, 1}, nn.Bidirectional{Layer: nn.LSTM{Units: 2}, Merge: "max"}, "bidirectional: merge_mode: want"},
		{tensor.Shape{5, 1}, nn.Bidirectional{Layer: nn.LSTM{Units: 2}, Backward: nn.LSTM{Units: 2, Sequences: true}}, "backward_layer: want"},
		{tensor.Shape{5}, nn.TimeDistributed{}, "time_distributed: layer: there is none"},
		{tensor.Shape{}, nn.TimeDistributed{Layer: nn.Flatten{}}, "time_distributed: wants sequences"},
		{tensor.Shape{5, 2}, nn.RepeatVector{N: 2}, "repeat_vector: wants vectors"},
		{tensor.Shape{5}, nn.Embedding{Words: 0, Units: 2}, "embedding: input_dim: want"},
		{tensor.Shape{5}, nn.Subtract{}, "subtract: takes two inputs, got 1"},
	} {
		shape, err := sample(c.in, c.layer)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T on %v: shape %v, error %v, want one with %q", c.layer, c.in, shape, err, c.want)
		}
	}
}

// Same padding gives ⌈n/stride⌉ results whatever the window; ceil mode never gives
// fewer results than floor mode nor more than one beyond; a transposed convolution
// undoes what a convolution does to shapes.
func TestShapesOfWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, what) }
		n, size, stride, dilation := draw("n", 1, 20), draw("size", 1, 5), draw("stride", 1, 4), draw("dilation", 1, 3)
		c := nn.Conv1D{Filters: 2, Kernel: tensor.Shape{size}, Strides: tensor.Shape{stride}, Dilation: tensor.Shape{dilation}, Padding: nn.Same}
		for _, p := range []nn.Padding{nn.Same, nn.Causal} {
			c.Padding = p
			got, err := sample(tensor.Shape{n, 3}, c)
			if err != nil || got[0] != (n+stride-1)/stride {
				t.Fatalf("%v padding of %d places with stride %d: %v, %v", p, n, stride, got, err)
			}
		}
		extent := (size-1)*dilation + 1
		pad := draw("padding", 0, size/2)
		floor := nn.MaxPooling1D{Size: tensor.Shape{size}, Strides: tensor.Shape{stride}, Dilation: tensor.Shape{dilation}, Padding: nn.Pad(nn.Even(pad))}
		ceil := floor
		ceil.Ceil = true
		a, errA := sample(tensor.Shape{n, 3}, floor)
		b, errB := sample(tensor.Shape{n, 3}, ceil)
		if errA == nil && errB == nil && (b[0] < a[0] || b[0] > a[0]+1 || (n+2*pad-extent)%stride == 0 && a[0] != b[0]) {
			t.Fatalf("floor mode gives %v, ceil mode %v", a, b)
		}
		back := nn.Conv1DTranspose{Filters: 3, Kernel: c.Kernel, Strides: c.Strides, Dilation: c.Dilation}
		for _, p := range []nn.Padding{nn.Same, nn.Valid} {
			c.Padding, back.Padding = p, p
			wide, err := sample(tensor.Shape{n, 3}, back)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := sample(wide, c); err != nil || got[0] != n {
				t.Fatalf("%v: %d places become %v, and those %v, %v", p, n, wide, got, err)
			}
		}
	})
}

// Padding and sides are read as they are written.
func TestPaddingText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"same"`: `"same"`, `"valid"`: "", `2`: `2`, `[1, 2]`: `[1,2]`, `[[1, 2], [0, 3]]`: `[[1,2],[0,3]]`, `[[1, 2]]`: `[[1,2]]`, `[[2, 2]]`: `2`, `0`: `0`,
	} {
		v, err := spec.ParseJSON("layer", []byte(`[{"conv2d": {"filters": 1, "kernel_size": 3, "padding": `+text+`}}]`))
		if err != nil {
			t.Fatal(err)
		}
		m, err := nn.Decode(v)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		back, err := nn.Encode(m)
		if want != "" {
			want = `,"padding":` + want
		}
		if full := `[{"conv2d":{"filters":1,"kernel_size":"3"` + want + `}}]`; err != nil || string(back.JSON()) != full {
			t.Errorf("%s: written as %s, %v, want %s", text, back.JSON(), err, full)
		}
	}
	for _, text := range []string{`"smae"`, `-1`, `1.5`, `[1, -2]`, `[[1, 2, 3]]`, `true`, `{"a": 1}`, `[1, 2, 3]`, `"causal"`} {
		v, err := spec.ParseJSON("layer", []byte(`[{"conv2d": {"filters": 1, "kernel_size": 3, "padding": `+text+`}}]`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nn.Decode(v); err == nil || !strings.Contains(err.Error(), "padding") {
			t.Errorf("%s: error %v, want one that names padding", text, err)
		}
	}
}

func ExampleConv2D() {
	shape, err := sample(tensor.Shape{28, 28, 1},
		nn.Conv2D{Filters: 32, Kernel: tensor.Shape{3}, Padding: nn.Same, Act: act.ReLU{}},
		nn.MaxPooling2D{},
		nn.Conv2D{Filters: 64, Kernel: tensor.Shape{3}, Strides: tensor.Shape{2}},
		nn.GlobalAveragePooling2D{},
	)
	fmt.Println(shape, err)
	// Output: [64] <nil>
}

func ExampleConv2DTranspose() {
	fmt.Println(sample(tensor.Shape{7, 7, 16}, nn.Conv2DTranspose{Filters: 8, Kernel: tensor.Shape{4}, Strides: tensor.Shape{2}, Padding: nn.Same}))
	// Output: [14 14 8] <nil>
}

func ExampleDepthwiseConv2D() {
	fmt.Println(sample(tensor.Shape{8, 8, 3}, nn.DepthwiseConv2D{Kernel: tensor.Shape{3}, Multiplier: 2}))
	// Output: [6 6 6] <nil>
}

func ExampleSeparableConv2D() {
	fmt.Println(sample(tensor.Shape{8, 8, 3}, nn.SeparableConv2D{Filters: 5, Kernel: tensor.Shape{3}, Padding: nn.Same}))
	// Output: [8 8 5] <nil>
}

func ExampleMaxPooling2D() {
	fmt.Println(sample(tensor.Shape{7, 7, 2}, nn.MaxPooling2D{Size: tensor.Shape{3}, Strides: tensor.Shape{2}, Ceil: true}))
	// Output: [3 3 2] <nil>
}

func ExampleLSTM() {
	fmt.Println(sample(tensor.Shape{100, 2}, nn.LSTM{Units: 32, Sequences: true}, nn.GRU{Units: 16}))
	// Output: [16] <nil>
}

func ExampleBidirectional() {
	fmt.Println(sample(tensor.Shape{10}, nn.Embedding{Words: 1000, Units: 8}, nn.Bidirectional{Layer: nn.LSTM{Units: 32}}))
	// Output: [64] <nil>
}

// Sequences are padded with 0 to one length, and the padding is left out again.
func ExampleMasking() {
	b := graph.New()
	s := param.NewScope(b, param.NewSet(tensor.Float32), param.Options{})
	x := b.Input("x", graph.Float, 32, 10, 4) // sequences of up to 10 steps
	steps := nn.Masking{}.Apply(s, x)
	last := nn.Sequential{nn.Dropout{Rate: 0.1}, nn.LSTM{Units: 8}}.Apply(s, steps)
	fmt.Println(s.Mask(steps).Shape(), last.Shape(), s.IsMasked(last))
	// Output: [32 10] [32 8] false
}

// Sequences that end after as many steps as a second input says.
func ExampleSequenceMask() {
	m := nn.Functional{In: []nn.Port{{Name: "steps", Shape: tensor.Shape{10, 4}}, {Name: "length", Shape: tensor.Shape{}}}, Layers: []nn.Entry{
		{Layer: nn.SequenceMask{Name: "ended"}, Inputs: []string{"steps", "length"}},
		{Layer: nn.GRU{Units: 8, Name: "state"}},
	}}
	b := graph.New()
	s := param.NewScope(b, param.NewSet(tensor.Float32), param.Options{})
	y := m.Trace(s, []graph.Node{b.Input("steps", graph.Float, 32, 10, 4), b.Input("length", graph.Int, 32)})
	fmt.Println(y[0].Shape(), b.Err())
	// Output: [32 8] <nil>
}

func ExampleEmbedding() {
	fmt.Println(sample(tensor.Shape{12}, nn.Embedding{Words: 5000, Units: 16}, nn.GlobalAveragePooling1D{}))
	// Output: [16] <nil>
}

func ExampleTimeDistributed() {
	fmt.Println(sample(tensor.Shape{9, 28, 28, 1}, nn.TimeDistributed{Layer: nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3}, Strides: tensor.Shape{2}}}))
	// Output: [9 13 13 4] <nil>
}

func ExampleUpSampling2D() {
	fmt.Println(sample(tensor.Shape{4, 4, 3}, nn.UpSampling2D{Size: tensor.Shape{2, 3}, Interpolation: "bilinear"}))
	// Output: [8 12 3] <nil>
}

func ExamplePadding() {
	for _, p := range []nn.Padding{nn.Valid, nn.Same, nn.Pad(nn.Even(1)), nn.Pad(nn.Sides{{0, 1}, {2, 0}})} {
		shape, err := sample(tensor.Shape{8, 8, 1}, nn.Conv2D{Filters: 1, Kernel: tensor.Shape{3}, Padding: p})
		fmt.Println(p, shape, err)
	}
	// Output:
	// valid [6 6 1] <nil>
	// same [8 8 1] <nil>
	// 1 [8 8 1] <nil>
	// [[0,1],[2,0]] [7 8 1] <nil>
}

func ExampleAveragePooling2D() {
	fmt.Println(sample(tensor.Shape{7, 7, 2}, nn.AveragePooling2D{}, nn.ZeroPadding2D{}, nn.Cropping2D{Cropping: nn.Even(2)}))
	// Output: [1 1 2] <nil>
}

func ExampleGRU() {
	fmt.Println(sample(tensor.Shape{10, 3}, nn.GRU{Units: 8, Sequences: true}, nn.SimpleRNN{Units: 4, Backwards: true}))
	// Output: [4] <nil>
}
