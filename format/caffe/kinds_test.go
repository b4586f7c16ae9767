package caffe

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

type (
	picture = formattest.Picture
	slide   = formattest.Slide
)

// of is a blob of that shape with these numbers, without a shape where there is none.
func of(v []float64, dims ...uint64) []byte {
	var shape, b []byte
	for _, d := range dims {
		shape = protowire.AppendVarint(shape, d)
	}
	if dims != nil {
		b = sub(nil, 7, sub(nil, 1, shape))
	}
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	return floats(b, f...)
}

// saved is the file of a net whose layers have these blobs, in this order of names.
func saved(names []string, blobs map[string][][]byte) []byte {
	var b []byte
	for _, name := range names {
		l := sub(sub(nil, 1, []byte(name)), 2, []byte("Any"))
		for _, x := range blobs[name] {
			l = sub(l, 7, x)
		}
		b = sub(b, 100, l)
	}
	return b
}

// model writes both files of a net and imports it.
func model(t *testing.T, text string, blobs map[string][][]byte) (*format.Model, *format.Report) {
	t.Helper()
	names := []string{"none"}
	for name := range blobs {
		names = append(names, name)
	}
	path := write(t, "net.caffemodel", saved(names, blobs))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "net.prototxt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return formattest.Import(t, path, format.Options{})
}

