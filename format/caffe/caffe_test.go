package caffe

import (
	"encoding/binary"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// TestLeNet holds a net that Caffe trained to what is recorded, to the image.
func TestLeNet(t *testing.T) {
	t.Parallel()
	const dir = "caffe/lenet-ethereon"
	var want struct {
		Logits   [][]float64 `json:"logits_first_8"`
		Accuracy float64     `json:"accuracy_t10k"`
	}
	formattest.Expected(t, dir, &want)
	images, labels := formattest.Images(t, "mnist", "t10k")
	x := images.Clone()
	for i, v := range x.Float32s() {
		x.Float32s()[i] = v * 255 / 256
	}
	folder := shared.Dir(t, "models", dir)
	m, r := formattest.Import(t, filepath.Join(folder, "lenet.prototxt"), format.Options{})
	if got := formattest.Accuracy(t, m, x, labels); math.Round(got*1e4) != math.Round(want.Accuracy*1e4) {
		t.Errorf("accuracy %v, want %v", got, want.Accuracy)
	}
	if len(r.Tensors) != 8 || len(r.Skipped) != 0 || len(m.Losses) != 1 {
		t.Errorf("%+v, losses %v", r, m.Losses)
	}
	// The other file finds the first one, and a blob before the end may be asked for.
	m, _ = formattest.Import(t, filepath.Join(folder, "lenet_iter_10000.caffemodel"), format.Options{Output: "ip2"})
	var flat []float64
	for _, row := range want.Logits {
		flat = append(flat, row...)
	}
	formattest.Near(t, formattest.Predict(t, m, x.Rows(0, 8)), flat...)
}

// TestAlone imports the network that the weights' own file carries.
func TestAlone(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(shared.File(t, "models", "caffe/lenet-ethereon/lenet_iter_10000.caffemodel"))
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "lenet")
	if err := os.WriteFile(at, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := format.Import(at, format.Options{}); err == nil {
		t.Error("a net without the shape of its input is taken")
	}
	m, _ := formattest.Import(t, at, format.Options{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{28, 28, 1}}}})
	x, labels := formattest.Images(t, "mnist", "t10k")
	raws := x.Rows(0, 500).Clone()
	for i, v := range raws.Float32s() {
		raws.Float32s()[i] = v * 255 // the network scales it itself
	}
	if got := formattest.Accuracy(t, m, raws, labels[:500]); got < 0.98 {
		t.Errorf("accuracy %v", got)
	}
}

// TestMTCNN imports nets with slopes of their own for each channel and two ends.
func TestMTCNN(t *testing.T) {
	t.Parallel()
	for name, tensors := range map[string]int{"det1": 13, "det2": 16} {
		m, r := formattest.Import(t, filepath.Join(shared.Dir(t, "models", "caffe/mtcnn-"+name), name+".caffemodel"), format.Options{})
		if _, outs := m.Net.Ports(); len(outs) != 2 || len(r.Tensors) != tensors {
			t.Errorf("%s: %d outputs, tensors %v", name, len(outs), r.Tensors)
		}
		y := formattest.Predict(t, m, formattest.Rows(2, -1, append([]int{2}, m.Data.Inputs[0].Shape...)...))
		for i := range y.Len() {
			if v := y.Flat(i); math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s: %v", name, v)
			}
		}
	}
}

// TestPair holds nets to what caffe-tensorflow made of the same files, bit for bit.
func TestPair(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"det1": 13, "det2": 16} {
		m, _ := formattest.Import(t, filepath.Join(shared.Dir(t, "models", "caffe/mtcnn-"+name), name+".caffemodel"), format.Options{})
		f, err := format.OpenFile(shared.File(t, "models", "caffe-tensorflow-npy/mtcnn", name+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		leaf := map[string]string{"kernel": "weights", "bias": "biases", "alpha": "alpha"}
		for p := range m.Params.All() {
			layer, last, _ := strings.Cut(p.Name, "/")
			x, ok := f.Lookup(layer + "/" + leaf[path.Base(last)])
			if !ok {
				t.Errorf("%s: no array for it", p.Name)
				continue
			}
			n--
			if y, err := x.Read(); err != nil || string(y.Bytes()) != string(p.Value.Bytes()) {
				t.Errorf("%s of %s differs (%v)", p.Name, name, err)
			}
		}
		if n != 0 || len(f.Tensors) == 0 {
			t.Errorf("%s: %d parameters are missing", name, n)
		}
	}
}

// TestMean opens a mean image.
func TestMean(t *testing.T) {
	t.Parallel()
	b := []byte{8, 1, 0x10, 1, 0x18, 2, 0x20, 2}
	b = floats(b, 1, 2, 3, 4)
	path := write(t, "mean.binaryproto", b)
	f, err := format.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.Tensors[0].Read()
	if err != nil || f.Format != "caffe-mean" || !x.Shape().Equal(tensor.Shape{1, 1, 2, 2}) || x.Flat(3) != 4 {
		t.Error(f.Format, x, err)
	}
}

func write(t testing.TB, name string, b []byte) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sub(b []byte, num protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), body)
}

