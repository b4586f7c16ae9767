package all_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/tensor"
)

// An attack is a model made to do harm, and what the error says of it. Attacks on a format
// alone are among its own tests; these go through all that stands between a file and a
// prediction.
type attack struct {
	sample
	says  string
	links map[string]string // symbolic links: where they lead
}

func one(name, file string, b []byte, says string) attack {
	return attack{sample: sample{name: name, files: map[string][]byte{file: b}, open: file}, says: says}
}

// darknetAttack is a net with a file of weights that has a header and few numbers.
func darknetAttack(name, text, says string) attack {
	return attack{sample: sample{name: "darknet: " + name, open: "m.cfg", files: map[string][]byte{"m.cfg": []byte(text), "m.weights": make([]byte, 16)}}, says: says}
}

func own(t testing.TB, net, shape string) []byte {
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, map[string]string{"nadir.version": "1", "nadir.model": net, "nadir.data": `{"inputs":[{"name":"x","dtype":"float32","shape":` + shape + `}]}`, "nadir.loss": `[]`}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// kerasFile is a .h5 file with a configuration and no weights.
func kerasFile(t testing.TB, config string) []byte {
	root := &hdf5.Node{}
	root.Set("keras_version", "2.4.0")
	root.Set("backend", "tensorflow")
	root.Set("model_config", config)
	root.Group("model_weights").Set("layer_names", hdf5.Fixed{})
	var b bytes.Buffer
	if err := hdf5.Write(&b, root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sequential(layers ...string) string {
	return `{"class_name": "Sequential", "config": {"name": "s", "layers": [` + strings.Join(layers, ", ") + `]}}`
}

// pickled is a torch archive with a pickle.
func pickled(t testing.TB, pickle string) []byte {
	return zipped(t, zip.Store, "m/data.pkl", []byte("\x80\x02"+pickle), "m/data/0", floats(1, 2), "m/version", []byte("3\n"))
}

func attacks(t testing.TB) []attack {
	var list []attack
	add := func(a ...attack) { list = append(list, a...) }
	wide := slices.Concat(placeholder("x", -1, 2), constant("h/kernel", kernel, 2, 3))
	secret := slices.Concat(make([]byte, 4), floats(kernel...))
	beside := func(name, location, says string, links map[string]string) attack {
		return attack{sample: sample{name: "onnx: " + name, open: "m/m.onnx", files: map[string][]byte{"m/m.onnx": onnxFile(outside(location, 4)), "secret": secret, "other/w.bin": secret}}, links: links, says: says}
	}
	link := func(name, format string, files map[string][]byte, open string, links map[string]string, says string) attack {
		return attack{sample: sample{name: format + ": " + name, files: files, open: open}, links: links, says: says}
	}

	// What a few bytes ask for: padding, repetition, units.
	add(one("onnx: padding without end", "m.onnx", onnxModel(onnxNode("Conv", []string{"x", "w"}, "y", slices.Concat(text(1, "pads"), field(8, varints(30000, 30000, 30000, 30000)), number(20, 7))),
		field(5, number(1, 1), number(1, 1), number(1, 1), number(1, 1), number(2, 1), text(8, "w"), field(9, floats(1))), field(11, text(1, "x"), field(2, field(1, number(1, 1), field(2, field(1, text(2, "N")), field(1, number(1, 1)), field(1, number(1, 4)), field(1, number(1, 4)))))),
		field(12, onnxInfo("y", 3))), "too large"),
		one("own: zero padding", "m.safetensors", own(t, `[{"zero_padding2d":{"padding":30000}}]`, `[2,2,1]`), "fill memory"),
		one("own: repetition", "m.safetensors", own(t, `[{"repeat_vector":{"n":1000000000}}]`, `[2]`), "fill memory"),
		one("own: repetition after repetition", "m.safetensors", own(t, `["flatten",{"repeat_vector":{"n":4000}},"flatten",{"repeat_vector":{"n":4000}},"flatten",{"repeat_vector":{"n":4000}}]`, `[2]`), "fill memory"),
		one("own: a product that overflows", "m.safetensors", own(t, `["flatten",{"repeat_vector":{"n":4000000000}},"flatten",{"repeat_vector":{"n":4000000000}},"flatten",{"repeat_vector":{"n":4000000000}}]`, `[2]`), ""),
		one("own: units without numbers", "m.safetensors", own(t, `[{"dense":{"units":1000000000000}}]`, `[2]`), ""),
		one("keras: up-sampling", "m.h5", kerasFile(t, sequential(`{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2, 2, 1], "name": "i"}}`,
			`{"class_name": "UpSampling2D", "config": {"name": "u", "size": [30000, 30000], "data_format": "channels_last", "interpolation": "nearest"}}`)), "256"),
		darknetAttack("up-sampling", "[net]\nwidth=2\nheight=2\nchannels=1\n[upsample]\nstride=50\n[upsample]\nstride=50\n", "fill memory"),
		darknetAttack("a window of nothing", "[net]\nwidth=2\nheight=2\nchannels=1\n[maxpool]\nsize=1\nstride=1\npadding=60000\n", ""),
		darknetAttack("routes that double", "[net]\nwidth=64\nheight=64\nchannels=1\n[route]\nlayers=-1\n"+strings.Repeat("[route]\nlayers=-1,-1\n", 40), ""),
		darknetAttack("units without numbers", "[net]\ninputs=2\n[connected]\noutput=16000000\n", ""),
		attack{sample: sample{name: "caffe: padding", open: "m.prototxt", files: map[string][]byte{"m.prototxt": []byte(`input: "x" input_shape { dim: [1, 1, 4, 4] }
layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { pool: MAX kernel_size: 60000 pad: 59999 stride: 1 } }`)}}, says: "fill memory"},
		attack{sample: sample{name: "caffe: pooling of nothing", open: "m.prototxt", files: map[string][]byte{"m.prototxt": []byte(`input: "x" input_shape { dim: [1, 1, 4, 4] }
layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { pool: AVE kernel_size: 3000 pad: 2999 stride: 1 } }`)}}, says: ""})

	// Graphs that lead back to themselves.
	add(one("onnx: a cycle", "m.onnx", onnxModel(onnxNode("Relu", []string{"a"}, "b"), onnxNode("Relu", []string{"b"}, "a"), field(11, onnxInfo("x", 2)), field(12, onnxInfo("a", 2))), "leads back"),
		one("tensorflow: a cycle", "g.pb", slices.Concat(wide, tfNode("a", "Relu", []string{"b"}), tfNode("b", "Relu", []string{"a"}), tfNode("y", "Relu", []string{"b"})), ""),
		one("tensorflow: a node of itself", "g.pb", slices.Concat(wide, tfNode("y", "Add", []string{"x", "y"})), ""),
		attack{sample: sample{name: "caffe: a cycle", open: "m.prototxt", files: map[string][]byte{"m.prototxt": []byte(`input: "x" input_shape { dim: [1, 2] }
layer { name: "a" type: "ReLU" bottom: "b" top: "a" } layer { name: "b" type: "ReLU" bottom: "a" top: "b" }`)}}, says: ""},
		one("keras: a cycle", "m.h5", kerasFile(t, `{"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", "name": "i", "config": {"batch_input_shape": [null, 2], "name": "i"}, "inbound_nodes": []},
			{"class_name": "Activation", "name": "a", "config": {"name": "a", "activation": "relu"}, "inbound_nodes": [[["b", 0, 0, {}]]]}, {"class_name": "Activation", "name": "b", "config": {"name": "b", "activation": "relu"}, "inbound_nodes": [[["a", 0, 0, {}]]]}],
			"input_layers": [["i", 0, 0]], "output_layers": [["b", 0, 0]]}}`), ""),
		one("own: a cycle", "m.safetensors", own(t, `{"inputs":{"x":"2"},"layers":[{"elu":{"name":"a","inputs":["b"]}},{"elu":{"name":"b","inputs":["a"]}}]}`, `[2]`), ""))

	// Reads elsewhere than in the model's folder.
	add(beside("a folder above", "../secret", "folder", nil), beside("an absolute path", "/etc/passwd", "folder", nil), beside("a link out", "l", "external data", map[string]string{"m/l": "../secret"}),
		beside("a linked folder", "d/w.bin", "external data", map[string]string{"m/d": "../other"}), beside("a folder above, hidden", "x/../../secret", "folder", nil),
		link("variables elsewhere", "savedmodel", map[string][]byte{"m/saved_model.pb": savedModel(graphFile(variable("h/kernel", 2, 3))), "other/variables.index": tableOf(nil, number(1, 1)), "other/variables.data-00000-of-00001": nil}, "m", map[string]string{"m/variables": "../other"}, "out of the model's folder"),
		link("the graph elsewhere", "savedmodel", map[string][]byte{"m/assets/a": nil, "other": savedModel(graphFile(constant("h/kernel", kernel, 2, 3)))}, "m", map[string]string{"m/saved_model.pb": "../other"}, "out of the model's folder"),
		link("a shard elsewhere", "bundle", map[string][]byte{"m/c.index": tableOf(nil, number(1, 1)), "secret": nil}, "m/c", map[string]string{"m/c.data-00000-of-00001": "../secret"}, "within the checkpoint's folder"),
		link("the other half elsewhere", "caffe", map[string][]byte{"m/m.prototxt": []byte(`input: "x"`), "secret": secret}, "m/m.prototxt", map[string]string{"m/m.caffemodel": "../secret"}, "out of the model's folder"),
		link("the other half elsewhere", "darknet", map[string][]byte{"m/m.cfg": []byte(darknetText), "secret": secret}, "m/m.cfg", map[string]string{"m/m.weights": "../secret"}, "out of the model's folder"),
		one("torch: an entry's path", "m.pt", zipped(t, zip.Store, "m/data.pkl", []byte("\x80\x02}."), "../../m/data/0", []byte{1}), "leaves the archive"),
		one("hdf5: an external link", "m.h5", kerasFile(t, sequential(`{"class_name": "Lambda", "config": {"name": "run", "function": "4wEAAAA="}}`)), "Lambda"))

	// Pickles that call, build and repeat.
	for name, p := range map[string]string{
		"GLOBAL": "cposix\nsystem\n(S'true'\ntR.", "STACK_GLOBAL": "\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.", "INST": "(S'true'\niposix\nsystem\n.", "OBJ": "(cposix\nsystem\nS'true'\no.",
		"NEWOBJ": "cposix\nsystem\nS'true'\n\x85\x81.", "eval": "cbuiltins\neval\nS'1'\n\x85R.", "getattr": "cbuiltins\ngetattr\n(cposix\nsystem\nS'x'\ntR.", "BUILD": "cposix\nsystem\n)\x81}S'__setstate__'\nNsb.",
		"EXT1": "\x82\x01.", "EXT2": "\x83\x01\x00.", "EXT4": "\x84\x01\x00\x00\x00.", "persistent": "S'x'\nQ.", "deep": strings.Repeat("(", 100000) + strings.Repeat("t", 100000) + ".", "stack": strings.Repeat("N", 1<<19) + ".",
		"memo": "]" + strings.Repeat("q\x00h\x00h\x00\x86", 1<<16) + ".", "aliases": "}q\x00" + strings.Repeat("(h\x00h\x00h\x00h\x00t", 1<<14) + ".", "a long text": "T\xff\xff\xff\x7fx.", "a long number": "\x8b\xff\xff\xff\x7f\x01.",
	} {
		add(attack{sample: sample{name: "torch: " + name, open: "m.pt", bare: true, files: map[string][]byte{"m.pt": pickled(t, p)}}},
			attack{sample: sample{name: "npy: " + name, open: "m.npy", bare: true, files: map[string][]byte{"m.npy": []byte("\x93NUMPY\x01\x00\x36\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }\n\x80\x02" + p)}}})
	}

	// Sizes that are not there, and what grows when it is unpacked.
	zeros := make([]byte, 64<<20)
	bomb := zipped(t, zip.Deflate, "h/kernel.npy", slices.Concat(npyFile(tensor.New(tensor.Float32, 16<<20))[:128], zeros))
	entries := make([]any, 0, 20000)
	for i := range 10000 {
		entries = append(entries, fmt.Sprint(i, ".npy"), []byte{})
	}
	nested := []byte{}
	for range 20000 {
		nested = field(3, nested)
	}
	add(attack{sample: sample{name: "npz: zeros", open: "m.npz", bare: true, inflates: len(zeros) / 4, files: map[string][]byte{"m.npz": bomb}}, says: ""},
		attack{sample: sample{name: "npz: many entries", open: "m.npz", bare: true, files: map[string][]byte{"m.npz": zipped(t, zip.Store, entries...)}}, says: ""},
		one("keras: a long description", "m.keras", zipped(t, zip.Deflate, "config.json", zeros, "metadata.json", []byte("{}"), "model.weights.h5", []byte{}), "config.json"),
		one("keras: weights that grow", "m.keras", zipped(t, zip.Deflate, "config.json", []byte("{}"), "model.weights.h5", slices.Concat(zeros, zeros)), "model.weights.h5"),
		one("onnx: an axis beyond the file", "m.onnx", onnxFile(slices.Concat(number(1, 1<<31), number(1, 1<<31), number(2, 1), text(8, "w"), field(9, floats(1)))), ""),
		one("onnx: a list of numbers", "m.onnx", onnxModel(onnxNode("Relu", []string{"x"}, "y", slices.Concat(text(1, "axes"), field(8, zeros[:8<<20]))), field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", 2))), ""),
		one("onnx: messages in messages", "m.onnx", onnxModel(field(1, field(5, field(6, nested)), text(1, "x"), text(2, "y"), text(4, "Loop")), field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", 2))), ""),
		attack{sample: sample{name: "onnx: many tensors over the same bytes", open: "m.onnx", files: map[string][]byte{"m.onnx": overOneRange(400), "w.bin": zeros[:1<<20]}}, says: "overlap"},
		one("onnx: a matrix in many layers", "m.onnx", inManyLayers(500), "that the file has"),
		one("onnx: numbers that are a shape", "m.onnx", filledWith(1<<23), "a shape and a number"),
		one("onnx: constants that grow", "m.onnx", growing(30), ""),
		one("tensorflow: an axis beyond the file", "g.pb", graphFile(constant("h/kernel", kernel, 1<<30, 1<<30)), ""),
		one("tensorflow: functions of functions", "g.pb", slices.Concat(wide, doubling(40)), ""),
		one("tensorflow: a constant in many calls", "g.pb", repeated(), "repeat"),
		one("tensorflow: one number for many", "g.pb", slices.Concat(placeholder("x", -1, 1<<24), tfNode("b", "Const", nil, attr("value", field(8, number(1, 1), field(2, shapeProto(1<<24)), field(5, floats(1))))), tfNode("y", "BiasAdd", []string{"x", "b"})), "repeat"),
		attack{sample: sample{name: "npz: entries over one another", open: "m.npz", bare: true, files: map[string][]byte{"m.npz": overlaid(t)}}, says: ""},
		attack{sample: sample{name: "torch: one storage in many views", open: "m.pt", bare: true, files: map[string][]byte{"m.pt": manyViews(t)}}, says: "repeat"},
		one("onnx: joined with itself", "m.onnx", doublesONNX(60), ""), one("tensorflow: joined with itself", "g.pb", doublesGraph(60), ""), one("caffe: joined with itself", "m.caffemodel", doublesCaffe(60, 2), ""),
		one("caffe: images joined with themselves", "m.caffemodel", doublesCaffe(60, 2, 2, 2), ""), one("caffe: vectors of images joined with themselves", "m.caffemodel", doublesCaffe(60, 2, 2, 2, 1), ""),
		one("keras: joined with itself", "m.h5", kerasFile(t, doublesKeras(60)), ""), one("own: joined with itself", "m.safetensors", own(t, doublesOwn(60), `[2]`), ""),
		attack{sample: sample{name: "torch: views without steps", open: "m.pt", bare: true, files: map[string][]byte{"m.pt": stillViews(t)}}, says: "repeat"},
		attack{sample: sample{name: "savedmodel: many constants of one number", open: "m", files: map[string][]byte{"m/saved_model.pb": savedModel(splats("Const", 1000, 1<<16))}}, says: "repeat"},
		attack{sample: sample{name: "savedmodel: filled constants", open: "m", files: map[string][]byte{"m/saved_model.pb": savedModel(splats("Fill", 64, 1<<20))}}, says: ""},
		one("keras: units without numbers", "m.h5", kerasFile(t, sequential(`{"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2], "name": "i"}}`, `{"class_name": "Dense", "config": {"name": "d", "units": 100000000}}`)), ""),
		attack{sample: sample{name: "caffe: layers of one name", open: "m.prototxt", files: sameLayers(400, "w", "")}, says: "two layers"},
		attack{sample: sample{name: "caffe: a weight of one name", open: "m.prototxt", files: sameLayers(400, "v%d", `param { name: "shared" }`)}, says: "and 391 more"},
		attack{sample: sample{name: "caffe: blobs twice", open: "m.caffemodel", files: map[string][]byte{"m.caffemodel": slices.Concat(caffeLayer("ip", blob(kernel, 3, 2)), caffeLayer("ip", blob(kernel, 3, 2)))}}, says: "two layers"},
		one("caffe: messages in messages", "m.caffemodel", field(100, text(1, "l"), text(2, "Input"), nested), ""),
		one("tflite: a name of many tensors", "m.tflite", sharedParts(1<<20, 1), "many places"),
		one("tflite: lists of many operations", "m.tflite", sharedParts(1, 1<<16), "many places"),
		one("tflite: many tensors of one buffer", "m.tflite", sharedBuffer(), "buffer"),
		one("bundle: many tensors of the same bytes", "m.index", nil, ""))
	n := len(list) - 1
	list[n] = overlapping()

	// Names, operations and types that are not known, or twice.
	add(one("onnx: an operation", "m.onnx", onnxModel(onnxNode("Frobnicate", []string{"x"}, "y"), field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", 2))), "Frobnicate"),
		one("tensorflow: an operation", "g.pb", slices.Concat(wide, tfNode("y", "Frobnicate", []string{"x"})), "of an input"),
		one("tensorflow: a name twice", "g.pb", slices.Concat(wide, tfNode("y", "Relu", []string{"x"}), tfNode("y", "Tanh", []string{"x"})), `"y"`),
		one("keras: a class", "m.h5", kerasFile(t, sequential(`{"class_name": "Frobnicate", "config": {"name": "f"}}`)), "Frobnicate"),
		attack{sample: sample{name: "caffe: a layer", open: "m.prototxt", files: map[string][]byte{"m.prototxt": []byte(`input: "x" input_shape { dim: [1, 2] } layer { name: "f" type: "Python" bottom: "x" top: "f" }`)}}, says: "Python"},
		attack{sample: sample{name: "darknet: a section", open: "m.cfg", files: map[string][]byte{"m.cfg": []byte("[net]\ninputs=2\n[frobnicate]\n"), "m.weights": make([]byte, 20)}}, says: "frobnicate"},
		attack{sample: sample{name: "npz: a name twice", open: "m.npz", bare: true, files: map[string][]byte{"m.npz": zipped(t, zip.Store, "a.npy", npyFile(tensor.Of(kernel, 6)), "a.npy", npyFile(tensor.Of(kernel, 6)))}}, says: "twice"},
		attack{sample: sample{name: "torch: a name twice", open: "m.pt", bare: true, files: map[string][]byte{"m.pt": zipped(t, zip.Store, "m/data.pkl", []byte("\x80\x02}."), "m/data.pkl", []byte("\x80\x02}."))}}, says: "twice"},
		one("npy: a type", "m.npy", []byte("\x93NUMPY\x01\x00\x3a\x00{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }\n   "), "c16"))

	// Data.
	head := []byte{0, 0, 0, 4, 0, 0, 0, 0} // a record of 64 MiB
	add(attack{sample: sample{name: "tfrecord: zeros in gzip", data: true, open: "d.tfrecord.gz", inflates: len(zeros) / 4, files: map[string][]byte{"d.tfrecord.gz": gzipped(slices.Concat(head, masked(head), zeros))}}},
		attack{sample: sample{name: "idx: zeros in gzip", data: true, open: ".", files: map[string][]byte{"train-images-idx3-ubyte.gz": gzipped(slices.Concat([]byte{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff}, zeros)), "train-labels-idx1-ubyte.gz": gzipped([]byte{0, 0, 8, 1, 0, 0, 0, 1, 0})}}})
	return list
}

// square is a tensor of n×n floats, but for its numbers.
func square(name string, n int, more ...[]byte) []byte {
	return field(5, slices.Concat(append([][]byte{number(1, n), number(1, n), number(2, 1), text(8, name)}, more...)...))
}

// layered is a chain of products with matrices, each called by f.
func layered(n, layers int, f func(i int) string, tensors ...[]byte) []byte {
	var parts [][]byte
	in := "x"
	for i := range layers {
		out := fmt.Sprint("v", i)
		parts = append(parts, onnxNode("MatMul", []string{in, f(i)}, out))
		in = out
	}
	parts = append(parts, onnxNode("Relu", []string{in}, "y"), field(11, onnxInfo("x", n)), field(12, onnxInfo("y", n)))
	return onnxModel(append(parts, tensors...)...)
}

// overOneRange has so many matrices that are all the same mebibyte of another file.
func overOneRange(layers int) []byte {
	entry := func(k, v string) []byte { return field(13, text(1, k), text(2, v)) }
	name := func(i int) string { return fmt.Sprint("w", i) }
	var tensors [][]byte
	for i := range layers {
		tensors = append(tensors, square(name(i), 512, entry("location", "w.bin"), entry("offset", "0"), entry("length", fmt.Sprint(1<<20)), number(14, 1)))
	}
	return layered(512, layers, name, tensors...)
}

// inManyLayers has a matrix of 1 MiB that so many layers have.
func inManyLayers(layers int) []byte {
	return layered(512, layers, func(int) string { return "w" }, square("w", 512, field(9, make([]byte, 1<<20))))
}

// filledWith has so many numbers, of which it only says how many.
func filledWith(n int) []byte {
	list := field(5, number(1, 2), number(2, 7), text(8, "shape"), field(7, varints(2, n/2)))
	return onnxModel(onnxNode("ConstantOfShape", []string{"shape"}, "w"), onnxNode("MatMul", []string{"x", "w"}, "m"), onnxNode("Relu", []string{"m"}, "y"), list, field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", n/2)))
}

// growing joins a matrix with itself so many times, to have twice as many columns each time.
func growing(times int) []byte {
	parts := [][]byte{square("w", 2, field(9, floats(1, 2, 3, 4)))}
	w := "w"
	for i := range times {
		parts = append(parts, onnxNode("Concat", []string{w, w}, fmt.Sprint("w", i), slices.Concat(text(1, "axis"), number(3, 1), number(20, 2))))
		w = fmt.Sprint("w", i)
	}
	return onnxModel(append(parts, onnxNode("MatMul", []string{"x", w}, "m"), onnxNode("Relu", []string{"m"}, "y"), field(11, onnxInfo("x", 2)), field(12, onnxInfo("y", 2<<times)))...)
}

// doubling are functions, each of which calls the one before twice.
func doubling(n int) []byte {
	def := func(name string, nodes ...[]byte) []byte {
		body := slices.Concat(nodes...)
		return field(1, field(1, text(1, name), field(2, text(1, "a"), number(3, 1)), field(3, text(1, "r"), number(3, 1))), body, field(4, text(1, "r"), text(2, "z:y:0")))
	}
	call := func(name, f, in string) []byte {
		return field(3, text(1, name), text(2, "PartitionedCall"), text(3, in), attr("f", field(10, text(1, f))))
	}
	lib := def("f0", field(3, text(1, "z"), text(2, "Relu"), text(3, "a")))
	for i := 1; i < n; i++ {
		f := fmt.Sprint("f", i-1)
		lib = append(lib, def(fmt.Sprint("f", i), call("u", f, "a"), call("z", f, "u:output:0"))...)
	}
	return slices.Concat(tfNode("y", "PartitionedCall", []string{"x"}, attr("f", field(10, text(1, fmt.Sprint("f", n-1))))), field(2, lib))
}

// repeated is a function with a matrix of 1 MiB that is called 500 times.
func repeated() []byte {
	const n, times = 512, 500
	k := field(3, text(1, "k"), text(2, "Const"), attr("value", field(8, number(1, 1), field(2, shapeProto(n, n)), field(4, make([]byte, 4*n*n)))))
	z := field(3, text(1, "z"), text(2, "MatMul"), text(3, "a"), text(3, "k:output:0"))
	lib := field(1, field(1, text(1, "f"), field(2, text(1, "a"), number(3, 1)), field(3, text(1, "r"), number(3, 1))), k, z, field(4, text(1, "r"), text(2, "z:product:0")))
	b := placeholder("y0", -1, n)
	for i := range times {
		b = append(b, tfNode(fmt.Sprint("y", i+1), "PartitionedCall", []string{fmt.Sprint("y", i)}, attr("f", field(10, text(1, "f"))))...)
	}
	return append(b, field(2, lib)...)
}

// overlaid is an archive of 400 names for one array of a mebibyte.
func overlaid(t testing.TB) []byte {
	const times = 400
	b := zipped(t, zip.Store, "w000.npy", npyFile(tensor.New(tensor.Float32, 1<<18)))
	end := len(b) - 22
	at := int(binary.LittleEndian.Uint32(b[end+16:]))
	entry := bytes.Clone(b[at:end])
	out := b[:at:at]
	for i := range times {
		copy(entry[46:], fmt.Sprintf("w%03d.npy", i))
		out = append(out, entry...)
	}
	tail := bytes.Clone(b[end:])
	binary.LittleEndian.PutUint16(tail[8:], times)
	binary.LittleEndian.PutUint16(tail[10:], times)
	binary.LittleEndian.PutUint32(tail[12:], uint32(times*len(entry)))
	return append(out, tail...)
}

// manyViews has 400 tensors that are all the same mebibyte.
func manyViews(t testing.TB) []byte {
	const n, times = 1 << 18, 400
	p := "\x80\x02}("
	for i := range times {
		p += fmt.Sprintf("X\x04\x00\x00\x00w%03dctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\x00\x00\x04\x00tQK\x00J\x00\x00\x04\x00\x85K\x01\x85\x89}tR", i)
	}
	return zipped(t, zip.Store, "m/data.pkl", []byte(p+"u."), "m/data/0", make([]byte, 4*n), "m/version", []byte("3\n"))
}

// stillViews has 400 tensors of 2^18 numbers each that are all one number of 4 bytes.
func stillViews(t testing.TB) []byte {
	p := "\x80\x02}("
	for i := range 400 {
		p += fmt.Sprintf("X\x04\x00\x00\x00w%03dctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00J\x00\x00\x04\x00\x85K\x00\x85\x89}tR", i)
	}
	return zipped(t, zip.Store, "m/data.pkl", []byte(p+"u."), "m/data/0", floats(1), "m/version", []byte("3\n"))
}

// splats is a chain of so many sums with constants of n numbers each, which are one.
func splats(op string, times, n int) []byte {
	b := placeholder("y0", -1, n)
	for i := range times {
		c := fmt.Sprint("c", i)
		one := func(dims ...int) []byte {
			return attr("value", field(8, number(1, 1), field(2, shapeProto(dims...)), field(5, floats(1))))
		}
		if op == "Const" {
			b = append(b, tfNode(c, "Const", nil, one(n))...)
		} else {
			dims := field(8, number(1, 3), field(2, shapeProto(1)), field(7, varints(n)))
			b = slices.Concat(b, tfNode(c+"/d", "Const", nil, attr("value", dims)), tfNode(c+"/v", "Const", nil, one()), tfNode(c, "Fill", []string{c + "/d", c + "/v"}))
		}
		b = append(b, tfNode(fmt.Sprint("y", i+1), "BiasAdd", []string{fmt.Sprint("y", i), c})...)
	}
	return b
}

// doublesONNX joins its input with itself, the result with itself, and so on.
func doublesONNX(times int) []byte {
	var b []byte
	axis := slices.Concat(text(1, "axis"), number(3, 1), number(20, 2))
	for i := range times {
		b = append(b, onnxNode("Concat", []string{tag(i), tag(i)}, tag(i+1), axis)...)
	}
	return onnxModel(b, field(11, onnxInfo("0", 2)), field(12, onnxInfo(tag(times), 2)))
}

func doublesGraph(times int) []byte {
	b := slices.Concat(placeholder("0", -1, 2), tfNode("axis", "Const", nil, attr("value", field(8, number(1, 3), field(2), field(7, varints(1))))))
	for i := range times {
		b = append(b, tfNode(tag(i+1), "ConcatV2", []string{tag(i), tag(i), "axis"})...)
	}
	return b
}

// doublesCaffe begins with a sample of that shape. Of one number more than an image has, the
// image is flattened before.
func doublesCaffe(times int, shape ...int) []byte {
	flat := len(shape) == 4
	if flat {
		shape = shape[:3]
	}
	b := slices.Concat(text(3, "0"), field(8, field(1, varints(append([]int{1}, shape...)...))))
	if flat {
		b = append(b, field(100, text(1, "flat"), text(2, "Flatten"), text(3, "0"), text(4, "0"))...)
	}
	for i := range times {
		b = append(b, field(100, text(1, "l"+tag(i)), text(2, "Concat"), text(3, tag(i)), text(3, tag(i)), text(4, tag(i+1)))...)
	}
	return b
}

func doublesKeras(times int) string {
	var b strings.Builder
	b.WriteString(`{"class_name":"Functional","config":{"name":"f","layers":[{"class_name":"InputLayer","name":"0","config":{"batch_input_shape":[null,2],"name":"0"},"inbound_nodes":[]}`)
	for i := range times {
		fmt.Fprintf(&b, `,{"class_name":"Concatenate","name":%q,"config":{"name":%[1]q,"axis":-1},"inbound_nodes":[[[%q,0,0,{}],[%[2]q,0,0,{}]]]}`, tag(i+1), tag(i))
	}
	fmt.Fprintf(&b, `],"input_layers":[["0",0,0]],"output_layers":[[%q,0,0]]}}`, tag(times))
	return b.String()
}

func doublesOwn(times int) string {
	layers := make([]string, times)
	for i := range layers {
		layers[i] = fmt.Sprintf(`{"concatenate":{"name":"v%d","inputs":["v%d","v%[2]d"]}}`, i+1, i)
	}
	return `{"inputs":{"v0":"2"},"layers":[` + strings.Join(layers, ",") + `]}`
}

// caffeLayer is an inner product of a .caffemodel.
func caffeLayer(name string, blobs ...[]byte) []byte {
	l := slices.Concat(text(1, name), text(2, "InnerProduct"), text(3, "data"), text(4, name), field(117, number(1, 3), number(2, 0)))
	for _, b := range blobs {
		l = append(l, field(7, b)...)
	}
	return field(100, l)
}

// sameLayers are inner products, each of what the one before gives, for which there is one
// matrix of a mebibyte.
func sameLayers(layers int, name, more string) map[string][]byte {
	const n = 512
	net, called := fmt.Sprintf("input: \"x0\" input_shape { dim: [1, %d] }\n", n), func(i int) string { return name }
	if strings.Contains(name, "%") {
		called = func(i int) string { return fmt.Sprintf(name, i) }
	}
	for i := range layers {
		net += fmt.Sprintf("layer { name: %q type: \"InnerProduct\" bottom: \"x%d\" top: \"x%d\" inner_product_param { num_output: %d bias_term: false } %s }\n", called(i), i, i+1, n, more)
	}
	return map[string][]byte{"m.prototxt": []byte(net), "m.caffemodel": caffeLayer(called(0), blob(make([]float32, n*n), n, n))}
}

// sharedBuffer has 400 tensors that are all the same mebibyte.
func sharedBuffer() []byte {
	const n, times = 1 << 18, 400
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	w.Ints(m[1])
	buffers := w.Ints(m[4], 0)
	graphs := w.Ints(m[2], 0)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors := w.Ints(g[0], make([]int, times)...)
	for i := range times {
		v := w.Table(0, 0, 0, 0)
		w.Point(tensors[i], v[4])
		w.Ints(v[0], n)
		w.Text(v[3], fmt.Sprint("w", i))
	}
	w.Ints(g[1])
	w.Ints(g[2])
	w.Ints(g[3])
	d := w.Table(0)
	w.Point(buffers[0], d[1])
	w.Text(d[0], string(make([]byte, 4*n)))
	return w.B
}

// sharedParts has 60000 tensors, all one table with a name of so many bytes, and 8000
// operations, all one with that many arguments.
func sharedParts(name, args int) []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	codes := w.Ints(m[1], 0)
	w.Point(codes[0], w.Table(19)[1])
	buffers := w.Ints(m[4], 0)
	w.Point(buffers[0], w.Table()[0])
	graphs := w.Ints(m[2], 0)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	tensors, v := w.Ints(g[0], make([]int, 60000)...), w.Table(0, 0, 0, 0)
	for _, at := range tensors {
		w.Point(at, v[4])
	}
	ops, o := w.Ints(g[3], make([]int, 8000)...), w.Table(0, 0, 0)
	for _, at := range ops {
		w.Point(at, o[3])
	}
	w.Ints(o[1], make([]int, args)...)
	w.Ints(o[2], 1)
	w.Ints(g[1], 0)
	w.Ints(g[2], 1)
	w.Ints(v[0], 1, 2)
	w.Text(v[3], strings.Repeat("x", name))
	return w.B
}

// overlapping is a checkpoint of 400 tensors that are all the same mebibyte.
func overlapping() attack {
	const n, times = 1 << 18, 400
	shard := make([]byte, 4*n)
	pairs := [][]byte{nil, number(1, 1)}
	for i := range times {
		crc := masked(shard)
		pairs = append(pairs, []byte(fmt.Sprintf("w%03d", i)), slices.Concat(number(1, 1), field(2, shapeProto(n)), number(5, 4*n), []byte{6<<3 | 5}, crc))
	}
	return attack{sample: sample{name: "bundle: many tensors of the same bytes", open: "m.index", bare: true, files: map[string][]byte{"m.index": tableOf(pairs...), "m.data-00000-of-00001": shard}}, says: "overlap"}
}

// TestAttacks holds each to an error that names the file and says what it is, and all to
// what they may take of memory. It is not parallel, so that the memory is its own.
func TestAttacks(t *testing.T) {
	for _, a := range attacks(t) {
		t.Run(a.name, func(t *testing.T) {
			b := lay(t, a.sample)
			for name, to := range a.links {
				if err := os.Symlink(to, filepath.Join(b.dir.Dir, name)); err != nil {
					t.Skip("there are no symbolic links here: ", err)
				}
			}
			if a.bare {
				b.o.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
			}
			_, err := b.bounded(t, a.name)
			if err == nil {
				t.Fatal("it is taken for a model")
			}
			if !strings.Contains(err.Error(), a.says) {
				t.Errorf("%v; want it to say %q", err, a.says)
			}
			if errors.Is(err, format.ErrBare) {
				t.Errorf("%v: is about something else", err)
			}
			if testing.Verbose() {
				t.Log(err)
			}
		})
	}
}
