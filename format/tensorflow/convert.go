package tensorflow

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/tensor"
)

// A converter makes layers of the part of a graph that lies between inputs and an
// output. It walks from the output back: what only training needs is never met.
type converter struct {
	unrolled map[string]bool // kernels of LSTMs whose steps are layers of their own
	g        *graph
	file     *format.File
	// variable is the tensor of the file that holds a variable.
	variable func(name string) (format.Tensor, error)

	given    map[string]bool  // nodes that are taken as inputs
	acts     map[string]bool  // whether a node depends on an input
	done     map[ref]string   // what the result of a node is called
	failed   map[ref]error    // why a node cannot be converted
	busy     map[ref]bool     // being converted: met again is a cycle
	choice   map[string]int   // of a Merge: the input that is alive
	steps    map[string]*step // of LSTMs, by their last node; nil where a node ends none
	loops    map[string]*loop // by what ends them; nil where they are none
	sketch   format.Sketch
	optional map[string]bool // inputs whose shape is not known
	shapes   map[string]tensor.Shape
	asked    int          // for shapes
	told     []data.Field // inputs as the user describes them
	warnings []string
	depth    int
	effort   int
}

func (c *converter) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

func unsupported(n *node, format string, args ...any) error {
	return &unsupportedNode{fmt.Sprintf("node %q (%s)", n.name, n.op), fmt.Sprintf(format, args...)}
}

// An unsupportedNode becomes a format.Unsupported.
type unsupportedNode struct{ what, msg string }

func (u *unsupportedNode) Error() string { return u.what + ": " + u.msg }

// at is the node of a ref.
func (c *converter) at(r ref) (*node, error) {
	n := c.g.nodes[r.name]
	if n == nil {
		return nil, fmt.Errorf("the graph has no node %q, which is an input of another", r.name)
	}
	return n, nil
}

// passing are the ops that hand on their first input.
var passing = map[string]bool{"Identity": true, "StopGradient": true, "CheckNumerics": true, "PreventGradient": true, "Snapshot": true, "Switch": true,
	"RefSwitch": true, "RefIdentity": true, "EnsureShape": true, "ReadVariableOp": true, "Cast": true, "IdentityN": true, "PlaceholderWithDefault": true,
	"Enter": true, "NextIteration": true}

// source goes back over nodes that only hand on what they are given, and over the
// branch of a conditional that is not alive at prediction.
func (c *converter) source(r ref) (ref, *node, error) {
	begin := r
	for range maxPassing {
		n, err := c.at(r)
		if err != nil {
			return r, nil, err
		}
		if c.given[n.name] {
			return r, n, nil
		}
		switch {
		case n.op == "Cast" && lossy(n):
			return r, n, nil
		case n.op == "IdentityN" && r.out < len(n.in):
			r = n.in[r.out]
		case passing[n.op] && len(n.in) > 0:
			r = n.in[0]
		case n.op == "Merge" || n.op == "RefMerge":
			i, err := c.alive(n)
			if err != nil {
				return r, nil, err
			}
			r = n.in[i]
		default:
			return r, n, nil
		}
	}
	return r, nil, fmt.Errorf("node %q: what it is computed of leads back to it, or is handed on by more than %d nodes", begin.name, maxPassing)
}

// maxPassing is how many nodes may hand on what they are given, one after the other: each is
// gone over from whatever lies behind it.
const maxPassing = 256

// alive is the input of a Merge that has a value at prediction.
func (c *converter) alive(n *node) (int, error) {
	if i, ok := c.choice[n.name]; ok {
		return i, nil
	}
	c.choice[n.name] = 0 // met again on the way it is a loop
	for i, r := range n.in {
		sw, out := c.branch(r)
		if sw == nil {
			continue
		}
		v, err := c.truth(sw.in[1])
		if err != nil {
			return 0, err
		}
		if v == (out == 1) {
			c.choice[n.name] = i
			return i, nil
		}
	}
	return 0, unsupported(n, "no branch of this conditional is alive at prediction")
}

// branch finds the Switch that a value hangs on, and on which side of it.
func (c *converter) branch(r ref) (*node, int) {
	seen := map[string]bool{}
	queue := []ref{r}
	for len(queue) > 0 && c.effort < mostEffort {
		c.effort++
		r := queue[0]
		queue = queue[1:]
		n := c.g.nodes[r.name]
		if n == nil {
			continue
		}
		if (n.op == "Switch" || n.op == "RefSwitch") && len(n.in) == 2 {
			return n, r.out
		}
		if seen[n.name] {
			continue
		}
		seen[n.name] = true
		queue = append(queue, n.in...)
		for _, name := range n.control {
			queue = append(queue, ref{name: name})
		}
	}
	return nil, 0
}