// TestKinds holds each type of layer, behind a convolution of pictures (2, 6, 5) into 4
// channels, to its definition with channels first.
func TestKinds(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 2, 6, 5)
	k, b := formattest.Numbers(2, 4*2*9), formattest.Numbers(3, 4)
	y := x.Conv(k, b, 4, slide{Kernel: 3, Pad: 1}) // (4, 6, 5)
	n := len(y.V)
	one := func(v float64) []byte { return of([]float64{v}, 1) }
	mean, variance := formattest.Numbers(4, 4), []float64{0.5, 1, 2, 0.25}
	gamma, beta := formattest.Numbers(5, 4), formattest.Numbers(6, 4)
	times := func(v []float64, f float64) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i] * f
		}
		return out
	}
	norm := y.Each(func(c int, v float64) float64 { return (v - mean[c]) / math.Sqrt(variance[c]+1e-3) })
	factor := y.Each(func(c int, v float64) float64 { return v*gamma[c] + beta[c] })
	each := func(f func(v float64) float64) []float64 {
		return y.Each(func(_ int, v float64) float64 { return f(v) }).LastFlat()
	}
	lrn := func(at func(c, h, w int) float64) []float64 {
		q := y
		q.V = nil
		for c := range y.C {
			for h := range y.H {
				for w := range y.W {
					q.V = append(q.V, at(c, h, w))
				}
			}
		}
		return q.LastFlat()
	}
	square := func(c, h, w int) float64 {
		if c < 0 || c >= y.C {
			return 0
		}
		return y.At(c, h, w) * y.At(c, h, w)
	}
	mat := formattest.Numbers(7, 3*n)
	wide := formattest.Numbers(8, n)
	deconv, grouped := formattest.Numbers(9, 4*3*9), formattest.Numbers(10, 6*2*9)
	flat := append([]float64{}, y.V...)
	scaledFlat := make([]float64, n)
	for i := range flat {
		scaledFlat[i] = flat[i] * wide[i]
	}
	channelMean := make([]float64, 4)
	for c := range 4 {
		for i := range n / 4 {
			channelMean[c] += y.V[c*n/4+i] / float64(n/4)
		}
	}
	gated := y.Each(func(c int, v float64) float64 { return v * channelMean[c] })
	moved, rows := picture{C: 4, H: 6, W: 5, V: append(append([]float64{}, y.V[30:]...), y.V[:30]...)}, picture{C: 4, H: 3, W: 5}
	for i := range 60 {
		rows.V = append(rows.V, y.At(i/15, i/5%3, i%5)+y.At(i/15, i/5%3+3, i%5))
	}
	layer := func(name, kind, more string) string {
		return fmt.Sprintf("layer { name: %q type: %q bottom: \"c\" top: %q %s }\n", name, kind, name, more)
	}
	for name, tc := range map[string]struct {
		text  string
		blobs map[string][][]byte
		want  []float64
	}{
		"none":          {``, nil, y.LastFlat()},
		"relu in place": {`layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.25 } }`, nil, each(func(v float64) float64 { return math.Max(v, 0.25*v) })},
		"elu":           {layer("r", "ELU", `elu_param { alpha: 0.5 }`), nil, each(func(v float64) float64 { return math.Max(v, 0) + 0.5*math.Expm1(math.Min(v, 0)) })},
		"prelu":         {layer("r", "PReLU", ``), map[string][][]byte{"r": {of(gamma, 4)}}, y.Each(func(c int, v float64) float64 { return math.Max(v, 0) + gamma[c]*math.Min(v, 0) }).LastFlat()},
		"prelu, shared": {layer("r", "PReLU", `prelu_param { channel_shared: true }`), map[string][][]byte{"r": {one(0.3)}}, each(func(v float64) float64 { return math.Max(v, 0) + 0.3*math.Min(v, 0) })},
		"power":         {layer("r", "Power", `power_param { power: 2 scale: 0.5 shift: 1 }`), nil, each(func(v float64) float64 { return (1 + 0.5*v) * (1 + 0.5*v) })},
		"power 1":       {layer("r", "Power", `power_param { scale: -2 }`), nil, each(func(v float64) float64 { return -2 * v })},
		"swish":         {layer("r", "Swish", ``), nil, each(func(v float64) float64 { return v / (1 + math.Exp(-v)) })},
		"bnll":          {layer("r", "BNLL", ``), nil, each(func(v float64) float64 { return math.Log1p(math.Exp(v)) })},
		"dropout":       {layer("r", "Dropout", `dropout_param { dropout_ratio: 0.4 }`), nil, y.LastFlat()},
		"lrn across": {layer("r", "LRN", `lrn_param { local_size: 3 alpha: 0.6 beta: 0.5 k: 2 }`), nil, lrn(func(c, h, w int) float64 {
			return y.At(c, h, w) / math.Sqrt(2+0.2*(square(c-1, h, w)+square(c, h, w)+square(c+1, h, w)))
		})},
		"pool, ceil":    {layer("p", "Pooling", `pooling_param { pool: MAX kernel_size: 3 stride: 2 }`), nil, y.Pool(true, slide{Kernel: 3, Stride: 2, Ceil: true}).LastFlat()},
		"pool, floor":   {layer("p", "Pooling", `pooling_param { pool: MAX kernel_size: 2 stride: 2 round_mode: FLOOR }`), nil, y.Pool(true, slide{Kernel: 2, Stride: 2}).LastFlat()},
		"pool, mean":    {layer("p", "Pooling", `pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }`), nil, y.Pool(false, slide{Kernel: 3, Stride: 2, Pad: 1, Ceil: true, CountPad: true}).LastFlat()},
		"pool, global":  {layer("p", "Pooling", `pooling_param { pool: AVE global_pooling: true }`), nil, channelMean},
		"normalization": {layer("n", "BatchNorm", `batch_norm_param { eps: 0.001 }`), map[string][][]byte{"n": {of(times(mean, 8), 4), of(times(variance, 8), 4), one(8)}}, norm.LastFlat()},
		"normalization+": {layer("n", "BatchNorm", `batch_norm_param { eps: 0.001 use_global_stats: true }`) + `layer { name: "s" type: "Scale" bottom: "n" top: "n" scale_param { bias_term: true } }`,
			map[string][][]byte{"n": {of(mean, 4), of(variance, 4), one(1)}, "s": {of(gamma, 4), of(beta, 4)}}, norm.Each(func(c int, v float64) float64 { return v*gamma[c] + beta[c] }).LastFlat()},
		"scale":       {layer("s", "Scale", `scale_param { bias_term: true }`), map[string][][]byte{"s": {of(gamma, 4), of(beta, 4)}}, factor.LastFlat()},
		"scale alone": {layer("s", "Scale", ``), map[string][][]byte{"s": {of(gamma, 4)}}, y.Each(func(c int, v float64) float64 { return v * gamma[c] }).LastFlat()},
		"bias":        {layer("s", "Bias", ``), map[string][][]byte{"s": {of(beta, 4)}}, y.Each(func(c int, v float64) float64 { return v + beta[c] }).LastFlat()},
		"scale, of a flattened image": {layer("f", "Flatten", ``) + `layer { name: "s" type: "Scale" bottom: "f" top: "s" } layer { name: "i" type: "InnerProduct" bottom: "s" top: "i" inner_product_param { num_output: 3 bias_term: false } }`,
			map[string][][]byte{"s": {of(wide, uint64(n))}, "i": {of(mat, 3, uint64(n))}}, formattest.Dense(scaledFlat, mat, nil, 3)},
		"inner product": {layer("i", "InnerProduct", `inner_product_param { num_output: 3 }`), map[string][][]byte{"i": {of(mat, 3, uint64(n)), of(beta[:3], 3)}}, formattest.Dense(flat, mat, beta[:3], 3)},
		"flatten":       {layer("f", "Flatten", ``), nil, flat},
		"reshape":       {layer("f", "Reshape", `reshape_param { shape { dim: 0 dim: -1 } }`), nil, flat},
		"back to an image": {layer("i", "InnerProduct", `inner_product_param { num_output: 3 bias_term: false }`) + `layer { name: "b" type: "Reshape" bottom: "i" top: "b" reshape_param { shape { dim: 0 dim: 1 dim: 3 dim: -1 } } }`,
			map[string][][]byte{"i": {of(mat, 3, uint64(n))}}, formattest.Dense(flat, mat, nil, 3)},
		"concat": {layer("r", "ReLU", ``) + `layer { name: "o" type: "Concat" bottom: "r" bottom: "c" top: "o" }`, nil,
			picture{C: 8, H: 6, W: 5, V: append(append([]float64{}, y.Each(func(_ int, v float64) float64 { return math.Max(v, 0) }).V...), y.V...)}.LastFlat()},
		"sum":          {layer("r", "ReLU", ``) + `layer { name: "o" type: "Eltwise" bottom: "r" bottom: "c" top: "o" }`, nil, each(func(v float64) float64 { return math.Max(v, 0) + v })},
		"sum, weighed": {layer("r", "ReLU", ``) + `layer { name: "o" type: "Eltwise" bottom: "r" bottom: "c" top: "o" eltwise_param { operation: SUM coeff: 0.5 coeff: -2 } }`, nil, each(func(v float64) float64 { return 0.5*math.Max(v, 0) - 2*v })},
		"difference":   {layer("r", "ReLU", ``) + `layer { name: "o" type: "Eltwise" bottom: "r" bottom: "c" top: "o" eltwise_param { coeff: 1 coeff: -1 } }`, nil, each(func(v float64) float64 { return math.Max(v, 0) - v })},
		"product":      {layer("r", "Sigmoid", ``) + `layer { name: "o" type: "Eltwise" bottom: "r" bottom: "c" top: "o" eltwise_param { operation: PROD } }`, nil, each(func(v float64) float64 { return v / (1 + math.Exp(-v)) })},
		"largest":      {layer("r", "TanH", ``) + `layer { name: "o" type: "Eltwise" bottom: "r" bottom: "c" top: "o" eltwise_param { operation: MAX } }`, nil, each(func(v float64) float64 { return math.Max(math.Tanh(v), v) })},
		"slice": {"layer { name: \"s\" type: \"Slice\" bottom: \"c\" top: \"a\" top: \"b\" slice_param { axis: 1 slice_point: 1 } } layer { name: \"o\" type: \"Concat\" bottom: \"b\" bottom: \"a\" top: \"o\" }", nil,
			moved.LastFlat()},
		"slice, rows": {"layer { name: \"s\" type: \"Slice\" bottom: \"c\" top: \"a\" top: \"b\" slice_param { axis: 2 } } layer { name: \"o\" type: \"Eltwise\" bottom: \"a\" bottom: \"b\" top: \"o\" }", nil, rows.LastFlat()},
		"gate":        {layer("p", "Pooling", `pooling_param { pool: AVE global_pooling: true }`) + `layer { name: "o" type: "Scale" bottom: "c" bottom: "p" top: "o" scale_param { axis: 0 } }`, nil, gated.LastFlat()},
		"deconvolution": {layer("d", "Deconvolution", `convolution_param { num_output: 3 kernel_size: 3 stride: 2 pad: 1 }`), map[string][][]byte{"d": {of(deconv, 4, 3, 3, 3), of(beta[:3], 3)}},
			y.Deconv(deconv, beta[:3], 3, slide{Kernel: 3, Stride: 2, Pad: 1}).LastFlat()},
		"groups, dilated": {layer("g", "Convolution", `convolution_param { num_output: 6 kernel_size: 3 group: 2 pad: 2 dilation: 2 bias_term: false }`), map[string][][]byte{"g": {of(grouped, 6, 2, 3, 3)}},
			y.Conv(grouped, nil, 6, slide{Kernel: 3, Pad: 2, Dilation: 2, Groups: 2}).LastFlat()},
		"lrn within": {layer("r", "LRN", `lrn_param { local_size: 3 alpha: 0.9 beta: 0.5 norm_region: WITHIN_CHANNEL }`), nil, lrn(func(c, h, w int) float64 {
			sum := 0.0
			for i := range 9 {
				v := y.At(c, h+i/3-1, w+i%3-1)
				sum += v * v
			}
			return y.At(c, h, w) / math.Sqrt(1+0.9*sum/9)
		})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := `name: "k" layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 2, 6, 5] } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
` + tc.text
			blobs := map[string][][]byte{"c": {of(k, 4, 2, 3, 3), of(b, 4)}}
			for name, v := range tc.blobs {
				blobs[name] = v
			}
			m, _ := model(t, text, blobs)
			formattest.Near(t, formattest.Predict(t, m, x.Last()), tc.want...)
		})
	}
}

