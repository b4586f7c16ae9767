package onnx

import (
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() { ops["Einsum"] = op{einsum, 2, anything} }

// An equation says by letters what the axes of two values are, and of their product.
type equation struct{ a, b, out string }

// equationOf takes an equation apart. Without an arrow the result has, in the order of the alphabet,
// the letters that stand once.
func equationOf(n *node) (e equation, ok bool) {
	text := strings.ReplaceAll(n.text("equation", ""), " ", "")
	in, out, said := strings.Cut(text, "->")
	e.a, e.b, ok = strings.Cut(in, ",")
	e.out = out
	if !said {
		for _, l := range slices.Sorted(slices.Values([]rune(e.a + e.b))) {
			if strings.Count(e.a+e.b, string(l)) == 1 {
				e.out += string(l)
			}
		}
	}
	for _, s := range []string{e.a, e.b, e.out} {
		for i, l := range s {
			if !(l >= 'a' && l <= 'z' || l >= 'A' && l <= 'Z') || strings.ContainsRune(s[i+1:], l) {
				return e, false
			}
		}
	}
	return e, ok
}

// only are the letters that a test takes.
func only(letters string, test func(l string) bool) (out string) {
	for _, l := range letters {
		if test(string(l)) {
			out += string(l)
		}
	}
	return out
}

// einsum is a product of two values, or of one and weights, that sums over the axes which the
// result does not have: the matrices that the others make, multiplied.
func einsum(c *converter, n *node, args []*value, _ int) (*value, error) {
	e, ok := equationOf(n)
	if !ok || len(args) != 2 {
		return nil, refuse(n, "its equation is %q; two values whose axes have a letter each are read", n.text("equation", ""))
	}
	a, b := args[0], args[1]
	if !a.isAct() {
		a, b, e.a, e.b = b, a, e.b, e.a
	}
	dims := map[string]int{}
	for _, of := range []struct {
		v       *value
		letters string
	}{{a, e.a}, {b, e.b}} {
		var shape []int
		switch {
		case of.v.isAct():
			if _, err := floats(n, []*value{of.v}, 0); err != nil {
				return nil, err
			}
			shape = of.v.shape
		case of.v.k != nil:
			shape = of.v.k.shape
		}
		if len(shape) != len(of.letters) || of.v.isAct() && of.v.each > 0 {
			return nil, refuse(n, "its equation %q is none for values of shape %v", n.text("equation", ""), shape)
		}
		for i, d := range shape {
			l := of.letters[i : i+1]
			if was, twice := dims[l]; twice && was != d {
				return nil, refuse(n, "axis %s has lengths %d and %d", l, was, d)
			}
			dims[l] = d
		}
	}
	in := func(letters string) func(l string) bool {
		return func(l string) bool { return strings.Contains(letters, l) }
	}
	rows := e.a[a.perm[0] : a.perm[0]+1] // the batch's axis
	left, right := only(only(e.a, in(e.out)), func(l string) bool { return !in(e.b)(l) && l != rows }), only(only(e.b, in(e.out)), func(l string) bool { return !in(e.a)(l) })
	summed := only(only(e.a, in(e.b)), func(l string) bool { return !in(e.out)(l) })
	stacks := only(only(e.a, in(e.b)), func(l string) bool { return in(e.out)(l) && l != rows })
	if summed == "" || !in(e.out)(rows) || in(e.b)(rows) != b.isAct() || len(stacks+left+summed)+1 != len(e.a) || len(left+right+stacks)+1 != len(e.out) {
		return nil, refuse(n, "its equation %q sums over the batch, or over axes of one value alone, or over none", n.text("equation", ""))
	}
	length := func(letters string) int {
		k := 1
		for _, l := range letters {
			k *= dims[string(l)]
		}
		return k
	}
	// matrices are a value as stacks of such, (N, stacks, rows, columns).
	matrices := func(v *value, letters, order string, shape ...int) (*value, error) {
		var perm []int
		for _, l := range rows + order {
			perm = append(perm, strings.IndexRune(letters, l))
		}
		v, err := c.arrange(n, c.unflat(n, v), perm)
		if err != nil {
			return nil, err
		}
		out := *c.shaped(n, ".matrices", v, shape)
		out.shape, out.perm = append([]int{-1}, shape...), natural(len(shape)+1)
		return &out, nil
	}
	var y *value
	if b.isAct() {
		x, err := matrices(a, e.a, stacks+left+summed, length(stacks), length(left), length(summed))
		if err != nil {
			return nil, err
		}
		z, err := matrices(b, e.b, stacks+summed+right, length(stacks), length(summed), length(right))
		if err != nil {
			return nil, err
		}
		if y, err = c.product(&node{op: n.op, name: nameOf(n) + ".product"}, []*value{x, z}); err != nil {
			return nil, err
		}
	} else {
		if stacks != "" {
			return nil, refuse(n, "its equation %q multiplies with weights of their own for each %s", n.text("equation", ""), stacks)
		}
		w, err := c.weight(n, b)
		if err != nil {
			return nil, err
		}
		x, err := matrices(a, e.a, left+summed, length(left), length(summed))
		if err != nil {
			return nil, err
		}
		var perm []int
		for _, l := range summed + right {
			perm = append(perm, strings.IndexRune(e.b, l))
		}
		turn := format.Permute(perm...).Then(format.Reshape(length(summed), length(right)))
		y = c.emit(n, "dense", format.Map("units", length(right), "use_bias", false), x, format.Part{Leaf: "kernel", From: []string{w.name}, Make: turn})
	}
	// The axes apart again, and where the graph has them.
	var shape []int
	for _, l := range stacks + left + right {
		shape = append(shape, dims[string(l)])
	}
	v := *y
	v.shape, v.perm, v.code = make([]int, len(e.out)), nil, a.code
	for _, l := range rows + stacks + left + right {
		at := strings.IndexRune(e.out, l)
		v.perm = append(v.perm, at)
		v.shape[at] = dims[string(l)]
	}
	if !slices.Equal(y.inside(), shape) && tensor.Shape(shape).Len() > 0 {
		v.layer = c.emit(&node{name: nameOf(n) + ".axes"}, "reshape", format.Map("target_shape", shape), y).layer
	}
	return &v, nil
}
