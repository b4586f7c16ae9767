package all_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/all"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/npy"
	"github.com/nadir-ml/nadir/format/tfrecord"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A sample is a small model or set of data, made by code, in one of the formats.
type sample struct {
	name  string
	files map[string][]byte
	open  string // which is opened, of the files' names or what they begin with
	bare  bool   // weights alone, for the net of the samples
	data  bool   // rows, which data/sets opens
	// inflates is how many numbers of 4 bytes its compressed ones stand for.
	inflates int
	// sums says of a byte of a file whether a checksum covers it; nil where none does.
	sums func(file string, i int) bool
}

// net is that of the samples of bare weights.
func net() nn.Sequential { return nn.Sequential{nn.Dense{Units: 3, Act: act.ReLU{}, Name: "h"}} }

// model is a trained one of two inputs.
func model(t testing.TB) *format.Model {
	m := &format.Model{Net: net(), Preprocess: nn.Sequential{}, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	names, shapes, err := format.Declared(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		p, err := m.Params.Add(n, param.Weight, shapes[n])
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.Value.Len() {
			p.Value.SetFlat(i, float64(i+1)/4)
		}
	}
	return m
}

func samples(t testing.TB) []sample {
	list := exported(t)
	add := func(s sample) { list = append(list, s) }
	single := func(name, file string, b []byte) {
		add(sample{name: name, files: map[string][]byte{file: b}, open: file})
	}

	single("onnx", "m.onnx", onnxFile(onnxTensor("w", kernel)))
	add(sample{name: "onnx, numbers outside", open: "m.onnx", files: map[string][]byte{"m.onnx": onnxFile(outside("w.bin", 4)), "w.bin": append(make([]byte, 4), floats(kernel...)...)}})
	single("tensorflow graph", "graph.pb", graphFile(constant("h/kernel", kernel, 2, 3)))
	add(sample{name: "tensorflow checkpoint v1, meta", open: "m.ckpt", sums: func(f string, i int) bool { return f == "m.ckpt" },
		files: map[string][]byte{"m.ckpt": tableV1(), "m.ckpt.meta": field(2, graphFile(variable("h/kernel", 2, 3)))}})
	add(sample{name: "tensorflow savedmodel 1", open: "saved", files: map[string][]byte{"saved/saved_model.pb": savedModel(graphFile(constant("h/kernel", kernel, 2, 3)))}})
	add(sample{name: "torch legacy", open: "m.pth", bare: true, files: map[string][]byte{"m.pth": torchLegacy()}})
	single("npy", "m.npy", npyFile(tensor.Of(kernel, 2, 3)))
	add(sample{name: "npy dict", open: "m.npy", files: map[string][]byte{"m.npy": npyDict()}})
	deflated := zipped(t, zip.Deflate, "h/kernel.npy", npyFile(tensor.Of(kernel, 2, 3)))
	add(sample{name: "npz, deflated", open: "m.npz", files: map[string][]byte{"m.npz": deflated}, sums: inEntries(t, deflated)})
	for _, old := range []bool{false, true} {
		weights, text := caffe(old)
		add(sample{name: map[bool]string{false: "caffe", true: "caffe, old"}[old], open: "m.caffemodel", files: map[string][]byte{"m.caffemodel": weights, "m.prototxt": text}})
	}
	add(sample{name: "darknet", open: "m.cfg", files: map[string][]byte{"m.cfg": []byte(darknetText), "m.weights": slices.Concat([]byte{0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, floats(1, 2, 3), floats(kernel...))}})
	single("tflite", "m.tflite", tfliteFile())

	records := tfrecord.Append(tfrecord.Append(nil, example(1)), example(0))
	all := func(string, int) bool { return true }
	add(sample{name: "tfrecord", data: true, open: "d.tfrecord", files: map[string][]byte{"d.tfrecord": records}, sums: all})
	add(sample{name: "tfrecord, gzip", data: true, open: "d.tfrecord.gz", files: map[string][]byte{"d.tfrecord.gz": gzipped(records)}})
	idx := []byte{0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}
	labels := []byte{0, 0, 8, 1, 0, 0, 0, 2, 0, 1}
	add(sample{name: "idx", data: true, open: ".", files: map[string][]byte{"train-images-idx3-ubyte": idx, "train-labels-idx1-ubyte": labels}})
	add(sample{name: "idx, gzip", data: true, open: ".", files: map[string][]byte{"train-images-idx3-ubyte.gz": gzipped(idx), "train-labels-idx1-ubyte.gz": gzipped(labels)}})
	slices.SortFunc(list, func(a, b sample) int { return strings.Compare(a.name, b.name) })
	return list
}

// exported is the model in every format that is written and read.
func exported(t testing.TB) []sample {
	var list []sample
	m := model(t)
	for _, e := range format.Exporters() {
		if e.Ending == ".go" {
			continue // which is not read back
		}
		dir := t.TempDir()
		s := sample{name: e.Name + ", exported", open: "m" + strings.TrimSuffix(e.Ending, "/"), files: map[string][]byte{}}
		path := filepath.Join(dir, s.open)
		var err error
		if e.Create != nil {
			_, err = e.Create(path, m)
		} else {
			var b bytes.Buffer
			_, err = e.Write(&b, m)
			if err == nil {
				err = os.WriteFile(path, b.Bytes(), 0o600)
			}
		}
		if err == nil {
			err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				name, err := filepath.Rel(dir, p)
				if err == nil {
					s.files[filepath.ToSlash(name)], err = os.ReadFile(p)
				}
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := format.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s.bare = f.Blueprint == nil
		f.Close()
		switch e.Name {
		case "npz", "torch", "keras":
			s.sums = inEntries(t, s.files[s.open])
		}
		if strings.HasPrefix(e.Name, "tensorflow") {
			s.sums = func(file string, i int) bool {
				return strings.Contains(file, ".data-") || strings.HasSuffix(file, ".index") && i < len(s.files[file])-48
			}
		}
		list = append(list, s)
	}
	return list
}

// inEntries says which bytes of a ZIP archive are those of its entries, of which it has
// checksums.
func inEntries(t testing.TB, b []byte) func(string, int) bool {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	in := make([]bool, len(b))
	for _, e := range z.File {
		at, err := e.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.CompressedSize64 {
			in[uint64(at)+i] = true
		}
	}
	return func(_ string, i int) bool { return in[i] }
}

var kernel = []float32{1, 2, 3, 4, 5, 6}

// Messages in the wire format of protocol buffers are written by hand.

func field(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), slices.Concat(parts...))
}

func text(num protowire.Number, s string) []byte { return field(num, []byte(s)) }

func number(num protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(int64(v)))
}

