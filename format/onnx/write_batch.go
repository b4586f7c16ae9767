package onnx

import (
	"slices"

	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// overBatch is the mean of each feature over the batch and all other axes; in those it has length 1
// or, where they are not kept, it is a vector.
func (w *writer) overBatch(name string, x *sent, keep bool) string {
	var axes []int
	for i, p := range x.perm() {
		if p < len(x.shape) {
			axes = append(axes, i)
		}
	}
	k := 0
	if keep {
		k = 1
	}
	return w.node("ReduceMean", name, []string{x.name}, []attribute{{"axes", axes}, {"keepdims", k}})
}

// deviations are squares of what is left without the mean over the batch, and that itself.
//
// A BatchNormalization with training_mode would do all of it, but onnxruntime (1.30) makes one of
// prediction of it where nothing takes its other outputs.
func (w *writer) deviations(name string, x *sent) (squares, rest *sent) {
	rest = w.like(x, "Sub", name+"/centered", nil, w.overBatch(name+"/mean", x, true))
	return w.like(rest, "Mul", name+"/squares", nil, rest.name), rest
}

// standardized takes the batch's mean from each number, and divides by its deviation.
func (w *writer) standardized(a param.Applied, x *sent, eps float64) *sent {
	squares, rest := w.deviations(a.Name, w.floated(x))
	safe := w.node("Add", a.Name+"/safe", []string{w.overBatch(a.Name+"/variance", squares, true), w.number(a.Name+"/epsilon", eps)}, nil)
	return w.like(rest, "Div", a.Name, nil, w.node("Sqrt", a.Name+"/deviation", []string{safe}, nil))
}

// ofBatch gives the mean over the batch to each sample of it.
func (w *writer) ofBatch(a param.Applied, x *sent) *sent {
	at := slices.Index(x.perm(), 0)
	rows := w.node("Shape", a.Name+"/rows", []string{x.name}, []attribute{{"start", at}, {"end", at + 1}})
	n := a.Out.Dim(-1)
	to := w.node("Concat", a.Name+"/shape", []string{rows, w.wholes(a.Name+"/features", n)}, []attribute{{"axis", 0}})
	return &sent{name: w.node("Expand", a.Name, []string{w.overBatch(a.Name+"/of_batch", x, false), to}, nil), shape: tensor.Shape{n}, kind: a.Out.Type().Kind}
}

// maxPoolArgmax is the second output of a MaxPool, as floats.
func (w *writer) maxPoolArgmax(a param.Applied, x *sent, columns bool) (*sent, error) {
	y, err := w.maxPool(a, x)
	if err != nil {
		return nil, err
	}
	pool, places := w.nodes[len(w.nodes)-1], w.fresh(a.Name+"/places")
	pool.out = append(pool.out, places)
	if columns {
		pool.attrs = append(pool.attrs, attribute{"storage_order", 1})
	}
	y.name = w.node("Cast", a.Name+"/places/float", []string{places}, []attribute{{"to", int(codeOf(w.float))}})
	return y, nil
}
