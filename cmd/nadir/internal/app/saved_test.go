package app

import (
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// A model is prepared where its input is scaled or centered before anything else is
// done with it, whatever that stands in.
func TestPrepared(t *testing.T) {
	t.Parallel()
	scale, dense := nn.Rescale{Scale: 0.5, Name: "scale"}, nn.Dense{Units: 1, Name: "dense"}
	graph := func(layers ...nn.Entry) nn.Functional {
		return nn.Functional{In: []nn.Port{{Name: "x", Shape: tensor.Shape{2}}}, Layers: layers}
	}
	for name, c := range map[string]struct {
		front nn.Sequential
		net   nn.Model
		want  bool
	}{
		"nothing":            {nil, nn.Sequential{dense}, false},
		"in front":           {nn.Sequential{nn.Reverse{}, scale}, nn.Sequential{dense}, true},
		"turned alone":       {nn.Sequential{nn.Permute{Dims: []int{1}}}, nn.Sequential{dense}, false},
		"first":              {nil, nn.Sequential{nn.Flatten{}, scale, dense}, true},
		"turned, then first": {nn.Sequential{nn.Flatten{}}, nn.Sequential{scale, dense}, true},
		"later":              {nil, nn.Sequential{dense, scale}, false},
		"of a graph":         {nil, graph(nn.Entry{Layer: scale, Inputs: []string{"x"}}, nn.Entry{Layer: dense}), true},
		"behind a shape":     {nil, graph(nn.Entry{Layer: nn.Flatten{Name: "flat"}, Inputs: []string{"x"}}, nn.Entry{Layer: scale, Inputs: []string{"flat"}}), true},
		"in a branch":        {nil, graph(nn.Entry{Layer: dense, Inputs: []string{"x"}}, nn.Entry{Layer: scale, Inputs: []string{"dense"}}), false},
	} {
		s := &subject{Model: &format.Model{Net: c.net, Preprocess: c.front}}
		if got := s.prepared(); got != c.want {
			t.Errorf("%s: prepared %v, want %v", name, got, c.want)
		}
	}
}

// Bytes are scaled once: in front of a model that does not do it itself.
func TestFronted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		net  nn.Sequential
		want nn.Ratio
	}{
		{nn.Sequential{nn.Flatten{}, nn.Dense{Units: 1}}, 1.0 / 255},
		{nn.Sequential{nn.Flatten{}, nn.Rescale{Scale: 1.0 / 127}, nn.Dense{Units: 1}}, 1},
	} {
		m := &format.Model{Net: c.net}
		m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2, 2, 1}}}
		bytes := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{2, 2}}}}
		front, err := fronted(m, &format.Report{Format: "keras-h5"}, bytes)
		if err != nil {
			t.Fatal(err)
		}
		first, ok := (*front)[0].(nn.Rescale)
		if !ok || first.Scale != c.want || len(*front) != 2 {
			t.Errorf("%v is in front, want a factor of %v and a reshape", *front, c.want)
		}
	}
}
