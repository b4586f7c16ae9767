package nn

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/spec"
)

func init() {
	Layers.Register("add", Add{}, spec.Doc("sum of the inputs"))
	Layers.Register("multiply", Multiply{}, spec.Doc("product of the inputs, element by element"))
	Layers.Register("subtract", Subtract{}, spec.Doc("the first of two inputs less the second"))
	Layers.Register("average", Average{}, spec.Doc("mean of the inputs, element by element"))
	Layers.Register("maximum", Maximum{}, spec.Doc("largest of the inputs, element by element"))
	Layers.Register("minimum", Minimum{}, spec.Doc("smallest of the inputs, element by element"))
	Layers.Register("concatenate", Concatenate{}, spec.Alias("concat"), spec.Doc("the inputs side by side"))
}

// Add is the sum of its inputs. The shapes of their samples broadcast.
type Add struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Add) Validate() error { return validMasks(l.Masks) }

// Apply is x: the sum of one input.
func (Add) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(x.ToFloat(), x) }

// Join adds the inputs.
func (l Add) Join(s *Scope, xs []graph.Node) graph.Node {
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Add), xs)
}

// Multiply is the product of its inputs, element by element. The shapes of
// their samples broadcast.
type Multiply struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Multiply) Validate() error { return validMasks(l.Masks) }

// Apply is x: the product of one input.
func (Multiply) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(x.ToFloat(), x) }

// Join multiplies the inputs.
func (l Multiply) Join(s *Scope, xs []graph.Node) graph.Node {
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Mul), xs)
}

// Subtract is the first of two inputs less the second. The shapes of their samples
// broadcast.
type Subtract struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Subtract) Validate() error { return validMasks(l.Masks) }

// Apply fails: one input has nothing to be taken from it.
func (Subtract) Apply(s *Scope, x graph.Node) graph.Node { return Subtract{}.Join(s, []graph.Node{x}) }

// Join takes the second input from the first.
func (l Subtract) Join(s *Scope, xs []graph.Node) graph.Node {
	if len(xs) != 2 {
		return s.B.Fail("takes two inputs, got %d", len(xs))
	}
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Sub), xs)
}

// Average is the mean of its inputs, element by element. The shapes of their
// samples broadcast.
type Average struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Average) Validate() error { return validMasks(l.Masks) }

// Apply is x: the mean of one input.
func (Average) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(x.ToFloat(), x) }

// Join adds the inputs and divides by their number.
func (l Average) Join(s *Scope, xs []graph.Node) graph.Node {
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Add).Scale(1/float64(len(xs))), xs)
}

// Maximum is the largest of its inputs, element by element. The shapes of their
// samples broadcast.
type Maximum struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Maximum) Validate() error { return validMasks(l.Masks) }

// Apply is x: the largest of one input.
func (Maximum) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(x.ToFloat(), x) }

// Join takes the larger, input by input.
func (l Maximum) Join(s *Scope, xs []graph.Node) graph.Node {
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Max), xs)
}

// Minimum is the smallest of its inputs, element by element. The shapes of their
// samples broadcast.
type Minimum struct {
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (l Minimum) Validate() error { return validMasks(l.Masks) }

// Apply is x: the smallest of one input.
func (Minimum) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(x.ToFloat(), x) }

// Join takes the smaller, input by input.
func (l Minimum) Join(s *Scope, xs []graph.Node) graph.Node {
	return joinMasks(s, l.Masks, fold(s, xs, graph.Node.Min), xs)
}

// fold joins inputs. Where samples have fewer axes than others, axes of length 1
// are put in front of theirs, behind the batch's.
func fold(s *Scope, xs []graph.Node, f func(a, b graph.Node) graph.Node) graph.Node {
	rank := 0
	for _, x := range xs {
		rank = max(rank, x.Rank())
	}
	var y graph.Node
	for i, x := range xs {
		x = even(x.ToFloat(), rank)
		if i == 0 {
			y = x
			continue
		}
		z := f(y, x)
		if !z.Valid() && y.Valid() {
			return standIn(s, y, y.Shape()[min(1, y.Rank()):])
		}
		y = z
	}
	return y
}