// truth is a truth value at prediction. One that is fed says whether the net is in
// training: it is not.
func (c *converter) truth(r ref) (bool, error) {
	_, n, err := c.source(r)
	if err != nil {
		return false, err
	}
	switch n.op {
	case "Const":
		k, ok := n.constant()
		if !ok {
			break
		}
		t, err := k.read()
		if err != nil || t.Len() != 1 {
			break
		}
		return t.Flat(0) != 0, nil
	case "Placeholder":
		c.warn("%q is fed, and taken for false: whether the net is in training", n.name)
		return false, nil
	case "LogicalNot":
		v, err := c.truth(n.in[0])
		return !v, err
	case "LogicalAnd", "LogicalOr":
		a, err := c.truth(n.in[0])
		if err != nil {
			return false, err
		}
		b, err := c.truth(n.in[1])
		if n.op == "LogicalAnd" {
			return a && b, err
		}
		return a || b, err
	}
	return false, unsupported(n, "what a conditional hangs on is not known before it runs")
}

// shapes are ops whose result depends on a value's shape alone.
var shapes = map[string]bool{"Shape": true, "ShapeN": true, "Size": true, "Rank": true, "ZerosLike": true, "OnesLike": true}

// isAct reports whether a value depends on an input of the model.
func (c *converter) isAct(r ref) bool {
	if v, ok := c.acts[r.name]; ok {
		return v
	}
	c.acts[r.name] = false
	if c.depth++; c.depth > maxDepth {
		c.depth--
		return false
	}
	defer func() { c.depth-- }()
	_, n, err := c.source(r)
	if err != nil {
		return false
	}
	v := false
	switch {
	case c.given[n.name]:
		v = true
	case n.op == "Placeholder":
		t, _ := n.attr("dtype", 6)
		v = len(c.given) == 0 && t.Int != 10 // a truth value steers
	case shapes[n.op], n.op == "Const":
	case n.op == "Exit":
		l, _ := c.loopOf(ref{name: n.name})
		v = l != nil && (l.err != nil || l.seen(c))
	default:
		for _, in := range n.in {
			if c.isAct(in) {
				v = true
				break
			}
		}
	}
	c.acts[r.name] = v
	return v
}

// mostEffort is how many nodes are looked at to tell branches and ends apart, all in all: a
// graph that is made to take long ends there.
const mostEffort = 1 << 20

// maxDepth is how many ops may follow one another.
const maxDepth = 20000

// A weight is a tensor of the file that a layer has as a parameter.
type weight struct {
	format.Tensor
	variable string // or the constant, that holds it
	loose    bool   // a constant, which may be a weight or just a number of the graph
}

// weight finds the variable or constant that a value is.
func (c *converter) weight(r ref) (weight, bool) {
	_, n, err := c.source(r)
	if err != nil {
		return weight{}, false
	}
	switch n.op {
	case "Const":
		t, ok := c.file.Lookup(n.name)
		loose := !c.wasVariable(r, n)
		if !ok {
			if t, ok = numbersOf(n); ok && len(t.Shape) == 0 && loose {
				ok = false // a number
			} else if ok {
				c.file.Tensors = append(c.file.Tensors, t)
			}
		}
		return weight{t, n.name, loose}, ok && t.DType.IsFloat()
	case "Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable":
		t, err := c.variable(n.name)
		return weight{t, n.name, false}, err == nil && t.DType.IsFloat()
	}
	return weight{}, false
}

// wasVariable reports whether a constant that a value is was a variable before the graph was
// frozen: what reads a variable is left of it.
func (c *converter) wasVariable(r ref, constant *node) bool {
	if strings.Contains(constant.name, "ReadVariableOp") {
		return true
	}
	for range 64 {
		n, err := c.at(r)
		if err != nil || n == constant || !passing[n.op] || len(n.in) == 0 {
			return false
		}
		if n.op == "ReadVariableOp" || strings.Contains(n.name, "ReadVariableOp") || n.name == constant.name+"/read" {
			return true
		}
		r = n.in[0]
	}
	return false
}

// missing says why a value is no weight.
func (c *converter) missing(r ref) error {
	_, n, err := c.source(r)
	if err != nil {
		return err
	}
	switch n.op {
	case "Variable", "VariableV2", "VarHandleOp":
		if _, err := c.variable(n.name); err != nil {
			return err
		}
	}
	return unsupported(n, "it is computed, where a variable or a constant is wanted")
}

