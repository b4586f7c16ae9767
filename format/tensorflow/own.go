package tensorflow

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

// ownCollection is the collection of a graph that package saved puts the description of
// the model in.
const ownCollection = "nadir.model"

// single is the only value of a CollectionDef of bytes.
func single(b []byte) ([]byte, error) {
	var out []byte
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		if f.Num != 2 {
			continue
		}
		for g, err := range bundle.Fields(f.Bytes) {
			switch {
			case err != nil:
				return nil, err
			case g.Num == 1 && out != nil:
				return nil, fmt.Errorf("collection %s: want one value", ownCollection)
			case g.Num == 1:
				out = g.Bytes
			}
		}
	}
	return out, nil
}

// written takes the model as it was described where it was written, unless nodes of the
// graph are asked for.
func (m *metaGraph) written(f *format.File) error {
	meta := map[string]string{}
	if err := json.Unmarshal(m.own, &meta); err != nil {
		return fmt.Errorf("collection %s: %w", ownCollection, err)
	}
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		f.Metadata = append(f.Metadata, format.Entry{Key: k, Value: meta[k]})
	}
	graph := f.Blueprint
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		if o.Input != "" || o.Output != "" {
			return graph(o)
		}
		described, err := format.Described(meta)
		if err != nil {
			return nil, err
		}
		names, _, err := format.Declared(described)
		if err != nil {
			return nil, err
		}
		b := &format.Blueprint{Model: described}
		for _, n := range names {
			b.Places = append(b.Places, format.Place{To: n, From: []string{n}})
		}
		return b, nil
	}
	return nil
}
