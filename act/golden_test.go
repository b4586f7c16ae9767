package act

import (
	"reflect"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/backend/ref"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/golden"
	"github.com/nadir-ml/nadir/internal/graphtest"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
)

// references is the table of activations: how the reference values' ops are
// written here.
var references = map[string]func(c *golden.Case) Activation{
	"sigmoid":    value(Sigmoid{}),
	"tanh":       value(Tanh{}),
	"relu":       value(ReLU{}),
	"leaky_relu": func(c *golden.Case) Activation { return LeakyReLU{Slope: c.Number(0, "slope")} },
	"elu":        func(c *golden.Case) Activation { return ELU{Alpha: c.Number(0, "alpha")} },
	"selu":       value(SELU{}),
	"linear":     value(Linear{}),
	"softmax":    value(Softmax{}),
	"rrelu_eval": func(c *golden.Case) Activation {
		return RReLU{Lower: c.Number(0, "lower"), Upper: c.Number(0, "upper")}
	},
	"prelu":               prelu,
	"relu6":               value(ReLU{MaxValue: 6}),
	"thresholded_relu":    func(c *golden.Case) Activation { return ReLU{Threshold: c.Number(0, "theta")} },
	"celu":                func(c *golden.Case) Activation { return CELU{Alpha: c.Number(0, "alpha")} },
	"softplus":            value(Softplus{}),
	"softsign":            value(Softsign{}),
	"gelu_exact":          value(GELU{}),
	"gelu_tanh":           value(GELU{Approximate: true}),
	"silu":                value(SiLU{}),
	"mish":                value(Mish{}),
	"hard_sigmoid":        value(HardSigmoid{}),
	"hard_sigmoid_keras2": value(HardSigmoid{Slope: 0.2}),
	"hard_swish":          value(HardSwish{}),
	"hard_tanh":           value(HardTanh{}),
	"log_sigmoid":         value(LogSigmoid{}),
	"log_softmax":         value(LogSoftmax{}),
	"tanh_shrink":         value(TanhShrink{}),
	"soft_shrink":         func(c *golden.Case) Activation { return SoftShrink{c.Number(0, "lambda")} },
	"hard_shrink":         func(c *golden.Case) Activation { return HardShrink{c.Number(0, "lambda")} },
	"threshold": func(c *golden.Case) Activation {
		return Threshold{c.Number(0, "threshold"), c.Number(0, "default_value")}
	},
	"exponential": value(Exponential{}),
	"glu":         value(GLU{}),
	"relu_full": func(c *golden.Case) Activation {
		return ReLU{MaxValue: c.Number(0, "max_value"), Slope: c.Number(0, "negative_slope"), Threshold: c.Number(0, "threshold")}
	},
}

func value(a Activation) func(*golden.Case) Activation {
	return func(*golden.Case) Activation { return a }
}

// prelu shares the slopes along the axes that the reference's have length 1
// along, or lack.
func prelu(c *golden.Case) Activation {
	x, alpha := c.Inputs.At("x").Shape, c.Inputs.At("alpha").Shape
	var shared []int
	for axis := 1; axis < len(x); axis++ {
		if i := axis - len(x) + len(alpha); i < 0 || alpha[i] == 1 {
			shared = append(shared, axis)
		}
	}
	return PReLU{SharedAxes: shared}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases := golden.Load(t, "activations").Cases
	held := 0
	for _, c := range cases {
		for _, precision := range []int{64, 32} {
			for name, on := range backends {
				if t.Run(c.Name+"/"+name, func(t *testing.T) { compare(t, c, precision, on) }) {
					held++
				}
			}
		}
	}
	t.Logf("%d of %d cases held, each in float64 and float32, on the interpreter and on the processor", held/4, len(cases))
}

// backends are what activations are run on: the interpreter, and the kernels
// that training runs on.
var backends = map[string]backend.Backend{"ref": ref.Backend{}, "cpu": cpu.New()}

// TestClip holds cutting to the references of what cuts in one way.
func TestClip(t *testing.T) {
	t.Parallel()
	held := 0
	for _, c := range golden.Load(t, "activations").Cases {
		a, ok := map[string]Activation{"hard_tanh": Clip{Min: -1, Max: 1}, "relu6": Clip{Min: spec.Zero, Max: 6}, "relu": Clip{Min: spec.Zero}}[c.Op]
		for name, on := range backends {
			if ok && t.Run(c.Name+"/"+name, func(t *testing.T) { compareWith(t, c, a, 64, on); compareWith(t, c, a, 32, on) }) {
				held++
			}
		}
	}
	if held < 2*len(backends) {
		t.Errorf("%d cases held", held)
	}
}

func compare(t *testing.T, c *golden.Case, precision int, on backend.Backend) {
	make := references[c.Op]
	if make == nil {
		t.Fatalf("no activation stands for %s", c.Op)
	}
	compareWith(t, c, make(c), precision, on)
}

func compareWith(t *testing.T, c *golden.Case, a Activation, precision int, on backend.Backend) {
	x, upstream := c.Input(t, "x"), c.Input(t, "upstream")
	set := param.NewSet(graphtest.DType(precision))
	b := graph.New()
	in, up := b.Input("x", graph.Float, x.Shape...), b.Input("upstream", graph.Float, upstream.Shape...)
	y := a.Apply(param.NewScope(b, set, param.Options{}), in)
	wrt := []graph.Node{in}
	if alpha := c.Inputs.At("alpha"); alpha != nil {
		v := set.Value("alpha")
		if v == nil || v.Len() != len(alpha.Data) {
			t.Fatalf("alpha is %v, want shape %v", v, alpha.Shape)
		}
		for i, f := range alpha.Data {
			v.SetFlat(i, f)
		}
		wrt = append(wrt, b.Param("alpha", v.Shape()...))
	}
	b.Output("y", y)
	for i, d := range graph.VJP(y, up, wrt) {
		b.Output([]string{"dx", "dalpha"}[i], d)
	}
	if y.Valid() {
		b.Output("dydx", graph.VJP(y, b.Full(1, y.Shape()...), wrt)[0])
	}
	r, err := graphtest.CompileOn(on, b, set)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Set("x", x.Data...)
	r.Set("upstream", upstream.Data...)
	if err := r.Step(); err != nil {
		t.Fatal(err)
	}
	for _, name := range c.Expected.Names {
		c.Check(t, precision, r.Output(name), name)
	}
}

func TestEveryActivationHasReferences(t *testing.T) {
	t.Parallel()
	used := map[reflect.Type]bool{}
	for _, c := range golden.Load(t, "activations").Cases {
		if make := references[c.Op]; make != nil {
			used[reflect.TypeOf(make(c))] = true
		}
	}
	used[reflect.TypeOf(Clip{})] = true // TestClip
	for _, name := range Registry.Names() {
		a, err := Registry.New(name)
		if err != nil {
			t.Error(err)
		} else if !used[reflect.TypeOf(a)] {
			t.Errorf("%s has no reference values", name)
		}
	}
}