// number is the value of a constant of one element.
func (c *converter) number(r ref) (float64, bool) {
	_, n, err := c.source(r)
	if err != nil {
		return 0, false
	}
	if n.op == "Cast" && len(n.in) == 1 {
		v, ok := c.number(n.in[0])
		return math.Trunc(v), ok
	}
	two := func(f func(a, b float64) float64) (float64, bool) {
		if len(n.in) != 2 || c.depth > 32 {
			return 0, false
		}
		c.depth++
		defer func() { c.depth-- }()
		a, ok := c.number(n.in[0])
		b, ok2 := c.number(n.in[1])
		return f(a, b), ok && ok2
	}
	switch n.op {
	case "Const":
		k, ok := n.constant()
		if !ok || k.shape.Len() != 1 || bundle.DType(k.code).IsFloat() && c.wasVariable(r, n) {
			return 0, false
		}
		t, err := k.read()
		if err != nil {
			return 0, false
		}
		return t.Flat(0), true
	case "Mul":
		return two(func(a, b float64) float64 { return a * b })
	case "Add", "AddV2":
		return two(func(a, b float64) float64 { return a + b })
	case "Sub":
		return two(func(a, b float64) float64 { return a - b })
	case "RealDiv":
		return two(func(a, b float64) float64 { return a / b })
	}
	return 0, false
}

// whole is a constant list of whole numbers, all of which are known.
func (c *converter) whole(r ref) ([]int, bool) {
	v, ok := c.vector(r)
	out := make([]int, len(v))
	for i, p := range v {
		if p == nil {
			return nil, false
		}
		out[i] = *p
	}
	return out, ok
}

// mask reports whether a value is the mask of a dropout: 0 or 1, drawn at random.
func (c *converter) mask(r ref) bool {
	_, n, err := c.source(r)
	if err != nil || n.op != "Floor" && n.op != "GreaterEqual" && n.op != "Greater" && n.op != "Less" {
		return false
	}
	queue := slices.Clone(n.in)
	for i := 0; i < len(queue) && i < 32; i++ {
		_, n, err := c.source(queue[i])
		if err != nil {
			return false
		}
		switch n.op {
		case "RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2":
			return true
		case "Add", "AddV2", "Sub", "Mul":
			queue = append(queue, n.in...)
		}
	}
	return false
}

// act converts what a value is computed of, and gives the name of its result in
// the model.
func (c *converter) act(r ref) (string, error) {
	r, n, err := c.source(r)
	if err != nil {
		return "", err
	}
	if name, ok := c.done[r]; ok {
		return name, nil
	}
	if err, ok := c.failed[r]; ok {
		return "", err
	}
	if c.busy[r] {
		return "", fmt.Errorf("node %q: what it is computed of leads back to it", r.name)
	}
	c.busy[r] = true
	if c.depth++; c.depth > maxDepth {
		return "", fmt.Errorf("more than %d nodes follow one another", maxDepth)
	}
	defer func() { c.depth-- }()
	var name string
	switch f := ops[n.op]; {
	case c.given[n.name] || n.op == "Placeholder" && len(c.given) == 0 || strings.HasPrefix(n.op, "ParseExample"):
		name, err = c.input(n)
	case n.op == "Placeholder":
		err = unsupported(n, "it is fed, but is not the input that was named")
	case several[n.op] != nil:
		name, err = several[n.op](c, n, r.out)
	case n.op == "While" || n.op == "StatelessWhile":
		name, err = c.recur(n, r, false)
	case f == nil:
		err = unsupported(n, "there is no layer for this operation; output.node= names a node before it, where that is what is wanted")
	case r.out != 0:
		err = unsupported(n, "its result %d is wanted, and only the first is read", r.out)
	default:
		name, err = f(c, n)
	}
	delete(c.busy, r)
	if err != nil {
		c.failed[r] = err
		return "", err
	}
	c.done[r] = name
	return name, nil
}

// input makes a node an input of the model.
func (c *converter) input(n *node) (string, error) {
	f := data.Field{Name: c.sketch.Name(n.name), DType: tensor.Float32}
	if t, ok := n.attr("dtype", 6); ok && (t.Int == 3 || t.Int == 9) {
		f.DType = tensor.Int32
	}
	// A shape without any axis says nothing: old graphs write so what is not known.
	if s, known := n.shape(); known && len(s) > 0 {
		f.Shape = s[1:].Clone()
	}
	if i := len(c.sketch.Inputs); (f.Shape == nil || slices.Contains(f.Shape, -1)) && i < len(c.told) {
		f.Shape = c.told[i].Shape.Clone()
	}
	if f.Shape == nil || slices.Contains(f.Shape, -1) {
		c.optional[f.Name] = true
	} else if len(f.Shape) == 0 {
		f.Shape = tensor.Shape{1}
	}
	c.sketch.Inputs = append(c.sketch.Inputs, f)
	return f.Name, nil
}

