package cpu

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
)

// A rule is the whole update of a parameter in the place of the steps that it consists
// of: running means go to their storage and the next value is the step's result, all in
// one pass over memory.
type rule[T float] struct {
	kind    ruleKind
	args    [4]arg[T]        // the parameter, its gradient, m, v
	numbers [8]ruleNumber[T] // by field of [kernel.Moments]
}

// A ruleNumber is a number of a rule, or its opposite.
type ruleNumber[T float] struct {
	arg[T]
	minus bool
}

// The rules that there are loops for.
type ruleKind uint8

const (
	ruleAdam ruleKind = iota
	ruleNadam
	ruleMomentum
	ruleNesterov
	ruleRMSProp
	ruleRMSPropOutside
)

// cost is what an element of a rule costs, in additions.
func (k ruleKind) cost() int {
	switch k {
	case ruleMomentum, ruleNesterov:
		return 5
	case ruleRMSProp, ruleRMSPropOutside:
		return 13
	}
	return 16
}

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

func (r *rule[T]) exec(p *program[T], dst []T, s *registers[T], lo, n int) {
	var c [8]T
	for i := range r.numbers {
		c[i], _ = r.numbers[i].number(lo)
		if r.numbers[i].minus {
			c[i] = -c[i]
		}
	}
	k := kernel.Moments[T]{Mean: c[ruleMean], New: c[ruleNew], MeanSquare: c[ruleMeanSquare], NewSquare: c[ruleNewSquare],
		Scale: c[ruleScale], Ahead: c[ruleAhead], Correction: c[ruleCorrection], Epsilon: c[ruleEpsilon]}
	at := func(i int) []T { return r.args[i].slice(p, s, lo, n) }
	switch w, g := at(0), at(1); r.kind {
	case ruleAdam:
		kernel.Adam(dst, w, g, at(2), at(3), &k)
	case ruleNadam:
		kernel.Nadam(dst, w, g, at(2), at(3), &k)
	case ruleMomentum:
		kernel.Momentum(dst, w, g, at(2), &k)
	case ruleNesterov:
		kernel.Nesterov(dst, w, g, at(2), &k)
	case ruleRMSProp:
		kernel.RMSProp(dst, w, g, at(3), &k)
	case ruleRMSPropOutside:
		kernel.RMSPropOutside(dst, w, g, at(3), &k)
	}
}

// ruleNodes are the nodes of a rule before the one that gives the next value: their
// places in the group.
type ruleNodes struct {
	kind     ruleKind
	means    [2]runningMean // m and v
	gradient ruleOperand
	numbers  [8]ruleOperand // those that are not there are 1
	between  []int          // what else it consists of
}

// A ruleOperand is operand k of the group's node number at, or its opposite.
type ruleOperand struct {
	at, k int
	minus bool
}

// A runningMean is the group's node number at, and what it was before.
type runningMean struct {
	at  int
	old ruleOperand
}

var none = ruleOperand{at: -1}

func newRule(kind ruleKind) *ruleNodes {
	r := &ruleNodes{kind: kind, means: [2]runningMean{{at: -1}, {at: -1}}}
	for i := range r.numbers {
		r.numbers[i] = none
	}
	return r
}

// moved lists the nodes that are running means.
func (r *ruleNodes) moved() (list []int) {
	for _, m := range r.means {
		if m.at >= 0 {
			list = append(list, m.at)
		}
	}
	return list
}

// findRules finds updates that one loop is for.
func (b *programmer[T]) findRules() {
	if b.g.shape.Len() < 2 {
		return
	}
	for i, x := range b.g.nodes {
		var found []*ruleNodes
		switch x.Op().Name {
		case "over_root":
			found = append(found, b.adamAt(i, x))
		case "add":
			found = b.momentumAt(x)
		case "sub":
			found = append(b.momentumAt(x), b.rmsPropAt(x))
		}
		for _, r := range found {
			if r != nil && b.stands(r, i) {
				b.rules[x.ID()] = r
				for _, k := range append(r.moved(), r.between...) {
					b.joined[b.g.nodes[k].ID()] = i
				}
				break
			}
		}
	}
}

// place is where an op's result is in the group, or -1.
func (b *programmer[T]) place(y graph.Node, op string) int {
	return slices.IndexFunc(b.g.nodes, func(z graph.Node) bool { return z.ID() == y.ID() && z.Op().Name == op })
}

