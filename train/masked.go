package train

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
)

// An output whose steps a mask leaves out is measured at the others alone, as in Keras: the loss
// of a batch is the mean over the steps that count, whatever row they are of.

// A stepwise metric has a value for each of the rows, of which it is the mean or a function of
// the mean.
type stepwise interface {
	Metric
	each(pred, target graph.Node) graph.Node
}

func (Accuracy) each(pred, target graph.Node) graph.Node { return hits(pred, target) }

func (BinaryAccuracy) each(pred, target graph.Node) graph.Node {
	yes := pred.Greater(pred.Builder().Const(0.5))
	return yes.Equal(target.ToFloat().Reshape(pred.Shape()...)).Reshape(pred.Dim(0), -1).Mean(1)
}

func (MAE) each(pred, target graph.Node) graph.Node { return difference(pred, target).Abs().Mean(1) }

func (MSE) each(pred, target graph.Node) graph.Node { return difference(pred, target).Square().Mean(1) }

func (RMSE) each(pred, target graph.Node) graph.Node { return MSE{}.each(pred, target) }

// countedSteps says which steps of an output (N, steps, …) count.
type countedSteps struct {
	axes        int // of rows and steps
	rows, steps int
	mask        graph.Node // (N·steps)
	scale       graph.Node // N by how many count in all
}

// countSteps is that of a mask (N, steps) for an output and its target, which must have a value
// or several for each step.
func countSteps(y, target, mask graph.Node) (countedSteps, graph.Node) {
	b := y.Builder()
	n := mask.Rank()
	if y.Rank() != n+1 || !y.Shape()[:n].Equal(mask.Shape()) || target.Rank() < n || !target.Shape()[:n].Equal(mask.Shape()) {
		return countedSteps{}, b.Fail("a mask %v says which steps count of the output %v; its target, %v, wants something for each of them", mask.Type(), y.Type(), target.Type())
	}
	c := countedSteps{axes: n, rows: y.Dim(0), steps: mask.Shape()[1:].Len(), mask: mask.Reshape(-1)}
	c.scale = b.Const(float64(c.rows)).Div(c.mask.Sum().Max(b.Const(1)))
	return c, c.mask
}

// apart makes a row of each step. What a loss knows an output by, that it is a softmax or the
// like, stays.
func (c countedSteps) apart(x graph.Node) graph.Node {
	switch op := x.Op(); op.Name {
	case "softmax", "log_softmax", "sigmoid", "exp":
		return x.Builder().Apply(op.Name, x.Attr(), c.apart(x.In(0)))
	}
	return x.Reshape(append([]int{c.rows * c.steps}, x.Shape()[c.axes:]...)...)
}

// loss is that of each row (N): of the steps that count, so that its mean over the rows is the
// mean over these.
func (c countedSteps) loss(l loss.Loss, y, target graph.Node) graph.Node {
	each := l.Apply(c.apart(y), c.apart(target))
	if !each.Valid() || each.Rank() != 1 {
		return each
	}
	return c.of(each).Reshape(c.rows, c.steps).Sum(1).Mul(c.scale)
}

// of is a value of each step, and 0 at those that do not count.
func (c countedSteps) of(each graph.Node) graph.Node {
	return c.mask.Select(each, c.mask.Builder().Const(0))
}

// sums are those of a metric, which is one of steps.
func (c countedSteps) sums(m stepwise, pred, target graph.Node) []graph.Node {
	return []graph.Node{c.of(m.each(c.apart(pred), c.apart(target)).Reshape(-1)).Sum().Mul(c.scale)}
}

// stepwiseOnly are the metrics that steps which a mask leaves out can be kept out of.
func stepwiseOnly(ms []Metric) []Metric {
	return slices.DeleteFunc(slices.Clone(ms), func(m Metric) bool { _, ok := m.(stepwise); return !ok })
}
