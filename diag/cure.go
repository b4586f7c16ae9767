package diag

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/train"
)

// advise adds the verdict of a mismatch, and the cure.
func (r *Report) advise(ctx context.Context, n *train.Net) error {
	known := flows{}
	var bad []Misfit
	if v := r.Verdict(); v == Healthy || v == Exploding || v == Vanishing || v == Saturated {
		var err error
		if bad, err = misfits(ctx, r.probes, n.Params, known); err != nil {
			return err
		}
	}
	if r.Verdict() == Healthy && len(bad) > 0 {
		r.Verdicts = []Verdict{Mismatch}
	}
	var err error
	switch r.Verdict() {
	case Healthy:
		r.Cure = r.drift()
	case Symmetric:
		r.Cure = beginEqual(r.names(func(l Layer) bool { return l.Symmetric }))
	case DeadUnits:
		r.Cure = fmt.Sprintf("Units of %s are 0 for every example and get no gradient: begin the biases at 0, lower the learning rate, or use an activation with a slope below 0, such as leaky_relu or elu.",
			r.names(func(l Layer) bool { return l.Dead >= manyDead(l.units) }))
	case Mismatch:
		r.Cure = mend(bad)
	case Exploding:
		r.Cure = exploding(bad)
	case Vanishing:
		r.Cure, err = r.vanishing(ctx, bad, known)
	case Saturated:
		r.Cure, err = r.saturated(ctx, bad, known)
	}
	return err
}

// beginEqual says what comes of kernels that are not drawn at random.
func beginEqual(layers string) string {
	return fmt.Sprintf("The units of %s begin equal, get equal gradients and so stay equal: draw the kernels at random, such as kernel_initializer: he_normal. Biases may begin at 0.", layers)
}

// drift says what a healthy net does to the gradient.
func (r *Report) drift() string {
	if g := r.GradFactor; math.Abs(g-1) > slightDrift && len(r.kernels()) > 2 {
		verb := "grows"
		if g < 1 {
			verb = "shrinks"
		}
		return fmt.Sprintf("Nothing to mend. The gradient %s slightly, by a factor of %.2f a layer, which does no harm at this depth.", verb, g)
	}
	return "Nothing to mend."
}

// names lists the layers that something holds of.
func (r *Report) names(is func(Layer) bool) string {
	var out []string
	for _, l := range r.Layers {
		if is(l) {
			out = append(out, l.Name)
		}
	}
	return short(out)
}

// short joins the names of layers, few of them.
func short(names []string) string {
	if len(names) > 4 {
		return fmt.Sprintf("%s and %d more layers", names[0], len(names)-1)
	}
	return strings.Join(names, ", ")
}

// mend says which initializers to change.
func mend(bad []Misfit) string {
	var out []string
	for _, m := range bad {
		out = append(out, fmt.Sprintf("%s goes with %s, not %s: set kernel_initializer: %s in %s. Now each layer %s; then each %s.",
			m.Activation, m.Want, m.Init, m.Want, short(m.Layers), m.Has, m.Wants))
	}
	return strings.Join(out, " ")
}

// What helps where the initializer is not to blame, or not alone.
const (
	deepActivations = "use elu, or relu and its variants, with he_normal, or selu with lecun_normal"
	normalization   = "put batch_normalization before the layers"
)

func exploding(bad []Misfit) string {
	if curable(bad) {
		return mend(bad)
	}
	return "The weights are too large for the depth: start them with the initializer that the activation asks for, " + normalization + ", and clip the gradients with optim.global_clipnorm=1."
}

func (r *Report) vanishing(ctx context.Context, bad []Misfit, known flows) (string, error) {
	if curable(bad) {
		return mend(bad), nil
	}
	a, err := r.shrinks(ctx, known)
	if err != nil || a == "" {
		return "The weights are too small for the depth: start them with the initializer that the activation asks for, or " + normalization + ".", err
	}
	return fmt.Sprintf("No initializer keeps the gradient alive through %s at this depth: %s, or %s.", a, deepActivations, normalization), nil
}

func (r *Report) saturated(ctx context.Context, bad []Misfit, known flows) (string, error) {
	flat := r.flat()
	a, err := r.shrinks(ctx, known)
	switch {
	case err != nil:
		return "", err
	case curable(bad):
		return mend(bad), nil
	case len(bad) == 0 && len(flat) == 1 && flat[0] == r.Layers[0].Name:
		return fmt.Sprintf("The input drives the units of %s to where their activation is flat: standardize it with input.standardize=train, or %s.", flat[0], normalization), nil
	}
	smaller, deep := "", "U"+deepActivations[1:]
	if len(bad) > 0 && a != "" {
		smaller, deep = fmt.Sprintf(" Smaller weights alone do not do, since %s then shrinks the gradient at every layer:", a), deepActivations
	}
	return fmt.Sprintf("The units of %s sit where their activation is flat and hand on no gradient.%s %s, or %s.", short(flat), smaller, deep, normalization), nil
}

// curable reports whether the initializers that the activations ask for let the
// signal through.
func curable(bad []Misfit) bool {
	for _, m := range bad {
		if !m.Wants.keeps() {
			return false
		}
	}
	return len(bad) > 0
}

// shrinks names the activation, if there is one, that no initializer of its own
// lets a gradient through.
func (r *Report) shrinks(ctx context.Context, known flows) (string, error) {
	for _, p := range r.probes {
		if p.act == nil || !p.z.Valid() || p.kernel == "" {
			continue
		}
		f, ok, err := known.of(ctx, p.act, act.DefaultInit(p.act))
		if err != nil {
			return "", err
		}
		if ok && f.Grad < 1/growing {
			return nameOf(p.act), nil
		}
	}
	return "", nil
}
