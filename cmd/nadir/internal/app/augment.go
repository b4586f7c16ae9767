package app

import (
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/augment"
	"github.com/nadir-ml/nadir/spec"
)

// transformsOf reads data.augment: a list, a mapping from names to fields, or
// names with commas between them.
func transformsOf(cfg *config.Config) ([]augment.Transform, error) {
	v := cfg.Data.Augment
	list := spec.Value{Kind: spec.List, Pos: v.Pos}
	switch v.Kind {
	case spec.List:
		list = v
	case spec.Map:
		for _, e := range v.Entries {
			one := spec.Value{Kind: spec.Map, Pos: e.Pos, Entries: []spec.Entry{e}}
			if e.Value.Kind == spec.Null { // shift:
				one = spec.Value{Kind: spec.String, Pos: e.Pos, Text: e.Key}
			}
			list.Items = append(list.Items, one)
		}
	case spec.String:
		for name := range strings.SplitSeq(v.Text, ",") {
			list.Items = append(list.Items, spec.Value{Kind: spec.String, Pos: v.Pos, Text: strings.TrimSpace(name)})
		}
	case spec.Null:
	default:
		return nil, &spec.Error{Pos: v.Pos, Path: "data.augment", Msg: "data.augment: want a list such as [shift, {rotate: 0.05}]"}
	}
	var out []augment.Transform
	for _, item := range list.Items {
		var t augment.Transform
		if err := spec.Decode(item, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// augmented is the rows as training sees them.
func augmented(cfg *config.Config, src data.Source) (data.Source, error) {
	ts, err := transformsOf(cfg)
	if err != nil || len(ts) == 0 {
		return src, err
	}
	a, err := augment.New(src.Schema(), ts...)
	if err != nil {
		return nil, &spec.Error{Pos: cfg.Data.Augment.Pos, Path: "data.augment", Msg: "data.augment: " + err.Error()}
	}
	return data.Augmented(src, a), nil
}

// mixed reports whether training blends rows.
func mixed(cfg *config.Config) bool {
	ts, _ := transformsOf(cfg)
	a, b := augment.Mixing(ts...)
	return a > 0 || b > 0
}
