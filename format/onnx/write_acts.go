package onnx

import (
	"math"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

var negativeZero = math.Copysign(0, -1)

// activate writes an activation: one operation where there is one, else several.
func (w *writer) activate(f act.Activation, a param.Applied, x *sent, name string) (*sent, error) {
	one := func(op string, attrs ...attribute) (*sent, error) { return w.like(x, op, name, attrs), nil }
	clip := func(v *sent, as string, lo, hi float64) *sent {
		return w.like(v, "Clip", as, nil, w.number(as+"/min", lo), w.number(as+"/max", hi))
	}
	// with computes with a value and a number or another value.
	by := func(v *sent, op, as string, k float64) *sent {
		return w.like(v, op, name+"/"+as, nil, w.number(name+"/"+as+"_by", k))
	}
	switch f := f.(type) {
	case act.Linear:
		return x, nil
	case act.Tanh:
		return one("Tanh")
	case act.Sigmoid:
		return one("Sigmoid")
	case act.Softplus:
		return one("Softplus")
	case act.Softsign:
		return one("Softsign")
	case act.Exponential:
		return one("Exp")
	case act.HardSwish:
		return one("HardSwish")
	case act.SELU:
		return one("Selu")
	case act.ELU:
		return one("Elu", attribute{"alpha", spec.Or(f.Alpha, 1)})
	case act.CELU:
		return one("Celu", attribute{"alpha", spec.Or(f.Alpha, 1)})
	case act.LeakyReLU:
		return one("LeakyRelu", attribute{"alpha", spec.Or(f.Slope, 0.2)})
	case act.RReLU: // at prediction the slope is the mean
		lo, hi := spec.Or(f.Lower, 1.0/8), spec.Or(f.Upper, 1.0/3)
		mean := (lo + hi) / 2
		if f.Paper {
			mean = 2 / (1/lo + 1/hi)
		}
		return one("LeakyRelu", attribute{"alpha", mean})
	case act.HardSigmoid:
		return one("HardSigmoid", attribute{"alpha", spec.Or(f.Slope, 1.0/6)}, attribute{"beta", 0.5})
	case act.Clip:
		if f == (act.Clip{}) {
			return x, nil
		}
		var bounds []string
		for _, b := range []struct {
			as string
			v  float64
		}{{"min", f.Min}, {"max", f.Max}} {
			if b.v == 0 {
				bounds = append(bounds, "")
				continue
			}
			bounds = append(bounds, w.number(name+"/"+b.as, spec.Or(b.v, 0)))
		}
		if bounds[1] == "" {
			bounds = bounds[:1]
		}
		return w.like(x, "Clip", name, nil, bounds...), nil
	case act.HardTanh:
		return clip(x, name, -1, 1), nil
	case act.HardShrink:
		return one("Shrink", attribute{"lambd", spec.Or(f.Lambda, 0.5)}, attribute{"bias", 0.0})
	case act.SoftShrink:
		l := spec.Or(f.Lambda, 0.5)
		return one("Shrink", attribute{"lambd", l}, attribute{"bias", l})
	case act.ReLU:
		return w.relu(f, x, name, clip, by), nil
	case act.Threshold:
		if f.Value == 0 && f.Threshold >= 0 {
			return one("ThresholdedRelu", attribute{"alpha", f.Threshold})
		}
		above := w.node("Greater", name+"/above", []string{x.name, w.number(name+"/threshold", f.Threshold)}, nil)
		y := *x
		y.name = w.node("Where", name, []string{above, x.name, w.number(name+"/value", f.Value)}, nil)
		return &y, nil
	case act.PReLU:
		shape := x.shape.Clone()
		for _, s := range f.SharedAxes {
			shape[s-1] = 1
		}
		return w.like(x, "PRelu", name, nil, w.beside(x, a.Path+"/alpha", shape)), nil
	case act.SiLU:
		y := w.like(x, "Sigmoid", name+"/sigmoid", nil)
		return w.like(x, "Mul", name, nil, y.name), nil
	case act.Mish: // an operation of its own from set 18 on
		y := w.like(w.like(x, "Softplus", name+"/softplus", nil), "Tanh", name+"/tanh", nil)
		return w.like(x, "Mul", name, nil, y.name), nil
	case act.LogSigmoid:
		y := w.like(w.like(x, "Neg", name+"/negative", nil), "Softplus", name+"/softplus", nil)
		return w.like(y, "Neg", name, nil), nil
	case act.TanhShrink:
		y := w.like(x, "Tanh", name+"/tanh", nil)
		return w.like(x, "Sub", name, nil, y.name), nil
	case act.GELU: // an operation of its own from set 20 on
		if f.Approximate {
			// ½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))
			y := w.like(x, "Mul", name+"/square", nil, x.name)
			y = w.like(y, "Mul", name+"/cube", nil, x.name)
			y = by(y, "Mul", "share", 0.044715)
			y = w.like(x, "Add", name+"/inner", nil, y.name)
			y = w.like(by(y, "Mul", "inner_scaled", math.Sqrt(2/math.Pi)), "Tanh", name+"/tanh", nil)
			y = w.like(x, "Mul", name+"/whole", nil, by(y, "Add", "one", 1).name)
			return w.like(y, "Mul", name, nil, w.number(name+"/half", 0.5)), nil
		}
		// ½x·(1 + erf(x/√2))
		y := w.like(by(x, "Div", "scaled", math.Sqrt2), "Erf", name+"/erf", nil)
		y = w.like(x, "Mul", name+"/whole", nil, by(y, "Add", "one", 1).name)
		return w.like(y, "Mul", name, nil, w.number(name+"/half", 0.5)), nil
	case act.Softmax, act.LogSoftmax:
		op := "Softmax"
		if _, log := f.(act.LogSoftmax); log {
			op = "LogSoftmax"
		}
		axis := -1
		if x.order == channelsFirst && len(x.shape) > 1 {
			axis = 1
		}
		return one(op, attribute{"axis", axis})
	case act.GLU:
		axis := -1
		if x.order == channelsFirst && len(x.shape) > 1 {
			axis = 1
		}
		a, b := w.fresh(name+"/value"), w.fresh(name+"/gate")
		w.nodes = append(w.nodes, &written{"Split", name + "/halves", []string{x.name}, []string{a, b}, []attribute{{"axis", axis}}})
		y := *x
		y.shape = x.shape.Clone()
		y.shape[len(y.shape)-1] /= 2
		gate := w.node("Sigmoid", name+"/sigmoid", []string{b}, nil)
		y.name = w.node("Mul", name, []string{a, gate}, nil)
		return &y, nil
	}
	return nil, unsent(nn.Activation{Act: f}, a.Path, "there are no operations of ONNX for the activation %s that this version writes", act.Registry.NameOf(f))
}

// relu is a ReLU with a threshold, a slope below it, and an upper bound.
func (w *writer) relu(f act.ReLU, x *sent, name string, clip func(*sent, string, float64, float64) *sent, by func(*sent, string, string, float64) *sent) *sent {
	slope, threshold := spec.Or(f.Slope, 0), spec.Or(f.Threshold, 0)
	switch {
	case threshold == 0 && f.MaxValue == 0 && slope > 0:
		return w.like(x, "LeakyRelu", name, []attribute{{"alpha", slope}})
	case threshold == 0 && f.MaxValue == 0:
		return w.like(x, "Relu", name, nil)
	case threshold == 0 && slope == 0:
		return clip(x, name, 0, f.MaxValue)
	}
	// What lies above the threshold, and the slope of what lies below it.
	at := name
	if slope > 0 {
		at += "/upper"
	}
	var y *sent
	switch {
	case threshold == 0:
		y = clip(x, at, 0, f.MaxValue)
	case threshold > 0 && f.MaxValue == 0:
		y = w.like(x, "ThresholdedRelu", at, []attribute{{"alpha", threshold}})
	case threshold > 0:
		y = by(w.like(x, "ThresholdedRelu", at+"/above", []attribute{{"alpha", threshold}}), "Min", "bounded", spec.Or(f.MaxValue, 0))
	default:
		above := w.node("Greater", at+"/above", []string{x.name, w.number(at+"/threshold", threshold)}, nil)
		v := *x
		v.name = w.node("Where", at, []string{above, x.name, w.number(at+"/zero", 0)}, nil)
		if y = &v; f.MaxValue != 0 {
			y = by(y, "Min", "bounded", spec.Or(f.MaxValue, 0))
		}
	}
	if slope > 0 {
		below := *x
		below.name = w.node("Sub", name+"/below", []string{w.number(name+"/edge", threshold), x.name}, nil)
		z := by(w.like(&below, "Relu", name+"/under", nil), "Mul", "slope", slope)
		y = w.like(y, "Sub", name, nil, z.name)
	}
	return y
}
