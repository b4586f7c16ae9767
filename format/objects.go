package format

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Object is one of the program that wrote a file: a variable, a layer or what holds
// layers, with the objects that belong to it by the names it has for them. Several may
// have the same one.
type Object struct {
	Tensor   string // what it holds; empty where it is no variable
	Children []Child
}

// A Child is an object of another: which, and what it is called there.
type Child struct {
	Name   string
	Object int
}

// numbered are the objects that a model of Keras has for its layers with weights.
const withWeights = "layer_with_weights-"

// aside are objects beside the layers of a model.
var aside = []string{"optimizer", "save_counter", "keras_api", "signatures", "loss", "keras_api_loss", "compiled_metrics", "metrics"}

// ordered are the children of an object that may be or have layers, in the order of a model's
// layers: those that are numbered, where some are.
func (o Object) ordered() []Child {
	var byNumber []Child
	at := func(c Child) int {
		n, err := strconv.Atoi(strings.TrimPrefix(c.Name, withWeights))
		if err != nil {
			return -1
		}
		return n
	}
	for _, c := range o.Children {
		if strings.HasPrefix(c.Name, withWeights) && at(c) >= 0 {
			byNumber = append(byNumber, c)
		}
	}
	if len(byNumber) > 0 {
		slices.SortStableFunc(byNumber, func(a, b Child) int { return at(a) - at(b) })
		return byNumber
	}
	return slices.DeleteFunc(slices.Clone(o.Children), func(c Child) bool { return slices.Contains(aside, c.Name) })
}

// local is what an object calls a variable of its own, without the underscore of what is private.
func local(name string) string { return strings.TrimLeft(name, "_") }

// A pick is a tensor for a parameter.
type pick struct {
	tensor Tensor
	turn   Turn
}

// takeAll takes a tensor for each parameter.
func (w *matcher) takeAll(ds []declaration, picks []pick) {
	for i, d := range ds {
		w.take(picks[i].tensor, d, picks[i].turn)
	}
}

// objects are the objects of a file, to be gone through on behalf of a model.
type objects struct {
	*matcher
	nodes  []Object
	weight map[string]Tensor
}

func (w *matcher) objects() objects {
	o := objects{w, w.file.Objects, make(map[string]Tensor, len(w.tensors))}
	for _, t := range w.tensors {
		o.weight[t.Name] = t
	}
	return o
}

// variable reports whether a node is a variable that may be a weight, and which.
func (o objects) variable(node int) (Tensor, bool) {
	t, ok := o.weight[o.nodes[node].Tensor]
	return t, ok
}

// byNames takes for each parameter the variable to which the names of its layer lead, from
// the root or from an object that it leads to: blocks/0/conv/kernel is the child kernel of the
// child conv of the child 0 of blocks. All or none; some says that names agree for a part.
func (o objects) byNames(ds []declaration) (picks []pick, some bool) {
	const most = 256 // objects that are tried as the model
	if len(o.nodes) == 0 {
		return nil, false
	}
	seen := map[int]bool{0: true}
	for queue := []int{0}; len(queue) > 0 && len(seen) < most; queue = queue[1:] {
		picks, n := o.from(queue[0], ds)
		if n == len(ds) {
			return picks, true
		}
		some = some || n > 0
		for _, c := range o.nodes[queue[0]].Children {
			if !seen[c.Object] {
				seen[c.Object] = true
				queue = append(queue, c.Object)
			}
		}
	}
	return nil, some
}

// from is byNames from one object on, and for how many parameters there is something.
func (o objects) from(root int, ds []declaration) (picks []pick, n int) {
	picks = make([]pick, len(ds))
	taken := map[string]bool{}
	for i, d := range ds {
		layer, leaf := cutLast(d.name)
		nodes := map[int]bool{}
		o.reach(root, layer, nodes, map[step]bool{})
		var found []pick
		for node := range nodes {
			if p, ok := o.own(node, leaf, d, 2); ok {
				found = append(found, p)
			}
		}
		if len(found) == 1 && !taken[found[0].tensor.Name] {
			picks[i] = found[0]
			taken[found[0].tensor.Name] = true
			n++
		}
	}
	return picks, n
}

// A step of a search: where, and how much of a name is left.
type step struct{ node, left int }

// reach collects the objects to which a name leads. What parts its words may be slashes,
// dots, underscores or hyphens.
func (o objects) reach(node int, name string, found map[int]bool, seen map[step]bool) {
	if name == "" {
		found[node] = true
		return
	}
	if at := (step{node, len(name)}); seen[at] {
		return
	} else {
		seen[at] = true
	}
	for _, c := range o.nodes[node].Children {
		size, have := len(c.Name), local(c.Name)
		if len(name) < size || parted(name[:size]) != parted(c.Name) {
			size = len(have)
		}
		word, _, _ := strings.Cut(name, "/")
		switch {
		// The layers of one that goes both ways have the names of their kinds.
		case c.Name == "forward_layer" && strings.HasPrefix(word, "forward_"), c.Name == "backward_layer" && strings.HasPrefix(word, "backward_"):
			size = len(word)
		case size == 0 || len(name) < size || parted(name[:size]) != parted(c.Name) && parted(name[:size]) != parted(have):
			continue
		}
		if rest := name[size:]; rest == "" {
			o.reach(c.Object, "", found, seen)
		} else if strings.ContainsRune("/._-", rune(rest[0])) {
			o.reach(c.Object, rest[1:], found, seen)
		}
	}
}