// Concatenate puts its inputs side by side along an axis; all others must be
// equal.
type Concatenate struct {
	Axis  int    `spec:"axis" default:"-1" doc:"axis, the batch's being 0; counted from the end where negative"`
	Masks string `spec:"masks" doc:"which steps count where the inputs' masks differ: those of all, those of any"`
	Name  string `spec:"name" doc:"name of the layer"`
}

// Validate refuses ways to join masks that there are not.
func (c Concatenate) Validate() error { return validMasks(c.Masks) }

// Apply is x: one input by itself.
func (Concatenate) Apply(s *Scope, x graph.Node) graph.Node { return s.KeepMask(unpacked(x), x) }

// Join joins the inputs.
func (c Concatenate) Join(s *Scope, xs []graph.Node) graph.Node {
	axis := c.Axis
	if axis == 0 {
		axis = -1
	}
	whole := !slices.ContainsFunc(xs, func(x graph.Node) bool { return x.Valid() && x.Type().Kind != graph.Int })
	fs := make([]graph.Node, len(xs))
	for i, x := range xs {
		if fs[i] = x; !whole {
			fs[i] = x.ToFloat()
		}
	}
	y := graph.Concat(axis, fs...)
	if !y.Valid() || !slices.ContainsFunc(xs, s.IsMasked) {
		return y
	}
	if axis < 0 {
		axis += y.Rank()
	}
	if axis == y.Rank()-1 {
		return joinMasks(s, c.Masks, y, xs)
	}
	// Along the steps, masks lie one behind the other.
	parts := make([]graph.Node, len(xs))
	for i, x := range xs {
		switch {
		case s.MaskInDoubt(x):
			return s.KeepMask(y, x)
		case s.IsMasked(x):
			parts[i] = s.Mask(x)
		default:
			parts[i] = s.B.Full(1, x.Shape()[:x.Rank()-1]...)
		}
		if parts[i].Rank() != y.Rank()-1 {
			return joinMasks(s, c.Masks, y, xs)
		}
	}
	return s.SetMask(y, graph.Concat(axis, parts...))
}

// validMasks refuses ways to join masks that there are not.
func validMasks(how string) error {
	switch how {
	case "", "all", "any":
		return nil
	}
	return spec.Field("masks", "want all or any, got %q", how)
}

// joinMasks says which steps of y count, which was made of xs. Where these have one mask it is
// that. Where they differ, it is "all", those that count in all of them, as in Keras before 3,
// or "any", those that do in any, as in later ones, and is not known without one of these words.
func joinMasks(s *Scope, how string, y graph.Node, xs []graph.Node) graph.Node {
	if !y.Valid() || !slices.ContainsFunc(xs, s.IsMasked) {
		return y
	}
	var masks []graph.Node
	for _, x := range xs {
		switch {
		case s.MaskInDoubt(x):
			return s.KeepMask(y, x)
		case s.IsMasked(x):
			masks = append(masks, s.Mask(x))
		}
	}
	all := len(masks) == len(xs)
	switch sum := slices.Compact(slices.Clone(masks)); {
	case all && len(sum) == 1:
		masks = sum
	case how == "any" && !all:
		return y // all steps count in one of them
	case how == "":
		return s.DoubtMask(y, "what it is made of has masks that differ, or none; say masks: all, or any, where it is put together")
	}
	mask := masks[0]
	for _, m := range masks[1:] {
		if !m.Shape().Equal(mask.Shape()) {
			return s.DoubtMask(y, "what it is made of has masks of several shapes")
		}
		if how == "any" {
			mask = mask.Max(m)
		} else {
			mask = mask.Min(m)
		}
	}
	if r := mask.Rank(); r > y.Rank() || !y.Shape()[:r].Equal(mask.Shape()) {
		return s.DoubtMask(y, "what it is made of has a mask of another shape")
	}
	return s.SetMask(y, mask)
}
