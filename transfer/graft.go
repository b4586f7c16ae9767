package transfer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A Status says what becomes of a parameter.
type Status string

// The states.
const (
	Copied  Status = "copied"      // from the old model
	New     Status = "new"         // the old model has nothing for it, or is not to give it
	Misfit  Status = "other shape" // the old model's has another shape
	Dropped Status = "dropped"     // of the old model, with no place in the new one
)

// A Match is one line of what a graft does: a parameter of the new model, or
// one of the old that has no place there.
type Match struct {
	Name   string
	Status Status
	Shape  tensor.Shape // in the new model; nil where it has no place
	From   tensor.Shape // in the old model; nil where it has none
}

// Graft lists for every parameter of a model whether it gets its values from
// those of another, and gives those that do: to be handed to [train.From], which
// adds the rest with initial values. Patterns say which may be taken, all by
// default. Parameters go by their names; one that is to be taken and has another
// shape is an error, and so is nothing taken. The table is there in any case,
// for a look before anything is done.
func Graft(m nn.Model, prep nn.Sequential, d data.Schema, from *param.Set, patterns ...string) ([]Match, *param.Set, error) {
	ps, err := partsOf(m, prep, d)
	if err != nil {
		return nil, nil, err
	}
	take := map[string]bool{}
	if len(patterns) == 0 {
		patterns = []string{"*", "*/*", "*/*/*", "*/*/*/*"}
		for p := range from.All() {
			take[p.Name] = p.Kind != param.Slot
		}
	} else {
		list, err := from.Match(patterns...)
		if err != nil {
			return nil, nil, fmt.Errorf("reuse: %w", err)
		}
		for _, p := range list {
			take[p.Name] = true
		}
	}
	var table []Match
	var misfits []string
	out := param.NewSet(from.Float())
	for _, name := range ps.order {
		row := Match{Name: name, Status: New, Shape: ps.shapes[name]}
		q := from.Get(name)
		if q != nil && q.Kind != param.Slot {
			row.From = q.Value.Shape()
		}
		switch {
		case !take[name]:
		case !row.From.Equal(row.Shape):
			row.Status = Misfit
			misfits = append(misfits, fmt.Sprintf("%s is %s, the model wants %s", name, row.From.Times(), row.Shape.Times()))
		default:
			row.Status = Copied
			p, err := out.Add(name, ps.kinds[name], row.Shape)
			if err == nil {
				err = p.Value.CopyFrom(q.Value)
			}
			if err != nil {
				return nil, nil, err
			}
		}
		table = append(table, row)
	}
	for q := range from.All() {
		if q.Kind != param.Slot && ps.shapes[q.Name] == nil {
			table = append(table, Match{Name: q.Name, Status: Dropped, From: q.Value.Shape()})
		}
	}
	switch {
	case len(misfits) > 0:
		return table, nil, fmt.Errorf("reuse: %s; leave what does not fit out of reuse, as in reuse='*,!%s'", strings.Join(misfits, "; "), layerOf(misfits[0]))
	case out.Len() == 0:
		return table, nil, fmt.Errorf("reuse: no parameter of %s is one of the model's: it has %s", strings.Join(patterns, ","), strings.Join(layersOf(ps.order), ", "))
	}
	return table, out, nil
}

// layerOf is the layer of a parameter, the first word of a text.
func layerOf(text string) string {
	name, _, _ := strings.Cut(text, " ")
	name, _, _ = strings.Cut(name, "/")
	return name
}

// layersOf lists the layers of parameters, each once.
func layersOf(params []string) []string {
	var out []string
	for _, name := range params {
		if l := layerOf(name); !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}