func whole(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// floats adds the numbers of a blob.
func floats(b []byte, v ...float32) []byte {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return sub(b, 5, raw)
}

// counted is a blob of that shape with numbers that count up from first.
func counted(first float32, dims ...uint64) []byte {
	var shape []byte
	n := uint64(1)
	for _, d := range dims {
		shape = protowire.AppendVarint(shape, d)
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = first + float32(i)
	}
	return floats(sub(nil, 7, sub(nil, 1, shape)), v...)
}

// small is a net of a convolution and an inner product, as the newest generation or the one
// before writes it, and what describes it.
func small(old bool) (model, text []byte) {
	conv, ip := sub(nil, 1, whole(whole(nil, 1, 2), 4, 2)), []byte(nil)
	conv = conv[2:]
	ip = whole(nil, 1, 3)
	if old {
		l := sub(sub(sub(nil, 4, []byte("conv")), 2, []byte("data")), 3, []byte("conv"))
		l = sub(whole(l, 5, 4), 10, conv)
		l = sub(sub(l, 6, counted(1, 2, 1, 2, 2)), 6, counted(0, 1, 1, 1, 2))
		model = sub(sub(model, 1, []byte("old")), 2, l)
		l = sub(sub(sub(nil, 4, []byte("ip")), 2, []byte("conv")), 3, []byte("ip"))
		l = sub(whole(l, 5, 14), 17, ip)
		l = sub(sub(l, 6, counted(1, 1, 1, 3, 8)), 6, counted(0, 1, 1, 1, 3))
		model = sub(model, 2, l)
		return model, []byte(`name: "old" input: "data" input_dim: 1 input_dim: 1 input_dim: 3 input_dim: 3
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 2 } }
layers: < name: 'ip' type: INNER_PRODUCT bottom: "conv" top: "ip" inner_product_param { num_output: 3 } > # the head
`)
	}
	l := sub(sub(sub(sub(nil, 1, []byte("conv")), 2, []byte("Convolution")), 3, []byte("data")), 4, []byte("conv"))
	l = sub(sub(sub(l, 106, conv), 7, counted(1, 2, 1, 2, 2)), 7, counted(0, 2))
	model = sub(sub(model, 1, []byte("new")), 100, l)
	l = sub(sub(sub(sub(nil, 1, []byte("ip")), 2, []byte("InnerProduct")), 3, []byte("conv")), 4, []byte("ip"))
	l = sub(sub(sub(l, 117, ip), 7, counted(1, 3, 8)), 7, counted(0, 3))
	model = sub(model, 100, l)
	return model, []byte(`name: "new"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 1, 3, 3] } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip" inner_product_param { num_output: 3 } }
`)
}

// TestOrder holds an inner product that follows a convolution to what Caffe computes, in
// both spellings: its columns are channel by channel.
func TestOrder(t *testing.T) {
	t.Parallel()
	var x [3][3]float64
	for i := range 9 {
		x[i/3][i%3] = float64((i*7919+13)%1009) / 1008
	}
	var conv []float64 // channels, rows, columns
	for ch := range 2 {
		for r := range 2 {
			for col := range 2 {
				v := float64(ch)
				for i := range 4 {
					v += x[r+i/2][col+i%2] * float64(1+ch*4+i)
				}
				conv = append(conv, v)
			}
		}
	}
	var want []float64
	for u := range 3 {
		v := float64(u)
		for i, c := range conv {
			v += c * float64(1+u*8+i)
		}
		want = append(want, v)
	}
	for _, old := range []bool{false, true} {
		model, text := small(old)
		path := write(t, "net.caffemodel", model)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "net.prototxt"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		m, _ := formattest.Import(t, path, format.Options{})
		formattest.Near(t, formattest.Predict(t, m, formattest.Rows(1, 0, 1, 3, 3, 1)), want...)
	}
}

// TestDamage cuts off both files at every byte, and turns bits.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		model, text := small(old)
		dir := formattest.NewFolder(t)
		use := func(model, text []byte) error {
			dir.Write("net.prototxt", text)
			return formattest.Use(dir.Write("net.caffemodel", model), format.Options{})
		}
		formattest.Turned(t, model, 1, func(m []byte) error { return use(m, text) })
		for n := range len(model) {
			if use(model[:n], text) == nil {
				t.Errorf("%d of %d bytes of the weights are taken for the whole", n, len(model))
			}
		}
		formattest.Turned(t, text, 1, func(d []byte) error { return use(model, d) })
	}
}

