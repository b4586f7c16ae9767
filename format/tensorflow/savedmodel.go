package tensorflow

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/keras"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/spec"
)

// savedModel is the folder of a SavedModel: what lies at the path, or the folder of
// its saved_model.pb.
func savedModel(p *format.Probe) string {
	switch {
	case p.IsFolder() && exists(filepath.Join(p.Path, "saved_model.pb")):
		return p.Path
	case p.Info != nil && p.Info.Mode().IsRegular() && filepath.Base(p.Path) == "saved_model.pb":
		return filepath.Dir(p.Path)
	}
	return ""
}

func openSavedModel(path string) (*format.File, error) {
	f := &format.File{}
	if err := readSavedModel(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func readSavedModel(f *format.File, path string) error {
	p, err := format.NewProbe(path)
	if err != nil {
		return err
	}
	dir := savedModel(p)
	file := filepath.Join(dir, "saved_model.pb")
	for _, part := range []string{"saved_model.pb", "variables", "keras_metadata.pb"} {
		if part == "saved_model.pb" && !p.IsFolder() {
			continue // which the user names
		}
		if err := format.Inside(dir, filepath.Join(dir, part)); err != nil {
			return err
		}
	}
	raw, err := f.Map(file, maxFile)
	if err != nil {
		return err
	}
	m, err := parseSavedModel(raw)
	if err != nil {
		return locate(file, err)
	}
	if prefix := filepath.Join(dir, "variables", "variables"); exists(prefix + ".index") {
		b, err := bundle.Open(prefix)
		if err != nil {
			return err
		}
		f.Hold(b)
		f.Tensors = tensorsOf(b)
		if m.named, err = objects(f, b); err != nil {
			return err
		}
	}
	if err := describe(f, m, file); err != nil {
		return err
	}
	f.Metadata = append(f.Metadata, format.Entry{Key: "tags", Value: strings.Join(m.tags, ", ")})
	text, err := m.keras(f, dir)
	if err != nil {
		return err
	}
	if text != "" {
		f.Metadata = append(f.Metadata, format.Entry{Key: "keras", Value: text})
		m.prefer(f, text)
	}
	return nil
}

// keras is the description of the model by Keras, where Keras saved it: that of the
// root object, in a file of its own since TensorFlow 2.5, before in the graph of objects.
// It is empty where there is none.
func (m *metaGraph) keras(f *format.File, dir string) (string, error) {
	file := filepath.Join(dir, "keras_metadata.pb")
	if exists(file) {
		raw, err := f.Map(file, maxFile)
		if err != nil {
			return "", err
		}
		for f, err := range bundle.Fields(raw) {
			if err != nil {
				return "", locate(file, err)
			}
			if text, ok := modelText(f.Bytes, 4, 5); f.Num == 1 && ok {
				return text, nil
			}
		}
	}
	for f, err := range bundle.Fields(m.objects) { // SavedObjectGraph
		if err != nil {
			return "", err
		}
		if f.Num != 1 {
			continue
		}
		for g, err := range bundle.Fields(f.Bytes) { // SavedObject
			if err != nil {
				return "", err
			}
			if text, ok := modelText(g.Bytes, 1, 3); g.Num == 4 && ok {
				return text, nil
			}
		}
		break // the first is the root
	}
	return "", nil
}

// modelText takes an object apart: its identifier and its description in JSON are the
// fields of these numbers.
func modelText(b []byte, identifier, metadata int) (string, bool) {
	var id, text string
	for f, err := range bundle.Fields(b) {
		switch {
		case err != nil:
			return "", false
		case f.Num == identifier:
			id = string(f.Bytes)
		case f.Num == metadata:
			text = string(f.Bytes)
		}
	}
	return text, id == "_tf_keras_sequential" || id == "_tf_keras_network"
}

// prefer takes the model as Keras describes it, unless nodes of the graph are asked for
// or there is something in it that is not known here.
func (m *metaGraph) prefer(f *format.File, text string) {
	graph := f.Blueprint
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		if o.Input != "" || o.Output != "" {
			return graph(o)
		}
		b, err := m.described(f, text, o)
		if err == nil {
			return b, nil
		}
		if g, other := graph(o); other == nil {
			return g, nil
		}
		return nil, err
	}
}

// described makes a model of Keras' description.
func (m *metaGraph) described(f *format.File, text string, o format.Options) (*format.Blueprint, error) {
	v, err := spec.ParseJSON("keras_metadata", []byte(text))
	if err != nil {
		return nil, err
	}
	config, _ := v.Get("config")
	class, _ := v.Get("class_name")
	training, _ := v.Get("training_config")
	trained := ""
	if training.Kind == spec.Map {
		trained = string(training.JSON())
	}
	version, _ := v.Get("keras_version")
	if version.Text == "" {
		version.Text = "2.x"
	}
	var list []keras.Variable
	for _, t := range f.Tensors {
		if name := m.named[t.Name]; name != "" && !t.Slot {
			list = append(list, keras.Variable{Name: name, Tensor: t.Name, DType: t.DType, Shape: t.Shape})
		}
	}
	whole := spec.Value{Kind: spec.Map}.With("class_name", class).With("config", config)
	if b, ok := v.Get("build_input_shape"); ok {
		whole = whole.With("build_config", spec.Value{Kind: spec.Map}.With("input_shape", b))
	}
	return keras.FromConfig(version.Text, string(whole.JSON()), trained, list, o)
}

// parseSavedModel reads a SavedModel: of its graphs that which serves.
func parseSavedModel(b []byte) (*metaGraph, error) {
	var found *metaGraph
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		if f.Num != 2 {
			continue
		}
		m, err := parseMetaGraph(f.Bytes)
		if err != nil {
			return nil, err
		}
		if found == nil || slices.Contains(m.tags, "serve") && !slices.Contains(found.tags, "serve") {
			found = m
		}
	}
	if found == nil {
		return nil, &bundle.Error{Msg: "there is no graph in it"}
	}
	return found, nil
}