// scoped is what a layer is called by its node: the last part of the name, or that of
// the scope where the part is only the operation's.
func (c *converter) scoped(n *node) string {
	parts := strings.Split(n.name, "/")
	if last := parts[len(parts)-1]; len(parts) > 1 && (strings.HasPrefix(last, n.op) || last == "mul" || last == "add") {
		parts = parts[:len(parts)-1]
	}
	last := parts[len(parts)-1]
	if c.sketch.Taken(last) {
		return c.sketch.Name(strings.Join(parts, "."))
	}
	return c.sketch.Name(last)
}

// layerName is what a layer is called by its variable: hidden1/kernel and
// dnn/hidden1/kernel are hidden1's. A variable without a scope has the node's.
func (c *converter) layerName(variable string, n *node) string {
	path := strings.Split(variable, "/")
	if len(path) == 1 {
		path = strings.Split(n.name, "/")
	}
	if len(path) == 1 {
		return c.sketch.Name("dense")
	}
	name := path[len(path)-2]
	if strings.HasPrefix(name, "part_") && len(path) > 2 {
		name = path[len(path)-3]
	}
	if c.sketch.Taken(name) {
		name = strings.Join(path[:len(path)-1], ".")
	}
	return c.sketch.Name(name)
}

// emit adds a layer.
func (c *converter) emit(e *format.Sketched) string {
	c.sketch.Layers = append(c.sketch.Layers, e)
	return e.Name
}

// settle finds the shapes of inputs that the graph leaves open: as it was told, or
// from the kernel of the layer that takes it.
func (c *converter) settle(told []data.Field) error {
	for i := range c.sketch.Inputs {
		f := &c.sketch.Inputs[i]
		if !c.optional[f.Name] {
			continue
		}
		if len(told) == len(c.sketch.Inputs) {
			f.Shape = told[i].Shape
			continue
		}
		for _, e := range c.sketch.Layers {
			if e.Kind == "rescaling" && e.In[0] == f.Name && f.Shape == nil {
				f.Shape = tensor.Shape{1} // numbers, one by one
			}
			if e.Kind != "dense" || e.In[0] != f.Name {
				continue
			}
			if t, ok := c.file.Lookup(e.Parts[0].From[0]); ok && len(t.Shape) == 2 && (f.Shape == nil || len(f.Shape) == 1) {
				f.Shape = t.Shape[:1].Clone()
				if e.Parts[0].Move != nil {
					f.Shape = t.Shape[1:].Clone()
				}
			}
		}
		if f.Shape == nil || slices.Contains(f.Shape, -1) {
			return &format.Choice{Key: "input", Msg: fmt.Sprintf("input %q has no fixed shape: say it with input=, such as input=28x28", f.Name)}
		}
	}
	return nil
}

// near finds the number of a list that a value is, within what float32 rounds.
func near(v, want float64) bool { return math.Abs(v-want) <= 1e-6*math.Max(1, math.Abs(want)) }

// An end is a node that a model may end with.
type end struct {
	node string
	loss loss.Loss
	note string
	// blocked says why the graph goes on with what there is no layer for, in ways that
	// have nothing to do with training.
	blocked error
}

// training are the ops that stand behind the model and name what it gives: by them
// logits are found.
var training = map[string]loss.Loss{
	"SparseSoftmaxCrossEntropyWithLogits": loss.CrossEntropy{}, "SoftmaxCrossEntropyWithLogits": loss.CrossEntropy{}, "InTopK": loss.CrossEntropy{}, "InTopKV2": loss.CrossEntropy{},
}

// newConverter makes one for the graph of a file.
func newConverter(g *graph, f *format.File, variable func(string) (format.Tensor, error)) *converter {
	return &converter{g: g, file: f, variable: variable, given: map[string]bool{}, acts: map[string]bool{}, done: map[ref]string{}, failed: map[ref]error{},
		busy: map[ref]bool{}, choice: map[string]int{}, optional: map[string]bool{}, steps: map[string]*step{}, loops: map[string]*loop{}}
}

