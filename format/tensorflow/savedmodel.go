package tensorflow

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
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
	p, err := format.NewProbe(path)
	if err != nil {
		return nil, err
	}
	dir := savedModel(p)
	file := filepath.Join(dir, "saved_model.pb")
	raw, err := readFile(file)
	if err != nil {
		return nil, err
	}
	m, err := parseSavedModel(raw)
	if err != nil {
		return nil, locate(file, err)
	}
	f := &format.File{}
	if prefix := filepath.Join(dir, "variables", "variables"); exists(prefix + ".index") {
		b, err := bundle.Open(prefix)
		if err != nil {
			return nil, err
		}
		f.Tensors, f.Release = tensorsOf(b), b.Close
		if m.named, err = objects(f, b); err != nil {
			f.Close()
			return nil, err
		}
	}
	if err := describe(f, m, file); err != nil {
		f.Close()
		return nil, err
	}
	f.Metadata = append(f.Metadata, format.Entry{Key: "tags", Value: strings.Join(m.tags, ", ")})
	return f, nil
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
