package cpu

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A rule is the whole update of a parameter by Adam or one like it, in the place of
// the steps that it consists of: the running means m and v go to their storage and the
// next value is the step's result, all in one pass over memory.
type rule[T float] struct {
	args    [4]arg[T] // the parameter, its gradient, m, v
	numbers [8]arg[T] // by field of [kernel.Moments]
	nadam   bool
}

// ruleCost is what an element of a rule costs, in additions.
const ruleCost = 16

// The fields of [kernel.Moments] as numbers of a rule.
const (
	ruleMean = iota
	ruleNew
	ruleMeanSquare
	ruleNewSquare
	ruleScale
	ruleAhead
	ruleCorrection
	ruleEpsilon
)

func (r *rule[T]) exec(p *program[T], dst, s []T, lo, n int) {
	var c [8]T
	for i := range r.numbers {
		c[i], _ = r.numbers[i].number(lo)
	}
	k := kernel.Moments[T]{Mean: c[ruleMean], New: c[ruleNew], MeanSquare: c[ruleMeanSquare], NewSquare: c[ruleNewSquare],
		Scale: c[ruleScale], Ahead: c[ruleAhead], Correction: c[ruleCorrection], Epsilon: c[ruleEpsilon]}
	w, g, m, v := r.args[0].slice(p, s, lo, n), r.args[1].slice(p, s, lo, n), r.args[2].slice(p, s, lo, n), r.args[3].slice(p, s, lo, n)
	if r.nadam {
		kernel.Nadam(dst, w, g, m, v, &k)
	} else {
		kernel.Adam(dst, w, g, m, v, &k)
	}
}

// ruleNodes are the nodes of a rule before the one that gives the next value: their
// places in the group.
type ruleNodes struct {
	mean, square int // the running means
	step         int // the product with the mean, or the weighted sum of it and the gradient
	factor       int // which operand of a product is the number
	correction   int // a quotient of the mean square and a number; -1: none
}

// findRules finds updates that one loop is for.
func (b *programmer[T]) findRules() {
	if b.g.shape.Len() < 2 {
		return
	}
	for i, x := range b.g.nodes {
		if x.Op().Name == "over_root" {
			if r := b.ruleAt(i, x); r != nil {
				b.rules[x.ID()] = r
				for _, k := range []int{r.mean, r.square, r.step, r.correction} {
					if k >= 0 {
						b.joined[b.g.nodes[k].ID()] = i
					}
				}
			}
		}
	}
}

// ruleAt is the rule that ends with x, the group's node number i, or nil.
func (b *programmer[T]) ruleAt(i int, x graph.Node) *ruleNodes {
	place := func(y graph.Node, op string) int {
		return slices.IndexFunc(b.g.nodes[:i], func(z graph.Node) bool { return z.ID() == y.ID() && z.Op().Name == op })
	}
	at := func(k int) graph.Node { return b.g.nodes[k] }
	r := &ruleNodes{correction: -1}
	step, second := x.In(1), x.In(2)
	if r.correction = place(second, "div"); r.correction >= 0 {
		if at(r.correction).In(1).Rank() != 0 {
			return nil
		}
		second = at(r.correction).In(0)
	}
	var gradient graph.Node
	if r.correction >= 0 { // Nadam's
		if r.step = place(step, "weighted"); r.step < 0 {
			return nil
		}
		r.mean, gradient = place(at(r.step).In(0), "weighted"), at(r.step).In(1)
	} else {
		if r.step = place(step, "mul"); r.step < 0 {
			return nil
		}
		if r.factor = b.factor(at(r.step)); r.factor < 0 {
			return nil
		}
		r.mean = place(at(r.step).In(1-r.factor), "weighted")
	}
	if r.square = place(second, "weighted_square"); r.mean < 0 || r.square < 0 || r.mean == r.step {
		return nil
	}
	m, v := at(r.mean), at(r.square)
	if !gradient.Valid() {
		gradient = m.In(1)
	}
	if m.In(1) != gradient || v.In(1) != gradient {
		return nil
	}
	within := []int{r.mean, r.square, r.step, r.correction, i}
	// What is between must have no other reader and no memory of its own, and the means
	// must go where they came from, with nothing else in want of what was there.
	for _, k := range []int{r.step, r.correction} {
		if k >= 0 && b.value[at(k).ID()] != nil {
			return nil
		}
	}
	old := map[int]bool{}
	for _, y := range []graph.Node{m, v} {
		from := b.root[y.In(0).ID()]
		if !b.inplace[y.ID()] || b.target[y.ID()] != from || b.inGroup(from) {
			return nil
		}
		old[from] = true
	}
	for k, y := range b.g.nodes {
		if slices.Contains(within, k) {
			continue
		}
		for _, in := range y.Ins() {
			root := b.root[in.ID()]
			mean := root == m.ID() || root == v.ID()
			between := root == step.ID() || r.correction >= 0 && root == at(r.correction).ID()
			if old[root] || between || mean && k < i {
				return nil
			}
		}
	}
	return r
}

// rule takes the operands of a rule together.
func (b *programmer[T]) rule(i int, x graph.Node, r *ruleNodes, done *[]int) *rule[T] {
	out := &rule[T]{nadam: r.correction >= 0}
	for k := range out.numbers {
		out.numbers[k] = arg[T]{reg: -1, mem: &operand[T]{isConst: true, pat: scalar, reg: -1}}
	}
	out.args = [4]arg[T]{b.arg(i, 0, i, done), b.arg(r.mean, 1, i, done), b.arg(r.mean, 0, i, done), b.arg(r.square, 0, i, done)}
	number := func(field, node, k int) { out.numbers[field] = b.arg(node, k, i, done) }
	number(ruleMean, r.mean, 2)
	number(ruleNew, r.mean, 3)
	number(ruleMeanSquare, r.square, 2)
	number(ruleNewSquare, r.square, 3)
	number(ruleEpsilon, i, 3)
	if out.nadam {
		number(ruleScale, r.step, 2)
		number(ruleAhead, r.step, 3)
		number(ruleCorrection, r.correction, 1)
	} else {
		number(ruleScale, r.step, r.factor)
	}
	return out
}