// scaled takes y, the product or sum of something and one number, apart.
func (b *programmer[T]) scaled(y graph.Node, op string) (at int, number ruleOperand, of graph.Node) {
	at = b.place(y, op)
	if at < 0 {
		return -1, none, of
	}
	k := b.factor(y)
	if k < 0 {
		return -1, none, of
	}
	return at, ruleOperand{at: at, k: k}, y.In(1 - k)
}

// adamAt is the rule of Adam or Nadam that ends with x, the group's node number i, or nil.
func (b *programmer[T]) adamAt(i int, x graph.Node) *ruleNodes {
	at := func(k int) graph.Node { return b.g.nodes[k] }
	r := newRule(ruleAdam)
	step, second := x.In(1), x.In(2)
	r.numbers[ruleEpsilon] = ruleOperand{at: i, k: 3}
	mean := -1
	if correction := b.place(second, "div"); correction >= 0 {
		if second.In(1).Rank() != 0 {
			return nil
		}
		w := b.place(step, "weighted")
		if w < 0 {
			return nil
		}
		r.kind, r.between = ruleNadam, []int{w, correction}
		r.numbers[ruleScale], r.numbers[ruleAhead] = ruleOperand{at: w, k: 2}, ruleOperand{at: w, k: 3}
		r.numbers[ruleCorrection] = ruleOperand{at: correction, k: 1}
		if mean = b.place(step.In(0), "weighted"); mean < 0 || mean == w || at(mean).In(1) != step.In(1) {
			return nil
		}
		second = second.In(0)
	} else {
		w, scale, of := b.scaled(step, "mul")
		if w < 0 {
			return nil
		}
		r.between, r.numbers[ruleScale] = []int{w}, scale
		mean = b.place(of, "weighted")
	}
	square := b.place(second, "weighted_square")
	if mean < 0 || square < 0 || at(mean).In(1) != at(square).In(1) {
		return nil
	}
	r.means = [2]runningMean{{mean, ruleOperand{at: mean}}, {square, ruleOperand{at: square}}}
	r.gradient = ruleOperand{at: mean, k: 1}
	r.numbers[ruleMean], r.numbers[ruleNew] = ruleOperand{at: mean, k: 2}, ruleOperand{at: mean, k: 3}
	r.numbers[ruleMeanSquare], r.numbers[ruleNewSquare] = ruleOperand{at: square, k: 2}, ruleOperand{at: square, k: 3}
	return r
}

// A decayed is beta·old + by·rest.
type decayed struct {
	at                  int // its place
	old, beta, by, rest ruleOperand
	between             []int // the products
}

// decays lists what y can be: a sum has two sides, and one of them may be a product itself.
func (b *programmer[T]) decays(y graph.Node) (list []decayed) {
	if at := b.place(y, "weighted"); at >= 0 {
		o := func(k int) ruleOperand { return ruleOperand{at: at, k: k} }
		return []decayed{{at, o(0), o(2), o(3), o(1), nil}, {at, o(1), o(3), o(2), o(0), nil}}
	}
	at, minus := b.place(y, "add"), false
	if at < 0 {
		at, minus = b.place(y, "sub"), true
	}
	if at < 0 {
		return nil
	}
	for k := range 2 {
		product, beta, _ := b.scaled(y.In(k), "mul")
		if product < 0 || minus && k == 1 {
			continue
		}
		d := decayed{at, ruleOperand{at: product, k: 1 - beta.k}, beta, none, ruleOperand{at: at, k: 1 - k}, []int{product}}
		d.by.minus = minus
		if other, by, _ := b.scaled(y.In(1-k), "mul"); other >= 0 {
			e := d
			by.minus = minus
			e.by, e.rest, e.between = by, ruleOperand{at: other, k: 1 - by.k}, []int{product, other}
			list = append(list, e)
		}
		list = append(list, d)
	}
	return list
}

func (b *programmer[T]) operand(o ruleOperand) graph.Node { return b.g.nodes[o.at].In(o.k) }

// alike reports whether two operands are one.
func (b *programmer[T]) alike(o, p ruleOperand) bool {
	if o.at < 0 || p.at < 0 {
		return o.at == p.at && o.minus == p.minus
	}
	return b.operand(o) == b.operand(p) && o.minus == p.minus
}

