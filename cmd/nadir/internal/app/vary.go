package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
)

// A variation is one vary= word: a key and the values that it takes.
type variation struct {
	key    string
	values []string
}

// The keys of vary= that are no paths: they set every hidden layer.
const (
	varyActivation  = "activation"
	varyInitializer = "initializer"
)

// parseVary reads KEY:v1,v2 of vary=.
func parseVary(text string) (variation, error) {
	key, list, ok := strings.Cut(text, ":")
	v := variation{key: strings.TrimSpace(key), values: splitTop(list)}
	if !ok || v.key == "" || slices.Contains(v.values, "") {
		return v, usage("vary=%s: want KEY:v1,v2, such as vary=activation:relu,elu", text)
	}
	for i, x := range v.values {
		if slices.Contains(v.values[:i], x) {
			return v, usage("vary=%s: %s is there twice", text, x)
		}
	}
	return v, v.check()
}

// splitTop cuts at the commas that stand in no brackets and no quotes.
func splitTop(list string) []string {
	var out []string
	depth, start := 0, 0
	var quote rune
	for i, r := range list {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case strings.ContainsRune("[{(", r):
			depth++
		case strings.ContainsRune("]})", r):
			depth--
		case r == ',' && depth == 0:
			out = append(out, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(list[start:]))
}

// check refuses a key that there is not, and one that cannot be compared over.
func (v variation) check() error {
	if v.key == varyActivation || v.key == varyInitializer {
		return nil
	}
	top, _, _ := strings.Cut(v.key, ".")
	var tops, ends []string
	for _, k := range config.Keys() {
		if !strings.Contains(k, ".") {
			tops = append(tops, k)
		} else if strings.HasSuffix(k, "."+v.key) {
			ends = append(ends, k)
		}
	}
	if v.key == "lr" || v.key == "learning_rate" {
		ends = append(ends, "optim.lr")
	}
	if top != "optimizer" && !slices.Contains(tops, top) {
		near := append(ends, spec.Nearest(v.key, append(tops, varyActivation, varyInitializer))...)
		return &spec.Error{Pos: spec.Pos{File: "command line", Col: 6, Text: "vary=" + v.key + ":…"}, Path: "vary", Word: v.key, Nearest: near[:min(3, len(near))],
			Msg: fmt.Sprintf("vary: unknown key %q", v.key)}
	}
	for _, k := range []struct{ key, why string }{
		{"data.batch", ""}, {"data.augment", ""},
		{"data", "candidates are compared on the same rows"},
		{"sample_weight", "candidates are compared on the same rows"},
		{"seed", "each candidate has the same seeds; say seeds="},
		{"out", "it says where results are kept"},
		{"threads", "each candidate has one thread"},
		{"ckpt", "it changes no result"},
		{"signal", "it changes no result"},
	} {
		if v.key == k.key || strings.HasPrefix(v.key, k.key+".") {
			if k.why == "" {
				return nil
			}
			return usage("vary=%s: %s", v.key, k.why)
		}
	}
	return nil
}

// A choice is a value for each variation.
type choice []string

// product lists all choices, the last variation changing first.
func product(vs []variation) []choice {
	out := []choice{nil}
	for _, v := range vs {
		var next []choice
		for _, c := range out {
			for _, x := range v.values {
				next = append(next, append(slices.Clone(c), x))
			}
		}
		out = next
	}
	return out
}

// name is what a candidate is called.
func (c choice) name(vs []variation) string {
	if len(vs) == 1 {
		return c[0]
	}
	var parts []string
	for i, v := range vs {
		parts = append(parts, v.key+"="+c[i])
	}
	return strings.Join(parts, " ")
}

// varied is the configuration of a choice.
func (c *command) varied(file string, environ, keys []string, vs []variation, ch choice) (*config.Config, error) {
	keys = slices.Clone(keys)
	for i, v := range vs {
		if v.key != varyActivation && v.key != varyInitializer {
			keys = append(keys, v.key+"="+ch[i])
		}
	}
	cfg, err := c.load(file, environ, keys)
	if err != nil {
		return nil, err
	}
	for i, v := range vs {
		if v.key != varyActivation && v.key != varyInitializer {
			continue
		}
		a, err := config.ParseAssignment(v.key + "=" + ch[i])
		if err != nil {
			return nil, err
		}
		if err := setHidden(cfg, v.key, a.Value); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

// setHidden gives every hidden layer an activation or an initializer.
func setHidden(cfg *config.Config, what string, value spec.Value) error {
	model := deep(cfg.Model)
	hidden := hiddenLayers(&model)
	if len(hidden) == 0 {
		return usage("vary=%s: the model has no hidden layer", what)
	}
	for _, h := range hidden {
		switch {
		case what == varyInitializer:
			h.set("kernel_initializer", value)
		case h.act != nil:
			h.act.become(value)
		default:
			h.set("activation", value)
		}
	}
	withModel(cfg, model)
	return nil
}

// withModel puts a model into a configuration.
func withModel(cfg *config.Config, model spec.Value) {
	cfg.Model = model
	cfg.Tree = cfg.Tree.With("model", model)
}

// deep is a copy that shares nothing.
func deep(v spec.Value) spec.Value {
	v.Items, v.Entries = slices.Clone(v.Items), slices.Clone(v.Entries)
	for i := range v.Items {
		v.Items[i] = deep(v.Items[i])
	}
	for i := range v.Entries {
		v.Entries[i].Value = deep(v.Entries[i].Value)
	}
	return v
}

// A layerAt is a layer in the text of a model.
type layerAt struct {
	item *spec.Value
	kind string
	act  *layerAt // the activation that follows as a layer of its own
}

// body is the layer's fields; those of a bare kind are none.
func (l *layerAt) body() *spec.Value {
	if l.item.Kind != spec.Map {
		*l.item = spec.Value{Kind: spec.Map, Pos: l.item.Pos, Entries: []spec.Entry{{Key: l.kind, Pos: l.item.Pos}}}
	}
	return &l.item.Entries[0].Value
}

// set sets a field.
func (l *layerAt) set(key string, v spec.Value) {
	b := l.body()
	if b.Kind == spec.Null {
		*b = spec.Value{Kind: spec.Map, Pos: b.Pos}
	}
	*b = b.With(key, v)
}

// field is a field of the layer that is written down.
func (l *layerAt) field(key string) (spec.Value, bool) {
	if l.item.Kind != spec.Map {
		return spec.Value{}, false
	}
	v, ok := l.item.Entries[0].Value.Get(key)
	return v, ok && v.Kind != spec.Null
}

// become replaces an activation that is a layer of its own. Its name stays.
func (l *layerAt) become(v spec.Value) {
	name, named := l.field("name")
	body := spec.Value{Kind: spec.Map, Pos: v.Pos}.With("activation", v)
	if named && l.kind == "activation" {
		body = body.With("name", name)
	}
	*l.item = spec.Value{Kind: spec.Map, Pos: v.Pos, Entries: []spec.Entry{{Key: "activation", Pos: v.Pos, Value: body}}}
}

// layersIn lists the layers of a model in their order, those of a block in its
// place.
func layersIn(v *spec.Value) []*layerAt {
	if v.Kind == spec.Map {
		for i := range v.Entries {
			if v.Entries[i].Key == "layers" {
				return layersIn(&v.Entries[i].Value)
			}
		}
		return nil
	}
	var out []*layerAt
	for i := range v.Items {
		x := &v.Items[i]
		switch {
		case x.Kind == spec.String:
			out = append(out, &layerAt{item: x, kind: x.Text})
		case x.Kind == spec.Map && len(x.Entries) == 1:
			if in := layersIn(&x.Entries[0].Value); in != nil {
				out = append(out, in...)
				continue
			}
			out = append(out, &layerAt{item: x, kind: x.Entries[0].Key})
		}
	}
	return out
}

// hiddenLayers lists the layers with a kernel and an activation, without those
// that lead to an output.
func hiddenLayers(model *spec.Value) []*layerAt {
	kernels := map[string]bool{}
	for _, d := range nn.Layers.Describe() {
		has := func(key string) bool {
			return slices.ContainsFunc(d.Fields, func(f spec.FieldDoc) bool { return f.Key == key })
		}
		if has("kernel_initializer") && has("activation") {
			for _, name := range append(d.Aliases, d.Name) {
				kernels[name] = true
			}
		}
	}
	outputs := map[string]bool{}
	if outs, ok := model.Get("outputs"); ok {
		for _, o := range outs.Items {
			outputs[o.Text] = true
		}
	}
	isOutput := func(l *layerAt) bool {
		name, _ := l.field("name")
		return outputs[name.Text]
	}
	var out []*layerAt
	var last *layerAt
	for _, l := range layersIn(model) {
		switch {
		case kernels[l.kind]:
			last = l
			if !isOutput(l) {
				out = append(out, l)
			}
		case l.kind == "activation" || isActivation(l.kind):
			if last != nil && last.act == nil && !isOutput(l) {
				if _, set := last.field("activation"); !set {
					last.act = l
				}
			}
		}
	}
	if len(outputs) == 0 && last != nil { // the last one is the output
		out = out[:len(out)-1]
	}
	return out
}

func isActivation(kind string) bool {
	if slices.Contains(act.Registry.Names(), kind) {
		return true
	}
	_, err := act.Registry.New(kind)
	return err == nil
}