// TestGenerations reads a net as each generation of Caffe wrote its text.
func TestGenerations(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 1, 6, 6)
	k, b, mat := formattest.Numbers(2, 2*9), formattest.Numbers(3, 2), formattest.Numbers(4, 3*2*3*3)
	want := formattest.Dense(x.Conv(k, b, 2, slide{Kernel: 3, Pad: 1}).Each(func(_ int, v float64) float64 { return math.Max(v, 0) }).Pool(true, slide{Kernel: 2, Stride: 2}).V, mat, nil, 3)
	blobs := map[string][][]byte{"c": {of(k, 2, 1, 3, 3), of(b, 2)}, "i": {of(mat, 3, 18)}}
	const head = "name: \"n\"\ninput: \"x\"\ninput_dim: 1 input_dim: 1 input_dim: 6 input_dim: 6\n"
	for name, text := range map[string]string{
		"first": head + `layers { layer { name: "c" type: "conv" num_output: 2 kernelsize: 3 pad: 1 } bottom: "x" top: "c" }
layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }
layers { layer { name: "p" type: "pool" pool: MAX kernelsize: 2 stride: 2 } bottom: "c" top: "p" }
layers { layer { name: "i" type: "innerproduct" num_output: 3 biasterm: false } bottom: "p" top: "i" }`,
		"second": head + `layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" convolution_param { num_output: 2 kernel_size: 3 pad: 1 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "p" type: POOLING bottom: "c" top: "p" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layers { name: "i" type: INNER_PRODUCT bottom: "p" top: "i" inner_product_param { num_output: 3 bias_term: false } }`,
		"third": head + `layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 2 kernel_h: 3 kernel_w: 3 pad_h: 1 pad_w: 1 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "i" type: "InnerProduct" bottom: "p" top: "i" inner_product_param { num_output: 3 bias_term: false } }`,
	} {
		m, _ := model(t, text, blobs)
		y := formattest.Predict(t, m, x.Last())
		t.Log(name)
		formattest.Near(t, y, want...)
	}
}