// momentumAt lists what rules of a momentum can end with x.
func (b *programmer[T]) momentumAt(x graph.Node) (list []*ruleNodes) {
	scale, step, between := none, x.In(1), []int(nil)
	if x.Op().Name == "sub" {
		k, by, of := b.scaled(step, "mul")
		if k < 0 {
			return nil
		}
		by.minus = true
		scale, step, between = by, of, []int{k}
	}
	add := func(kind ruleKind, m decayed, between []int) {
		r := newRule(kind)
		r.means[0], r.gradient, r.between = runningMean{m.at, m.old}, m.rest, slices.Concat(between, m.between)
		r.numbers[ruleMean], r.numbers[ruleNew], r.numbers[ruleScale] = m.beta, m.by, scale
		list = append(list, r)
	}
	for _, d := range b.decays(step) {
		add(ruleMomentum, d, between)
		for _, m := range b.decays(b.operand(d.old)) {
			if b.alike(m.beta, d.beta) && b.alike(m.by, d.by) && b.alike(m.rest, d.rest) {
				add(ruleNesterov, m, slices.Concat(between, d.between, []int{d.at}))
			}
		}
	}
	return list
}

// rmsPropAt is the rule of RMSProp that ends with x, or nil.
func (b *programmer[T]) rmsPropAt(x graph.Node) *ruleNodes {
	k, scale, step := b.scaled(x.In(1), "mul")
	if k < 0 {
		return nil
	}
	q := b.place(step, "div")
	if q < 0 {
		return nil
	}
	r, rooted := newRule(ruleRMSProp), step.In(1)
	root := b.place(rooted, "sqrt")
	if root >= 0 {
		rooted = rooted.In(0)
	}
	sum, epsilon, v := b.scaled(rooted, "add")
	if sum < 0 {
		return nil
	}
	if root < 0 {
		r.kind = ruleRMSPropOutside
		if root = b.place(v, "sqrt"); root < 0 {
			return nil
		}
		v = v.In(0)
	}
	square := b.place(v, "weighted_square")
	if square < 0 || v.In(1) != step.In(0) {
		return nil
	}
	r.means[1] = runningMean{square, ruleOperand{at: square}}
	r.gradient, r.between = ruleOperand{at: q}, []int{k, q, root, sum}
	r.numbers[ruleMeanSquare], r.numbers[ruleNewSquare] = ruleOperand{at: square, k: 2}, ruleOperand{at: square, k: 3}
	r.numbers[ruleScale], r.numbers[ruleEpsilon] = scale, epsilon
	return r
}

// stands reports whether nothing else needs what a rule that ends with node i leaves out:
// what is between has no other reader and no memory of its own, and the means go where
// they came from, with nothing else in want of what was there.
func (b *programmer[T]) stands(r *ruleNodes, i int) bool {
	at := func(k int) int { return b.g.nodes[k].ID() }
	between, moved, old := map[int]bool{}, map[int]bool{}, map[int]bool{}
	for _, k := range r.between {
		if b.value[at(k)] != nil {
			return false
		}
		between[at(k)] = true
	}
	for _, m := range r.means {
		if m.at < 0 {
			continue
		}
		id, from := at(m.at), b.root[b.operand(m.old).ID()]
		if !b.inplace[id] || b.target[id] != from || b.inGroup(from) {
			return false
		}
		moved[id], old[from] = true, true
	}
	for _, y := range []graph.Node{b.g.nodes[i].In(0), b.operand(r.gradient)} {
		if root := b.root[y.ID()]; old[root] || between[root] || moved[root] {
			return false
		}
	}
	within := append(r.moved(), append(r.between, i)...)
	for k, y := range b.g.nodes {
		if slices.Contains(within, k) {
			continue
		}
		for _, in := range y.Ins() {
			root := b.root[in.ID()]
			if old[root] || between[root] || moved[root] && k < i {
				return false
			}
		}
	}
	return true
}

// rule takes the operands of a rule together.
func (b *programmer[T]) rule(i int, r *ruleNodes, done *[]int) *rule[T] {
	out := &rule[T]{kind: r.kind}
	take := func(o ruleOperand) arg[T] { return b.arg(o.at, o.k, i, done) }
	out.args[0], out.args[1] = b.arg(i, 0, i, done), take(r.gradient)
	for k, m := range r.means {
		if m.at >= 0 {
			out.args[2+k] = take(m.old)
		}
	}
	for k, o := range r.numbers {
		n := arg[T]{reg: -1, mem: &operand[T]{isConst: true, c: 1, pat: scalar, reg: -1}}
		if o.at >= 0 {
			n = take(o)
		}
		out.numbers[k] = ruleNumber[T]{n, o.minus}
	}
	return out
}
