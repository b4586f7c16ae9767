package saved

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/format"
)

func init() {
	format.RegisterExporter(format.Exporter{Name: "tensorflow-savedmodel", Ending: "/", Create: WriteModel, Check: checkModel,
		Folder: []string{"saved_model.pb", "variables", "assets", "assets.extra", "fingerprint.pb", "keras_metadata.pb"}})
}

// producer is the version of graphs that is written: that of TensorFlow 1.15, which every
// later one reads.
const (
	producer = 134
	consumer = 12
	release  = "1.15.0"
)

// Collection is the collection of a MetaGraphDef that the model's description is in: what
// [format.Describe] says, as JSON. Other programs pass over it.
const Collection = "nadir.model"

// WriteModel writes a model as a folder that is a SavedModel, preprocessing and all: what
// tf.saved_model.load and TensorFlow Serving take. Its signature serving_default has the
// model's inputs and outputs under their names, for any number of samples; recurrent layers
// are written out step by step. Pictures are fed as floats. A model that TensorFlow has no operations for is a
// [*format.Unsupported], before anything is written. Equal models give equal bytes.
func WriteModel(path string, m *format.Model) (*format.Report, error) {
	meta, err := metaGraph(m, true)
	if err != nil {
		return nil, err
	}
	tensors, r, err := parameters(m, "tensorflow-savedmodel")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(path, "variables"), 0o777); err != nil {
		return nil, err
	}
	if len(tensors) > 0 {
		if err := writeBundle(filepath.Join(path, "variables", "variables"), tensors); err != nil {
			return nil, err
		}
	}
	var all message
	all.int(1, 1).bytes(2, meta)
	return r, writeProto(filepath.Join(path, "saved_model.pb"), all)
}

// metaGraph is the MetaGraphDef of a model: its graph, how it is called, saved and restored.
func metaGraph(m *format.Model, serve bool) (message, error) {
	w, err := newWriter(m)
	if err != nil {
		return nil, err
	}
	inputs, outputs := map[string]message{}, map[string]message{}
	for _, p := range w.inputs {
		inputs[p.name] = tensorInfo(p.node, p.code, p.shape)
	}
	for _, o := range w.two.Outputs() {
		r, err := w.ref(o.Node)
		if err != nil {
			return nil, err
		}
		code := w.code(o.Node)
		shape := []int{-1}
		s, err := w.axes(o.Node)
		if err != nil {
			return nil, err
		}
		for _, a := range s[min(1, len(s)):] {
			shape = append(shape, a.n)
		}
		outputs[o.Name] = tensorInfo(w.add(o.Name, "Identity", []string{r}, typeAttr("T", code)), code, shape)
	}
	for _, d := range w.missing() { // what no output needs is restored as well
		if _, err := w.parameter(d); err != nil {
			return nil, err
		}
	}
	saver := w.saver()

	described, err := format.Describe(m)
	if err != nil {
		return nil, err
	}
	description, err := json.Marshal(described)
	if err != nil {
		return nil, err
	}
	var meta, info, signature, versions message
	info.text(5, release)
	if serve {
		info = message{}
		info.text(4, "serve").text(5, release)
	}
	w.def.bytes(4, *versions.int(1, producer).int(2, consumer))
	meta.bytes(1, info).bytes(2, w.def)
	if saver != nil {
		meta.bytes(3, saver)
	}
	entries(&meta, 4, w.collections(description))
	entries(&signature, 1, inputs)
	entries(&signature, 2, outputs)
	signature.text(3, "tensorflow/serving/predict")
	meta.entry(5, "serving_default", signature)
	const most = 1<<31 - 1
	if len(meta) > most {
		return nil, &format.Unsupported{What: "the model", Msg: fmt.Sprintf("its graph takes %d bytes, and TensorFlow reads none above %d", len(meta), most)}
	}
	return meta, nil
}

func tensorInfo(node string, code int, shape []int) message {
	var m message
	return *m.text(1, node+":0").int(2, code).bytes(3, shapeProto(shape))
}

// missing are the parameters that are no variables yet.
func (w *writer) missing() []string {
	known := map[string]bool{}
	for _, v := range w.vars {
		known[v.name] = true
	}
	var out []string
	for _, p := range w.two.Params() {
		if !known[p.Name()] {
			known[p.Name()] = true
			out = append(out, p.Name())
		}
	}
	return out
}

// saver adds what saves and restores the variables, as tf.train.Saver does it, and gives the
// SaverDef. Without variables there is none.
func (w *writer) saver() message {
	if len(w.vars) == 0 {
		return nil
	}
	text := typeAttr("dtype", typeString)
	def := w.add("save/filename", "PlaceholderWithDefault", []string{w.texts("save/filename/input", false, "model")}, text, shapeAttr("shape", nil))
	file := w.add("save/Const", "PlaceholderWithDefault", []string{def}, text, shapeAttr("shape", nil))
	var names, slices []string
	var reads []string
	var types []int
	for _, v := range w.vars {
		names, slices, reads, types = append(names, v.name), append(slices, ""), append(reads, v.read), append(types, w.float)
	}
	keys := func(of string) []string {
		return []string{file, w.texts("save/"+of+"/tensor_names", true, names...), w.texts("save/"+of+"/shape_and_slices", true, slices...)}
	}
	written := w.add("save/SaveV2", "SaveV2", append(keys("SaveV2"), reads...), typesAttr("dtypes", types...))
	end := w.add("save/control_dependency", "Identity", []string{file, "^" + written}, typeAttr("T", typeString))
	restored := w.add("save/RestoreV2", "RestoreV2", keys("RestoreV2"), typesAttr("dtypes", types...))
	var assigned []string
	for i, v := range w.vars {
		value := w.add("save/Identity", "Identity", []string{result(restored, i)}, typeAttr("T", w.float))
		assigned = append(assigned, "^"+w.add("save/AssignVariableOp", "AssignVariableOp", []string{v.node, value}, typeAttr("dtype", w.float)))
	}
	all := w.add("save/restore_all", "NoOp", assigned)
	var saver message
	return *saver.text(1, file+":0").text(2, end+":0").text(3, all).int(4, 5).float(6, 10000).int(7, 2)
}

// collections are the variables, as TensorFlow 1 keeps them, and the description.
func (w *writer) collections(description []byte) map[string]message {
	list := func(values ...[]byte) message {
		var m, values2 message
		for _, v := range values {
			values2.bytes(1, v)
		}
		return *m.bytes(2, values2)
	}
	out := map[string]message{Collection: list(description)}
	var all, trainable [][]byte
	for _, v := range w.vars {
		var m message
		m.text(1, v.node+":0").text(2, v.node+"/Assign").text(3, v.read+":0").bool(5, true).text(6, v.initial+":0")
		if v.trainable {
			m.bool(7, true)
			trainable = append(trainable, m)
		}
		all = append(all, m)
	}
	if len(all) > 0 {
		out["variables"] = list(all...)
	}
	if len(trainable) > 0 {
		out["trainable_variables"] = list(trainable...)
	}
	return out
}

// checkModel reads a folder that WriteModel wrote.
func checkModel(path string, m *format.Model) (int, error) {
	names, values, err := format.Parameters(m)
	if err != nil {
		return 0, err
	}
	if len(names) > 0 {
		if n, err := format.SameTensors(path, names, values); err != nil {
			return n, err
		}
	}
	back, err := format.Open(path, m.Params.Float())
	if err != nil {
		return 0, err
	}
	for i, n := range names {
		if err := format.Same(n, values[i], back.Params.Value(n)); err != nil {
			return i, err
		}
	}
	return len(names), nil
}