// TestMeans takes a mean image or a mean of each channel from the input, as the net asks.
func TestMeans(t *testing.T) {
	t.Parallel()
	x := formattest.NewPicture(1, 2, 2, 2)
	const text = `layer { name: "d" type: "Data" top: "x" transform_param { %s } include { phase: TEST } }
layer { name: "r" type: "ReLU" bottom: "x" top: "r" }`
	image := formattest.NewPicture(2, 2, 4, 4)
	mean := write(t, "mean.binaryproto", of(image.V, 1, 2, 4, 4))
	dir := filepath.Dir(mean)
	open := func(transform string) (*format.Model, *format.Report) {
		path := filepath.Join(t.TempDir(), "net.prototxt")
		if strings.Contains(transform, "mean_file") {
			path = filepath.Join(dir, "net.prototxt")
		}
		if err := os.WriteFile(path, fmt.Appendf(nil, text, transform), 0o600); err != nil {
			t.Fatal(err)
		}
		o := format.Options{Inputs: imageOf(2, 2, 2)}
		return formattest.Import(t, path, o)
	}
	m, _ := open(`mean_value: 0.25 mean_value: -0.5 scale: 2`)
	formattest.Near(t, formattest.Predict(t, m, x.Last()), x.Each(func(c int, v float64) float64 { return math.Max(0, 2*(v-[]float64{0.25, -0.5}[c])) }).LastFlat()...)
	m, r := open(`mean_file: "/data/models/mean.binaryproto" scale: 2`)
	i := -1
	formattest.Near(t, formattest.Predict(t, m, x.Last()), x.Each(func(c int, v float64) float64 {
		i++
		return math.Max(0, 2*(v-image.At(c, 1+i%4/2, 1+i%2)))
	}).LastFlat()...)
	if strings.Contains(fmt.Sprint(r.Warnings), "mean image") {
		t.Error(r.Warnings)
	}
	m, r = open(`mean_file: "gone.binaryproto"`)
	if !strings.Contains(fmt.Sprint(r.Warnings), "input.mean=") {
		t.Error(r.Warnings)
	}
	formattest.Near(t, formattest.Predict(t, m, x.Last()), x.Each(func(_ int, v float64) float64 { return math.Max(0, v) }).LastFlat()...)
}

