package saved

import (
	"slices"

	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// idiomatic reports whether a layer is one operation of TensorFlow though it is several of
// ours.
func idiomatic(l param.Applied) bool {
	if len(l.In) != 1 {
		return false
	}
	switch l.Layer.(type) {
	case nn.BatchNorm:
		return true
	case nn.AveragePooling1D, nn.AveragePooling2D, nn.AveragePooling3D:
		_, ok := mean(l)
		return ok
	case nn.GlobalAveragePooling1D, nn.GlobalAveragePooling2D, nn.GlobalAveragePooling3D:
		return true
	}
	return false
}

// mean is the window of a pool of means whose padding TensorFlow leaves out of them, too: a
// convolution with one number all over the kernel, divided where padding does not count.
func mean(l param.Applied) (graph.Window, bool) {
	y, divided := l.Out, l.Out.Op().Name == "div"
	if divided {
		y = y.In(0)
	}
	a, ok := y.Attr().(graph.ConvAttr)
	if !ok || slices.ContainsFunc(a.Window.Spans(), func(s graph.Span) bool { return s.Dilation != 1 }) {
		return graph.Window{}, false
	}
	as := lay(a.Window, a.Space())
	return a.Window, as.around == nil && (divided || as.padding == "VALID")
}

// idiom adds that operation.
func (w *writer) idiom(l param.Applied, x graph.Node) (string, error) {
	in, err := w.ref(l.In[0])
	if err != nil {
		return "", err
	}
	switch n := l.Layer.(type) {
	case nn.BatchNorm:
		return w.norm(l, in, n)
	case nn.GlobalAveragePooling1D:
		return w.global(l, in, n.Keep), nil
	case nn.GlobalAveragePooling2D:
		return w.global(l, in, n.Keep), nil
	case nn.GlobalAveragePooling3D:
		return w.global(l, in, n.Keep), nil
	}
	win, _ := mean(l)
	return w.pool(l.Name, "AvgPool", in, l.In[0], x, win, 0), nil
}

func (w *writer) global(l param.Applied, in string, keep bool) string {
	var over []int
	for i := 1; i < l.In[0].Rank()-1; i++ {
		over = append(over, i)
	}
	return w.op(l.Name, "Mean", []string{in, w.ints(over...)}, typeAttr("Tidx", typeInt32), boolAttr("keep_dims", keep))
}

// norm is a batch normalization at prediction: one operation for pictures, else as
// tf.nn.batch_normalization has it,
//
//	x·m + (β − μ·m)    m = γ/√(σ² + ε)
func (w *writer) norm(l param.Applied, x string, n nn.BatchNorm) (string, error) {
	at := map[string]string{}
	for _, leaf := range []string{"gamma", "beta", "moving_mean", "moving_variance"} {
		if leaf == "gamma" && n.NoScale || leaf == "beta" && n.NoCenter {
			continue
		}
		var err error
		if at[leaf], err = w.parameter(l.Path + "/" + leaf); err != nil {
			return "", err
		}
	}
	eps := spec.Or(n.Epsilon, 1e-3)
	if l.In[0].Rank() == 4 && len(at) == 4 && w.float == typeFloat {
		return w.op(l.Name, "FusedBatchNormV3", []string{x, at["gamma"], at["beta"], at["moving_mean"], at["moving_variance"]},
			typeAttr("U", typeFloat), floatAttr("epsilon", eps), boolAttr("is_training", false), textAttr("data_format", "NHWC")), nil
	}
	path := l.Name + "/batchnorm"
	factor := w.op(path, "Rsqrt", []string{w.op(path, "AddV2", []string{at["moving_variance"], w.number(eps)})})
	if !n.NoScale {
		factor = w.op(path, "Mul", []string{factor, at["gamma"]})
	}
	beta := at["beta"]
	if n.NoCenter {
		beta = w.number(0)
	}
	offset := w.op(path, "Sub", []string{beta, w.op(path, "Mul", []string{at["moving_mean"], factor})})
	return w.op(path, "AddV2", []string{w.op(path, "Mul", []string{x, factor}), offset}), nil
}
