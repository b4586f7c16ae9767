package diag

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Misfit is a layer whose initializer does not go with its activation, and
// what that does, measured on noise in a net of ten such layers, 100 units wide.
type Misfit struct {
	Layers     []string // that are so
	Activation string
	Init       string
	Want       string // initializer that the activation asks for
	Has, Wants Flow   // with either
}

// A Flow is what one layer of a deep net does to the signal and to its
// gradient.
type Flow struct {
	Forward   float64 // factor of the signal's standard deviation
	Grad      float64 // factor of the gradient's norm
	Saturated float64 // share of units on the flat ends of an activation that has two
}

// Mismatches lists the pairs of activation and initializer in a net that do not
// go together, for layers whose values were drawn and not loaded. A layer that
// batch normalization follows, or that is linear, goes with any initializer.
func Mismatches(ctx context.Context, n *train.Net) ([]Misfit, error) {
	m := trace(n, n.Params, 2, false, 0)
	if err := m.b.Err(); err != nil {
		return nil, err
	}
	return misfits(ctx, m.probes, n.Params, flows{})
}

// String says what does not go together, what it does and what would.
func (m Misfit) String() string {
	return fmt.Sprintf("%s: %s with %s: in a deep net of such layers each %s; with %s each %s",
		strings.Join(m.Layers, ", "), m.Activation, m.Init, m.Has, m.Want, m.Wants)
}

// String says what each layer does.
func (f Flow) String() string {
	s := fmt.Sprintf("multiplies the signal by %.2f and the gradient by %.2f", f.Forward, f.Grad)
	if f.Saturated >= bothEnds {
		s += fmt.Sprintf(", and saturates %.0f %% of its units", 100*f.Saturated)
	}
	return s
}

func misfits(ctx context.Context, ps []*probe, set *param.Set, known flows) ([]Misfit, error) {
	var out []Misfit
	at := map[string]int{}
	for i, p := range ps {
		init := p.drawn(set)
		if init == nil || p.act == nil || !p.z.Valid() || i == len(ps)-1 || p.normalized(ps) {
			continue
		}
		want := act.DefaultInit(p.act)
		if sameSpread(init, want) {
			continue
		}
		m := Misfit{Layers: []string{p.path}, Activation: nameOf(p.act), Init: initName(init), Want: initName(want)}
		key := m.Activation + " " + m.Init
		if k, ok := at[key]; ok {
			if k >= 0 {
				out[k].Layers = append(out[k].Layers, p.path)
			}
			continue
		}
		at[key] = -1
		var ok, ok2 bool
		var err error
		if m.Has, ok, err = known.of(ctx, p.act, init); err != nil {
			return nil, err
		}
		if m.Wants, ok2, err = known.of(ctx, p.act, want); err != nil {
			return nil, err
		}
		if ok && ok2 && m.Has.worse(m.Wants) {
			at[key] = len(out)
			out = append(out, m)
		}
	}
	return out, nil
}

// drawn is the initializer that a layer's kernel was filled by, nil of one that
// was loaded.
func (p *probe) drawn(set *param.Set) param.Init {
	if q := set.Get(p.kernel); q != nil {
		return q.Init
	}
	return nil
}

// normalized reports whether what takes a layer's output has factors and no
// kernel, as batch normalization.
func (p *probe) normalized(ps []*probe) bool {
	for _, q := range ps {
		if q.kernel == "" && q.in == p.out {
			return true
		}
	}
	return false
}

// sameSpread reports whether two initializers draw with one deviation, whatever
// the shape.
func sameSpread(a, b param.Init) bool {
	for _, shape := range []tensor.Shape{{100, 100}, {300, 20}, {7, 500}} {
		x, ok := initial.Deviation(a, shape)
		y, ok2 := initial.Deviation(b, shape)
		if !ok || !ok2 || math.Abs(x-y) > 1e-9*y {
			return false
		}
	}
	return true
}

// keeps reports whether the signal keeps its size. With SELU and He, which
// multiplies the gradient by 1.23, it does not; with tanh and Glorot, 0.88, it
// does.
func (f Flow) keeps() bool {
	in := func(x float64) bool { return x >= 0.8 && x <= 1.15 }
	return in(f.Forward) && in(f.Grad) && f.Saturated < manyFlat
}

// worse reports whether a flow is ill, and g is a better one.
func (f Flow) worse(g Flow) bool {
	if f.Saturated >= manyFlat && g.Saturated < manyFlat {
		return true
	}
	off := func(f Flow) float64 { return max(math.Abs(math.Log(f.Forward)), math.Abs(math.Log(f.Grad))) }
	return !f.keeps() && off(f) > off(g)+0.05
}

// flows keeps what was measured, by activation and initializer.
type flows map[string]Flow

// of measures a deep net of one kind of layer. ok is false where a net cannot be
// made of it.
func (known flows) of(ctx context.Context, a act.Activation, init param.Init) (f Flow, ok bool, err error) {
	const depth, width, rows = 10, 100, 200
	key := nameOf(a) + " " + initName(init)
	if f, ok := known[key]; ok {
		return f, true, nil
	}
	var m nn.Sequential
	for range depth {
		m = append(m, nn.Dense{Units: width, Act: a, Init: init, NoBias: true})
	}
	n, err := train.NewNet(m, nil, train.Config{Data: data.Schema{Inputs: []data.Field{{Name: "input", DType: tensor.Float32, Shape: tensor.Shape{width}}}}})
	if err != nil {
		return f, false, nil
	}
	if _, err := n.Params.Freeze("*"); err != nil { // the flow alone is wanted, no step
		return f, false, err
	}
	r, err := measure(ctx, n, Options{Rows: rows, SkipJacobian: true})
	if err != nil {
		return f, false, err
	}
	f = Flow{Forward: r.ForwardFactor, Grad: r.GradFactor}
	for _, l := range r.Layers {
		if l.Flat >= bothEnds {
			f.Saturated += l.Saturated / depth
		}
	}
	known[key] = f
	return f, true, nil
}