func floats(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func varints(v ...int) []byte {
	var b []byte
	for _, x := range v {
		b = protowire.AppendVarint(b, uint64(int64(x)))
	}
	return b
}

// onnxTensor is a TensorProto [2, 3] of floats.
func onnxTensor(name string, v []float32) []byte {
	return slices.Concat(number(1, 2), number(1, 3), number(2, 1), text(8, name), field(9, floats(v...)))
}

// outside is one whose numbers lie in another file.
func outside(location string, offset int) []byte {
	entry := func(k, v string) []byte { return field(13, text(1, k), text(2, v)) }
	return slices.Concat(number(1, 2), number(1, 3), number(2, 1), text(8, "w"), entry("location", location), entry("offset", string(rune('0'+offset))), entry("length", "24"), number(14, 1))
}

func onnxInfo(name string, n int) []byte {
	return slices.Concat(text(1, name), field(2, field(1, number(1, 1), field(2, field(1, text(2, "N")), field(1, number(1, n))))))
}

func onnxNode(op string, in []string, out string, attrs ...[]byte) []byte {
	var b []byte
	for _, i := range in {
		b = append(b, text(1, i)...)
	}
	b = slices.Concat(b, text(2, out), text(4, op))
	for _, a := range attrs {
		b = append(b, field(5, a)...)
	}
	return field(1, b)
}

func onnxModel(parts ...[]byte) []byte {
	return slices.Concat(number(1, 8), text(2, "test"), field(7, parts...), field(8, number(2, 17)))
}

// onnxFile is y = relu(x·w).
func onnxFile(w []byte) []byte {
	return onnxModel(onnxNode("MatMul", []string{"x", "w"}, "m"), onnxNode("Relu", []string{"m"}, "y"), field(5, w), field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", 3)))
}

func shapeProto(dims ...int) []byte {
	var b []byte
	for _, d := range dims {
		b = append(b, field(2, number(1, d))...)
	}
	return b
}

func attr(key string, value ...[]byte) []byte { return field(5, text(1, key), field(2, value...)) }

// tfNode is a node of a GraphDef.
func tfNode(name, op string, in []string, attrs ...[]byte) []byte {
	b := slices.Concat(text(1, name), text(2, op))
	for _, i := range in {
		b = append(b, text(3, i)...)
	}
	return field(1, b, slices.Concat(attrs...))
}

func constant(name string, v []float32, dims ...int) []byte {
	return tfNode(name, "Const", nil, attr("value", field(8, number(1, 1), field(2, shapeProto(dims...)), field(4, floats(v...)))))
}

func variable(name string, dims ...int) []byte {
	return tfNode(name, "VariableV2", nil, attr("dtype", number(6, 1)), attr("shape", field(7, shapeProto(dims...))))
}

func placeholder(name string, dims ...int) []byte {
	return tfNode(name, "Placeholder", nil, attr("dtype", number(6, 1)), attr("shape", field(7, shapeProto(dims...))))
}

// graphFile is the same as a GraphDef.
func graphFile(kernel []byte) []byte {
	return slices.Concat(placeholder("x", -1, 2), kernel, tfNode("h/kernel/read", "Identity", []string{"h/kernel"}),
		tfNode("h/MatMul", "MatMul", []string{"x", "h/kernel/read"}), tfNode("y", "Relu", []string{"h/MatMul"}))
}

func savedModel(graph []byte) []byte {
	return slices.Concat(number(1, 1), field(2, field(1, text(4, "serve")), field(2, graph)))
}

// masked is a CRC-32C as TensorFlow stores it.
func masked(b []byte) []byte {
	crc := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(nil, (crc>>15|crc<<17)+0xa282ead8)
}

// tableOf is a table of one block.
func tableOf(pairs ...[]byte) []byte {
	var file []byte
	block := func(pairs ...[]byte) []byte {
		var b []byte
		for i := 0; i < len(pairs); i += 2 {
			b = slices.Concat(b, varints(0, len(pairs[i]), len(pairs[i+1])), pairs[i], pairs[i+1])
		}
		b = append(b, 0, 0, 0, 0, 1, 0, 0, 0)
		at := varints(len(file), len(b))
		b = append(b, 0)
		file = slices.Concat(file, b, masked(b))
		return at
	}
	place := block(pairs...)
	more := block()
	end := slices.Concat(more, block(pairs[len(pairs)-2], place))
	file = append(file, end...)
	return binary.LittleEndian.AppendUint64(append(file, make([]byte, 40-len(end))...), 0xdb4775248b80fb57)
}

// tableV1 is a checkpoint of version 1 with the kernel.
func tableV1() []byte {
	all := slices.Concat(field(1), field(1))
	meta := field(1, field(1, text(1, "h/kernel"), field(2, shapeProto(2, 3)), number(3, 1)))
	slice := field(2, text(1, "h/kernel"), field(2, all), field(3, number(1, 1), field(5, floats(kernel...))))
	key := slices.Concat([]byte{0}, []byte("h/kernel"), []byte{0, 1, 1, 2, 0x80, 0x7f, 0x80, 0x7f})
	return tableOf(nil, meta, key, slice)
}

// torchLegacy is a state dict as torch.save wrote it before PyTorch 1.6.
func torchLegacy() []byte {
	num := func(n byte) string { return "K" + string([]byte{n}) }
	str := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	tensor := func(key string, n byte, shape, strides string) string {
		return "ctorch._utils\n_rebuild_tensor_v2\n((" + str("storage") + "ctorch\nFloatStorage\n" + str(key) + str("cpu") + num(n) + "NtQ" + num(0) + shape + strides + "\x89ccollections\nOrderedDict\n)RtR"
	}
	dict := "}(" + str("h.weight") + tensor("1", 6, num(3)+num(2)+"\x86", num(2)+num(1)+"\x86") + str("h.bias") + tensor("2", 3, num(3)+"\x85", num(1)+"\x85") + "u"
	file := "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00.\x80\x02" + dict + ".\x80\x02](" + str("1") + str("2") + "e."
	return slices.Concat([]byte(file), []byte{6, 0, 0, 0, 0, 0, 0, 0}, floats(kernel...), []byte{3, 0, 0, 0, 0, 0, 0, 0}, floats(1, 2, 3))
}

func npyFile(x *tensor.Tensor) []byte {
	var b bytes.Buffer
	if err := npy.Write(&b, x); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// npyDict is {h: {weights: an array [2]}}, as NumPy on Python 2 writes it.
func npyDict() []byte {
	const array = "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01"
	const dtype = "cnumpy\ndtype\n(U\x02"
	head := "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
	body := "\x80\x02" + array + ")" + dtype + "O8K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]" +
		"}U\x01h}U\x07weights" + array + "(K\x02t" + dtype + "f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" +
		"U\x08\x00\x00\x80?\x00\x00\x00@tbssatb."
	return []byte("\x93NUMPY\x01\x00" + string(rune(len(head))) + "\x00" + head + body)
}

// zipped is an archive of names and contents in turn.
func zipped(t testing.TB, method uint16, parts ...any) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: parts[i].(string), Method: method})
		if err == nil {
			_, err = w.Write(parts[i+1].([]byte))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// blob is a BlobProto.
func blob(v []float32, dims ...int) []byte {
	return slices.Concat(field(7, field(1, varints(dims...))), field(5, floats(v...)))
}

// caffe is an inner product, as the newest generation writes it or the one before.
func caffe(old bool) (weights, description []byte) {
	k, b := blob(kernel, 3, 2), blob([]float32{1, 2, 3}, 3)
	if old {
		l := slices.Concat(text(4, "ip"), text(2, "data"), text(3, "ip"), number(5, 14), field(17, number(1, 3)), field(6, k), field(6, b))
		return slices.Concat(text(1, "old"), field(2, l)), []byte(`input: "data" input_dim: 1 input_dim: 1 input_dim: 1 input_dim: 2
layers { name: "ip" type: INNER_PRODUCT bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
`)
	}
	l := slices.Concat(text(1, "ip"), text(2, "InnerProduct"), text(3, "data"), text(4, "ip"), field(117, number(1, 3)), field(7, k), field(7, b))
	return slices.Concat(text(1, "new"), field(100, l)), []byte(`layer { name: "data" type: "Input" top: "data" input_param { shape { dim: [1, 2] } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
`)
}

const darknetText = `[net]
inputs=2
[connected]
output=3
activation=relu
`

// tfliteFile is y = x·w, of 2 inputs and 3 units.
func tfliteFile() []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	c := w.Ints(m[1], 0)
	code := w.Table(9)
	w.Point(c[0], code[1])
	buffers := w.Ints(m[4], 0, 0)
	w.Point(buffers[0], w.Table()[0])
	d := w.Table(0)
	w.Point(buffers[1], d[1])
	w.Text(d[0], string(floats(kernel...)))
	graphs := w.Ints(m[2], 0)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors := w.Ints(g[0], 0, 0, 0)
	for i, name := range []string{"x", "w", "y"} {
		v := w.Table(0, 0, []int{0, 1, 0}[i], 0)
		w.Point(tensors[i], v[4])
		w.Ints(v[0], [][]int{{1, 2}, {3, 2}, {1, 3}}[i]...)
		w.Text(v[3], name)
	}
	w.Ints(g[1], 0)
	w.Ints(g[2], 2)
	op := w.Ints(g[3], 0)
	o := w.Table(0, 0, 0)
	w.Point(op[0], o[3])
	w.Ints(o[1], 0, 1, -1)
	w.Ints(o[2], 2)
	return w.B
}

func example(label int64) []byte {
	return tfrecord.Example{{Name: "v", Kind: tfrecord.Floats, Floats: []float32{1, float32(label)}}, {Name: "y", Kind: tfrecord.Ints, Ints: []int64{label}}}.Append(nil)
}