func imageOf(shape ...int) []data.Field {
	return []data.Field{{Name: "x", DType: tensor.Float32, Shape: shape}}
}

// TestRefusesKinds names what there is nothing for.
func TestRefusesKinds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" }`:                                                          `cuts 3 places`,
		`layer { name: "s" type: "Crop" bottom: "x" bottom: "x" top: "a" }`:                                                        `layer "s" (type Crop)`,
		`layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { pool: STOCHASTIC kernel_size: 2 } }`:               "STOCHASTIC",
		`layer { name: "e" type: "Eltwise" bottom: "x" bottom: "x" top: "e" eltwise_param { operation: PROD coeff: 2 } }`:          "coefficients",
		`layer { name: "s" type: "Scale" bottom: "x" top: "s" scale_param { axis: 2 } }`:                                           "each channel",
		`layer { name: "l" type: "LRN" bottom: "x" top: "l" lrn_param { norm_region: WITHIN_CHANNEL local_size: 4 } }`:             "odd size",
		`layer { name: "i" type: "InnerProduct" bottom: "x" top: "i" inner_product_param { num_output: 3 axis: 2 } }`:              "axis is 2",
		`layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 3 kernel_size: 3 group: 2 } }`: "groups",
	} {
		path := write(t, "net.prototxt", []byte(`layer { name: "x" type: "Input" top: "x" input_param { shape { dim: [1, 3, 6, 6] } } }`+"\n"+text))
		if _, err := format.Open(path, tensor.Float32); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
