package all_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/hdf5"
)

// tag is the shortest name of value i of a chain.
func tag(i int) string { return strconv.FormatInt(int64(i), 36) }

// longKeras is a description of so many layers of Keras, each of which takes what the one
// before gives.
func longKeras(n int) string {
	return sequential(append([]string{`{"class_name":"InputLayer","config":{"batch_shape":[null,2],"name":"i"}}`}, slices.Repeat([]string{`{"class_name":"ReLU"}`}, n)...)...)
}

// longFunctional is the same, drawn as a graph.
func longFunctional(n int) string {
	var b strings.Builder
	b.WriteString(`{"class_name":"Functional","config":{"name":"f","layers":[{"class_name":"InputLayer","name":"0","config":{"batch_input_shape":[null,2],"name":"0"},"inbound_nodes":[]}`)
	for i := range n {
		fmt.Fprintf(&b, `,{"class_name":"ReLU","name":%q,"config":{"name":%[1]q},"inbound_nodes":[[[%q,0,0,{}]]]}`, tag(i+1), tag(i))
	}
	fmt.Fprintf(&b, `],"input_layers":[["0",0,0]],"output_layers":[[%q,0,0]]}}`, tag(n))
	return b.String()
}

// longLite is a .tflite file of so many operations, whose tensors are one table.
func longLite(n int) []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	c := w.Ints(m[1], 0)
	code := w.Table(19) // RELU
	w.Point(c[0], code[1])
	buffers := w.Ints(m[4], 0)
	w.Point(buffers[0], w.Table()[0])
	graphs := w.Ints(m[2], 0)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors := w.Ints(g[0], make([]int, n+1)...)
	v := w.Table(0, 0, 0, 0)
	for _, at := range tensors {
		w.Point(at, v[4])
	}
	w.Ints(v[0], 1, 2)
	w.Text(v[3], "x")
	ops := w.Ints(g[3], make([]int, n)...)
	for i := range n {
		o := w.Table(0, 0, 0)
		w.Point(ops[i], o[3])
		w.Ints(o[1], i)
		w.Ints(o[2], i+1)
	}
	w.Ints(g[1], 0)
	w.Ints(g[2], n)
	return w.B
}

// chains are models of so many of the smallest layers that there are in each format.
func chains(t testing.TB, n int) []sample {
	var list []sample
	add := func(name, file string, b []byte, more ...any) {
		s := sample{name: name, open: file, files: map[string][]byte{file: b}}
		for i := 0; i < len(more); i += 2 {
			s.files[more[i].(string)] = more[i+1].([]byte)
		}
		list = append(list, s)
	}
	var onnx, graph, caffe []byte
	for i := range n {
		onnx = append(onnx, onnxNode("Relu", []string{tag(i)}, tag(i+1))...)
		graph = append(graph, tfNode(tag(i+1), "Relu", []string{tag(i)})...)
		caffe = append(caffe, field(100, text(2, "ReLU"), text(3, "0"), text(4, "0"))...)
	}
	add("onnx", "m.onnx", onnxModel(onnx, field(11, onnxInfo("0", 2)), field(12, onnxInfo(tag(n), 2))))
	graph = slices.Concat(placeholder("0", -1, 2), graph)
	add("tensorflow graph", "g.pb", graph)
	add("tensorflow savedmodel", "m/saved_model.pb", savedModel(graph))
	list[len(list)-1].open = "m"
	head := `input:"0" input_shape{dim:1 dim:2}`
	add("caffe, text", "m.prototxt", []byte(head+strings.Repeat("\nlayer{type:\"ReLU\"bottom:\"0\"top:\"0\"}", n)))
	add("caffe", "m.caffemodel", slices.Concat(text(3, "0"), field(8, field(1, varints(1, 2))), caffe))
	weights := []byte{0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	add("darknet", "m.cfg", []byte("[net]\ninputs=2\n"+strings.Repeat("[softmax]\n", n)), "m.weights", weights)
	add("tflite", "m.tflite", longLite(n))
	add("keras-h5", "m.h5", kerasFile(t, longKeras(n)))
	add("keras-h5, functional", "m.h5", kerasFile(t, longFunctional(n)))
	var h5 bytes.Buffer
	root := &hdf5.Node{}
	root.Group("layers")
	root.Group("vars")
	if err := hdf5.Write(&h5, root); err != nil {
		t.Fatal(err)
	}
	add("keras", "m.keras", zipped(t, zip.Deflate, "config.json", []byte(longKeras(n)), "metadata.json", []byte("{}"), "model.weights.h5", h5.Bytes()))
	add("own", "m.safetensors", own(t, "["+strings.Repeat(`"elu",`, n-1)+`"elu"]`, `[2]`))
	return list
}

// TestChains holds models of thousands of layers in as many bytes as can be to what they may
// take of memory, and those of many more to an error. It is not parallel, so that the memory
// is its own.
func TestChains(t *testing.T) {
	const some, many = 2500, 50000
	for _, s := range chains(t, some) {
		t.Run(s.name, func(t *testing.T) {
			if _, err := lay(t, s).bounded(t, "some"); err != nil {
				t.Error(err)
			}
		})
	}
	for _, s := range chains(t, many) {
		t.Run(s.name+", many", func(t *testing.T) {
			_, err := lay(t, s).bounded(t, "many")
			if err == nil || !strings.Contains(err.Error(), "more than") && !strings.Contains(err.Error(), "at most") {
				t.Errorf("%.300v; want it to say how many there may be", err)
			}
		})
	}
}