// parted is a name whose words underscores part.
func parted(name string) string { return strings.ReplaceAll(underscores.Replace(name), "/", "_") }

// own is the variable of an object that a parameter is called as, or of its cell or the
// layer that it wraps.
func (o objects) own(node int, leaf string, d declaration, deep int) (pick, bool) {
	for _, exact := range []bool{true, false} {
		for _, c := range o.nodes[node].Children {
			t, ok := o.variable(c.Object)
			if name := local(c.Name); !ok || exact && name != leaf || !exact && !leafFits(name, leaf) {
				continue
			}
			if turn, ok := o.fit(t, d); ok {
				return pick{t, turn}, true
			}
		}
	}
	for _, c := range o.nodes[node].Children {
		if deep > 0 && (c.Name == "cell" || c.Name == "layer") {
			if p, ok := o.own(c.Object, leaf, d, deep-1); ok {
				return p, true
			}
		}
	}
	return pick{}, false
}

// A holder is an object with variables of its own, by their names.
type holder struct {
	names   []string
	tensors []Tensor
}

// holders are the objects that have variables, in the order of a model's layers.
func (o objects) holders() []holder {
	var out []holder
	seen := make([]bool, len(o.nodes))
	for left := []int{0}; len(left) > 0 && len(o.nodes) > 0; {
		node := left[len(left)-1]
		left = left[:len(left)-1]
		if seen[node] {
			continue
		}
		seen[node] = true
		var h holder
		for _, c := range slices.Backward(o.nodes[node].ordered()) {
			if t, ok := o.variable(c.Object); !ok {
				left = append(left, c.Object)
			} else if !seen[c.Object] {
				seen[c.Object] = true
				h.names, h.tensors = append(h.names, local(c.Name)), append(h.tensors, t)
			}
		}
		if len(h.names) > 0 {
			slices.Reverse(h.names)
			slices.Reverse(h.tensors)
			out = append(out, h)
		}
	}
	return out
}

// byNumbers takes the objects with variables one after the other for the layers of the
// model, as TensorFlow restores a model of Keras. All or none: an object that fits no layer
// is passed over where the next fits, but none is left out between layers of the same shape
// without being said.
func (o objects) byNumbers(ds []declaration) []pick {
	hs := o.holders()
	var picks []pick
	for len(ds) > 0 {
		layer, _ := cutLast(ds[0].name)
		n := 1
		for n < len(ds) && strings.HasPrefix(ds[n].name, layer+"/") && !strings.Contains(ds[n].name[len(layer)+1:], "/") {
			n++
		}
		var ps []pick
		for len(hs) > 0 && ps == nil {
			ps, hs = o.holding(hs[0], ds[:n]), hs[1:]
		}
		if ps == nil {
			return nil
		}
		picks, ds = append(picks, ps...), ds[n:]
	}
	return picks
}

// holding takes what an object has for the parameters of one layer, all or none.
func (o objects) holding(h holder, ds []declaration) []pick {
	used := make([]bool, len(h.names))
	var out []pick
	for _, d := range ds {
		_, leaf := cutLast(d.name)
		at, with := -1, Turn(nil)
		for _, named := range []bool{true, false} {
			for i, t := range h.tensors {
				if at >= 0 || used[i] || named && !leafFits(h.names[i], leaf) || !named && telling(h.names[i]) {
					continue
				}
				if turn, ok := o.fit(t, d); ok {
					at, with = i, turn
				}
			}
		}
		if at < 0 {
			return nil
		}
		used[at] = true
		out = append(out, pick{h.tensors[at], with})
	}
	return out
}

// byObjects takes what the objects of a file say, or names of its variables, which say it
// where they agree with all of the model. It says where the two do not agree.
func (w *matcher) byObjects(ds []declaration) bool {
	o := w.objects()
	called := w.byCalled(ds)
	named, some := o.byNames(ds)
	ranked := o.byNumbers(ds)
	differ := func(a, b []pick) (int, bool) {
		if a == nil || b == nil {
			return 0, false
		}
		for i := range a {
			if a[i].tensor.Name != b[i].tensor.Name {
				return i, true
			}
		}
		return 0, false
	}
	say := func(taken, other []pick, how, otherwise string) {
		if i, ok := differ(taken, other); ok {
			w.b.Warnings = append(w.b.Warnings, fmt.Sprintf("%s and %s do not agree about what belongs where: parameter %q is taken from %q, by the first, not from %q",
				how, otherwise, ds[i].name, taken[i].tensor.Name, other[i].tensor.Name))
		}
	}
	const variables, attributes, order = "the names of variables", "the names of objects", "the order of the layers"
	switch {
	case named != nil:
		say(named, called, attributes, variables)
		w.takeAll(ds, named)
	case called != nil:
		say(called, ranked, variables, order)
		w.takeAll(ds, called)
	case ranked != nil && !some: // names that agree for some are no accident
		w.b.Warnings = append(w.b.Warnings, "the names do not say which tensor belongs to which parameter: the layers with weights were matched in their order, as the objects of the file have it")
		w.takeAll(ds, ranked)
	default:
		return false
	}
	return true
}
