package app

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tune"
)

// A way is one of the chapter's five ways to train faster: whether a configuration
// goes it, and what makes it go it or not.
type way struct {
	name    string
	is      func(*config.Config) bool
	on, off func(*config.Config) error
	// with and without say in words what on and off do.
	with, without string
}

// fiveWays lists them in the chapter's order.
var fiveWays = []way{
	{"initialization", goodInit, func(c *config.Config) error { return dropInit(c, false) }, badInit,
		"each hidden layer starts as its activation asks", "hidden kernels start from N(0, 1)"},
	{"activation", goodActivation, activate("elu"), activate("sigmoid"),
		"hidden layers have elu", "hidden layers have the logistic function"},
	{"batch_normalization", normalizes, normalize, unnormalize,
		"batch normalization before each layer", "no batch normalization"},
	{"reuse", reuses, reuse, unreuse,
		"lower layers pretrained as an autoencoder on the same rows, one epoch each, which counts", "lower layers start at random"},
	{"optimizer", fastOptimizer, optimizer("nadam"), optimizer("sgd"),
		"nadam with its own rate", "plain gradient descent with its own rate"},
}

// parseWays reads the names of ways, or all.
func parseWays(text string) ([]string, error) {
	var names, out []string
	for _, w := range fiveWays {
		names = append(names, w.name)
	}
	if text == "all" {
		return names, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		if !slices.Contains(names, word) {
			return nil, usage("ways=%s: no way is called %q; there are all, %s", text, word, strings.Join(names, ", "))
		}
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out, nil
}

// The candidates that are not one way switched.
const (
	asIs   = "as it is"
	allOn  = "all on"
	allOff = "all off"
)

// switched makes the candidates of compare ways=: the configuration as it is,
// with each way switched, and with all of them on and off.
func (c *command) switched(files []string, s *study) ([]contender, error) {
	file := ""
	if len(files) > 0 {
		file = files[0]
	}
	base, err := c.loadTarget(file, s.keys)
	if err != nil {
		return nil, err
	}
	if math.IsNaN(s.target) {
		s.target = 0.97
	}
	out := []contender{{name: asIs, cfg: base}}
	on, off := fork(base), fork(base)
	var onErr, offErr error
	for _, w := range fiveWays {
		if !slices.Contains(s.ways, w.name) {
			continue
		}
		cfg := fork(base)
		change, name := w.on, "with "+w.name
		if w.is(base) {
			change, name = w.off, "without "+w.name
		}
		err := change(cfg)
		out = append(out, contender{name: name, cfg: cfg, err: err})
		if !w.is(on) && onErr == nil {
			onErr = w.on(on)
		}
		if w.is(off) && offErr == nil {
			offErr = w.off(off)
		}
	}
	if len(s.ways) > 1 {
		out = append(out, contender{name: allOn, cfg: on, err: onErr}, contender{name: allOff, cfg: off, err: offErr})
	}
	return out, nil
}

// fork is a configuration that can be changed without the first one.
func fork(cfg *config.Config) *config.Config {
	c := *cfg
	c.Model = deep(cfg.Model)
	c.Tree = deep(cfg.Tree)
	return &c
}

// scaledInit reports whether an initializer follows the width of the layer.
func scaledInit(v spec.Value) bool {
	switch name := nameIn(v); {
	case strings.HasPrefix(name, "he"), strings.HasPrefix(name, "glorot"), strings.HasPrefix(name, "xavier"), strings.HasPrefix(name, "kaiming"),
		strings.HasPrefix(name, "lecun"), name == "variance_scaling", name == "orthogonal":
		return true
	}
	return false
}

func goodInit(cfg *config.Config) bool {
	model := deep(cfg.Model)
	for _, h := range hiddenLayers(&model) {
		if v, ok := h.field("kernel_initializer"); ok && !scaledInit(v) {
			return false
		}
	}
	return true
}

// dropInit makes hidden layers start as their activation asks: all of them, or
// those whose initializer follows their width.
func dropInit(cfg *config.Config, scaledOnly bool) error {
	model := deep(cfg.Model)
	for _, h := range hiddenLayers(&model) {
		if v, ok := h.field("kernel_initializer"); ok && (!scaledOnly || scaledInit(v)) {
			b := h.body()
			*b = b.Without("kernel_initializer")
		}
	}
	withModel(cfg, model)
	return nil
}

func badInit(cfg *config.Config) error {
	return setHidden(cfg, varyInitializer, spec.Value{Kind: spec.Map}.With("name", spec.Str("random_normal")).With("stddev", spec.Num(1)))
}

// goodActivation reports whether no hidden layer has an activation that
// saturates.
func goodActivation(cfg *config.Config) bool {
	model := deep(cfg.Model)
	for _, h := range hiddenLayers(&model) {
		v, ok := h.field("activation")
		name := nameIn(v)
		if h.act != nil {
			if name, ok = h.act.kind, true; name == "activation" {
				v, _ = h.act.field("activation")
				name = nameIn(v)
			}
		}
		switch {
		case !ok, name == "sigmoid", name == "logistic", name == "tanh", name == "hard_sigmoid", name == "softsign", name == "linear", name == "none":
			return false
		}
	}
	return true
}

func activate(name string) func(*config.Config) error {
	return func(cfg *config.Config) error {
		if err := dropInit(cfg, true); err != nil {
			return err
		}
		return setHidden(cfg, varyActivation, spec.Str(name))
	}
}

// normalization reports whether a kind of layer is batch normalization.
func normalization(kind string) bool {
	return kind == "batch_normalization" || kind == "batch_norm" || kind == "batchnorm"
}

func normalizes(cfg *config.Config) bool {
	model := deep(cfg.Model)
	return slices.ContainsFunc(layersIn(&model), func(l *layerAt) bool { return normalization(l.kind) })
}

// normalize puts batch normalization before each dense layer, as the chapter does.
func normalize(cfg *config.Config) error {
	return relist(cfg, func(items []spec.Value) []spec.Value {
		var out []spec.Value
		for _, x := range items {
			one := spec.Value{Items: []spec.Value{x}}
			ls := layersIn(&one)
			if len(ls) == 1 && ls[0].kind == "dense" {
				out = append(out, spec.Str("batch_normalization"))
			}
			out = append(out, x)
		}
		return out
	})
}

func unnormalize(cfg *config.Config) error {
	return relist(cfg, func(items []spec.Value) []spec.Value {
		return slices.DeleteFunc(slices.Clone(items), func(x spec.Value) bool {
			one := spec.Value{Items: []spec.Value{x}}
			ls := layersIn(&one)
			return len(ls) == 1 && normalization(ls[0].kind)
		})
	})
}

// relist changes the list of layers.
func relist(cfg *config.Config, f func([]spec.Value) []spec.Value) error {
	if cfg.Model.Kind != spec.List {
		return usage("batch normalization is switched in a list of layers, and this model names its inputs")
	}
	model := deep(cfg.Model)
	model.Items = f(model.Items)
	withModel(cfg, model)
	return nil
}

func reuses(cfg *config.Config) bool {
	_, a := given(cfg, "pretrain")
	_, b := given(cfg, "transfer")
	return a || b
}

func reuse(cfg *config.Config) error {
	stage := spec.Value{Kind: spec.Map}.With("kind", spec.Str("autoencoder")).With("epochs", spec.Num(1))
	cfg.Pretrain = spec.Value{Kind: spec.List, Items: []spec.Value{stage}}
	cfg.Tree = cfg.Tree.With("pretrain", cfg.Pretrain)
	return nil
}

func unreuse(cfg *config.Config) error {
	cfg.Pretrain = spec.Value{}
	cfg.Tree = cfg.Tree.Without("pretrain", "transfer")
	return nil
}

func fastOptimizer(cfg *config.Config) bool {
	if nameIn(cfg.Optim) != "sgd" {
		return true
	}
	m, ok := cfg.Optim.Get("momentum")
	return ok && m.Text != "0"
}

// optimizer changes the rule. Rate and schedule are made for one, and go with it.
func optimizer(name string) func(*config.Config) error {
	return func(cfg *config.Config) error {
		v := spec.Value{Kind: spec.Map}.With("name", spec.Str(name))
		for _, key := range []string{"clipnorm", "clipvalue", "global_clipnorm"} {
			if x, ok := cfg.Optim.Get(key); ok {
				v = v.With(key, x)
			}
		}
		cfg.Optim, cfg.Schedule = v, spec.Value{}
		cfg.Tree = cfg.Tree.Without("schedule").With("optim", v)
		return nil
	}
}

// A switching is a way and how soon the target was reached with it and without.
type switching struct {
	way
	was     bool // the configuration goes it
	on, off *tune.Standing
}

// switchings lists the ways of the study.
func (v verdict) switchings() []switching {
	var out []switching
	base := v.Standing(asIs)
	for _, w := range fiveWays {
		with, without := v.Standing("with "+w.name), v.Standing("without "+w.name)
		switch {
		case with != nil:
			out = append(out, switching{w, false, with, base})
		case without != nil:
			out = append(out, switching{w, true, base, without})
		}
	}
	return out
}

// factor is how many times as long it takes without the way.
func (s switching) factor() float64 { return s.off.TargetSeconds / s.on.TargetSeconds }

func (v verdict) waysObject() []object {
	out := []object{}
	for _, s := range v.switchings() {
		side := func(st *tune.Standing) object {
			return object{{"seconds", finite(st.TargetSeconds)}, {"steps", finite(st.TargetSteps)}, {"epochs", finite(st.TargetEpochs)}, {"mean", finite(st.Mean)}}
		}
		out = append(out, object{{"way", s.name}, {"is", s.was}, {"on", side(s.on)}, {"off", side(s.off)}, {"factor", finite(s.factor())}})
	}
	return out
}

// waysText writes a line a way.
func (v verdict) waysText(w io.Writer) {
	fmt.Fprintf(w, "Time to a validation %s of %s, the median of the runs, with each way and without:\n\n", v.Metric, measure(v.Target))
	g := grid{align: "llrrrrrrrl"}
	g.add("way", "here", "on: s", "epochs", v.Metric, "off: s", "epochs", v.Metric, "off/on", "what was switched")
	for _, s := range v.switchings() {
		is, what := "off", s.with
		if s.was {
			is, what = "on", s.without
		}
		f := s.factor()
		factor := "×" + figure(f)
		switch on, off := s.on.TargetSeconds, s.off.TargetSeconds; {
		case math.IsInf(on, 1) || math.IsNaN(on):
			factor = "–"
		case math.IsInf(off, 1):
			factor = "×∞"
		}
		g.add(s.name, is, soon(s.on.TargetSeconds), soon(s.on.TargetEpochs), measure(s.on.Mean), soon(s.off.TargetSeconds), soon(s.off.TargetEpochs), measure(s.off.Mean), factor, what)
	}
	g.write(w, "")
	fmt.Fprintln(w)
}