// TestText reads what the text format allows, and refuses what it does not.
func TestText(t *testing.T) {
	t.Parallel()
	m, err := parseText("a: 1 a: 2; b { c: 'x' \"y\\n\" } d: [3, 4] # end")
	if err != nil || m.sub("b").text("c") != "xy\n" || len(m["a"]) != 2 || len(m["d"]) != 2 {
		t.Error(m, err)
	}
	deep := ""
	for range 100 {
		deep += "a {"
	}
	for _, bad := range []string{"a", "a:", "a {", "a: \"x", "a 1", "1: 2", "a: [1 2]", "}", "a: \"\\q\"", deep} {
		if _, err := parseText(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestWindows holds the shape of poolings that is foreseen here to what the layer gives.
func TestWindows(t *testing.T) {
	t.Parallel()
	model, _ := small(false)
	dir := t.TempDir()
	path := filepath.Join(dir, "net.caffemodel")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		n, k := rapid.IntRange(2, 12).Draw(r, "n"), rapid.IntRange(1, 4).Draw(r, "k")
		p := message{"pooling_param": {{tree: message{"kernel_size": {{text: itoa(k)}}, "stride": {{text: itoa(rapid.IntRange(1, k).Draw(r, "s"))}},
			"pad": {{text: itoa(rapid.IntRange(0, k-1).Draw(r, "p"))}}, "pool": {{text: rapid.SampledFrom([]string{"MAX", "AVE"}).Draw(r, "kind")}}}}}}
		c := &converter{net: &net{inputs: []string{"x"}, shapes: []tensor.Shape{{1, 2, n, n}}, layers: []*layer{{name: "pool", kind: "Pooling", bottom: []string{"x"}, top: []string{"pool"}, m: p}}},
			blobs: map[string]blobValue{}, users: map[string]int{}}
		b, err := c.convert([]string{"pool"})
		if err != nil {
			if k > n {
				return
			}
			r.Fatal(err)
		}
		want := c.blobs["pool"].image
		f := format.File{Blueprint: func(format.Options) (*format.Blueprint, error) { return b, nil }}
		m, _, err := f.Import(format.Options{})
		if err != nil {
			r.Fatal(err)
		}
		y, err := formattest.Try(m, formattest.Rows(1, 0, 1, n, n, 2))
		if err != nil {
			r.Fatal(err)
		}
		if !y.Shape().Equal(tensor.Shape{1, want[1], want[2], want[0]}) {
			r.Fatalf("shape %v, want %v", y.Shape(), want)
		}
	})
}

func itoa(n int) string { return string(rune('0' + n)) }

func FuzzOpen(f *testing.F) {
	for _, old := range []bool{false, true} {
		model, text := small(old)
		f.Add(model, text)
		f.Add(text, []byte(nil))
	}
	dir := formattest.NewFolder(f)
	f.Fuzz(func(t *testing.T, model, text []byte) {
		dir.Write("net.prototxt", text)
		if err := formattest.Use(dir.Write("net.caffemodel", model), format.Options{}); err != nil {
			formattest.Told(t, err)
		}
	})
}
