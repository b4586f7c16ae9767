package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/all" // formats that are read
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// bring reads the model of a subject. Bare weights are for the net that model=
// says.
func (c *command) bring(verb string, s *subject, keys []string) error {
	o := format.Options{Float: floatOf(s.cfg.Precision), Memory: verb == "import"}
	if _, ok := s.said("input", "node"); ok {
		o.Input = s.cfg.Input.Node
	}
	if _, ok := s.said("output", "node"); ok {
		o.Output = s.cfg.Output.Node
	}
	if len(s.cfg.Input.Shape) > 0 && s.run == "" {
		o.Inputs = sampleOf(tensor.Shape(s.cfg.Input.Shape))
	}
	if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(k, "model=") || strings.HasPrefix(k, "model.") }); i >= 0 {
		if s.run != "" || format.IsOwn(s.path) {
			key, _, _ := strings.Cut(keys[i], "=")
			return usage("%s: %s has no meaning for %s of a model that was saved here; it names the net that bare weights are for", keys[i], key, verb)
		}
		var err error
		if o.Net, err = nn.Decode(s.cfg.Model); err != nil {
			return err
		}
		if o.Inputs == nil {
			if o.Inputs, err = c.taken(s, o.Net); err != nil {
				return err
			}
		}
	}
	var err error
	s.Model, s.made, err = format.Import(s.path, o)
	// The graph does not say what a sample is: the data does.
	if e, ok := errors.AsType[*format.Choice](err); ok && e.Key == "input" && o.Inputs == nil {
		fields, ferr := c.ofData(s)
		if ferr != nil {
			return ferr
		}
		if fields == nil {
			return err
		}
		o.Inputs = fields
		s.Model, s.made, err = format.Import(s.path, o)
	}
	// The weights are worth having without what the optimizer remembers.
	if lost, ok := errors.AsType[*format.Unreadable](err); ok {
		o.Memory = false
		if s.Model, s.made, err = format.Import(s.path, o); err == nil {
			s.made.Warnings = append(s.made.Warnings, lost.Error()+"; training begins with fresh slots")
		}
	}
	if err != nil {
		return err
	}
	c.noteReport(s.path, s.made)
	return nil
}

// noteReport says what an import left to be said.
func (c *command) noteReport(path string, r *format.Report) {
	for _, w := range r.Warnings {
		c.note(path + ": " + w)
	}
}

// sampleOf is one input of that shape.
func sampleOf(shape tensor.Shape) []data.Field {
	return []data.Field{{Name: "input", DType: tensor.Float32, Shape: shape}}
}

// taken is what a net takes: as it says itself, or as the data has it.
func (c *command) taken(s *subject, m nn.Model) ([]data.Field, error) {
	ins, _ := m.Ports()
	var out []data.Field
	for _, p := range ins {
		if p.Shape == nil {
			out = nil
			break
		}
		out = append(out, data.Field{Name: p.Name, DType: tensor.Float32, Shape: p.Shape})
	}
	if out != nil {
		return out, nil
	}
	fields, err := c.ofData(s)
	if err == nil && fields == nil {
		err = usage("model= does not say what shape a sample has: say it with input=, such as input=28x28")
	}
	return fields, err
}

// ofData is what the data that was named has, as numbers.
func (c *command) ofData(s *subject) ([]data.Field, error) {
	if _, ok := s.said("data", "name"); !ok {
		return nil, nil
	}
	schema, err := c.schemaOf(c.ctx, s.cfg)
	if err != nil || schema == nil {
		return nil, err
	}
	return unitInputs(schema.Inputs), nil
}

// fronted is the preprocessing that a saved model goes on with on data of a
// schema. One that another framework saved has none, imported or not: bytes are then scaled as
// those of any new model, and samples that have as many elements in another
// shape are brought to the model's.
func fronted(m *format.Model, r *format.Report, schema data.Schema) (*nn.Sequential, error) {
	if r.Format == format.Own && len(m.Preprocess) > 0 {
		p := m.Preprocess
		if len(m.Data.Inputs) == 1 && len(schema.Inputs) == 1 {
			if want, have := m.Data.Inputs[0].Shape, schema.Inputs[0].Shape; !want.Equal(have) && want.Len() == have.Len() {
				p = append(nn.Sequential{nn.Reshape{Shape: want}}, p...) // such as an axis of channels
			}
		}
		return &p, nil
	}
	var p nn.Sequential
	if len(m.Preprocess) > 0 {
		p = m.Preprocess
	} else if len(schema.Inputs) > 0 && schema.Inputs[0].DType == tensor.Uint8 {
		scale := nn.Ratio(1.0 / 255)
		if (&subject{Model: m}).prepared() {
			scale = 1 // the net's own first layers do it: bytes become numbers
		}
		p = nn.Sequential{nn.Rescale{Scale: scale}}
	}
	if len(m.Data.Inputs) == 1 && len(schema.Inputs) == 1 {
		want, have := m.Data.Inputs[0].Shape, schema.Inputs[0].Shape
		switch {
		case want.Equal(have):
		case want.Len() == have.Len():
			p = append(p[:len(p):len(p)], nn.Reshape{Shape: want})
		default:
			return nil, &data.Error{Msg: fmt.Sprintf("samples of shape %s, but the model takes %s", shapeText(have), shapeText(want))}
		}
	}
	if p == nil {
		p = nn.Sequential{}
	}
	return &p, nil
}