// ends lists where a model may end: logits first, by what training makes of them, then
// what can be converted, but nothing that is computed of it.
func ends(c *converter) (logits, last []end) {
	var list []*node
	for _, n := range c.g.order {
		if strings.Contains(n.name, "gradients/") || len(n.in) == 0 || !c.isAct(ref{name: n.name}) {
			continue
		}
		list = append(list, n)
		l, ok := training[n.op]
		if !ok {
			continue
		}
		r, src, err := c.source(n.in[0])
		if err != nil {
			continue
		}
		if src.op == "Reshape" && len(src.in) > 0 { // the loss flattens what it is given
			if r, _, err = c.source(src.in[0]); err != nil {
				continue
			}
		}
		if _, err := c.act(r); err == nil && !slices.ContainsFunc(logits, func(e end) bool { return e.node == r.name }) {
			logits = append(logits, end{r.name, l, "logits of " + n.op, nil})
		}
	}
	var front []*node
	for _, n := range list {
		if ops[n.op] == nil && several[n.op] == nil && !passing[n.op] && n.op != "Merge" {
			continue
		}
		if _, err := c.act(ref{name: n.name}); err == nil {
			front = append(front, n)
		}
	}
	front = trimmed(front)
	// What something able is computed of is no end.
	behind := map[string]bool{}
	users := map[string][]*node{}
	for _, n := range list {
		for _, r := range n.in {
			users[r.name] = append(users[r.name], n)
		}
	}
	for _, n := range front {
		queue := slices.Clone(n.in)
		for len(queue) > 0 {
			r := queue[0]
			queue = queue[1:]
			if m := c.g.nodes[r.name]; m != nil && !behind[r.name] {
				behind[r.name] = true
				queue = append(queue, m.in...)
			}
		}
	}
	known := map[ref]int{}
	for _, n := range front {
		src, at, err := c.source(ref{name: n.name})
		if behind[n.name] || err != nil || slices.ContainsFunc(logits, func(e end) bool { return e.node == n.name }) {
			continue
		}
		e := end{node: n.name}
		if at.op == "Softmax" {
			e.loss = loss.CrossEntropy{}
		}
		own := c.fed(n.name)
		for _, u := range users[n.name] {
			if measures[u.op] || !slices.Contains(u.in, ref{name: n.name}) { // of another result than the first
				continue
			}
			more := false // it is given labels, too
			for name := range c.fed(u.name) {
				more = more || !own[name]
			}
			if _, err := c.act(ref{name: u.name}); !more && err != nil {
				e.blocked = err
			}
		}
		// Two names of one result: the shorter one.
		if i, twice := known[src]; twice {
			if len(n.name) < len(last[i].node) {
				last[i] = e
			}
			continue
		}
		known[src] = len(last)
		last = append(last, e)
	}
	slices.SortStableFunc(last, func(a, b end) int { return cmp.Compare(a.node, b.node) })
	return logits, last
}

// late are ops that a loss which is written out ends with, the mean over a batch apart: a
// model ends before them, unless it has nothing else.
var late = map[string]bool{"Square": true, "Sub": true, "SquaredDifference": true, "Sum": true, "Sqrt": true, "Pow": true, "Max": true, "Min": true, "Neg": true}

// trimmed takes those away that nothing else is computed of.
func trimmed(front []*node) []*node {
	used := map[string]bool{}
	var kept []*node
	for _, n := range front {
		if !late[n.op] {
			kept = append(kept, n)
		}
	}
	if len(kept) == 0 {
		return front
	}
	at := map[string]*node{}
	for _, n := range front {
		at[n.name] = n
	}
	for queue := slices.Clone(kept); len(queue) > 0; queue = queue[1:] {
		for _, r := range queue[0].in {
			if m := at[r.name]; m != nil && !used[m.name] {
				used[m.name] = true
				queue = append(queue, m)
			}
		}
	}
	return slices.DeleteFunc(front, func(n *node) bool { return late[n.op] && !used[n.name] })
}

// measures are ops that measure what a model gives.
var measures = map[string]bool{"ArgMax": true, "Equal": true, "InTopK": true, "InTopKV2": true, "HistogramSummary": true, "ScalarSummary": true, "Print": true, "Shape": true,
	"Size": true, "Rank": true, "TopKV2": true, "Assert": true, "IsNan": true, "IsFinite": true, "L2Loss": true}

// fed are the placeholders that a node depends on.
func (c *converter) fed(name string) map[string]bool {
	out, seen := map[string]bool{}, map[string]bool{}
	queue := []string{name}
	for len(queue) > 0 && c.effort < mostEffort {
		c.effort++
		n := c.g.nodes[queue[0]]
		queue = queue[1:]
		if n == nil || seen[n.name] {
			continue
		}
		seen[n.name] = true
		if n.op == "Placeholder" {
			out[n.name] = true
		}
		for _, r := range n.in {
			queue = append(queue, r.name)
		}
	}
	return out
}
