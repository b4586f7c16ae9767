package diag_test

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/diag"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
	"pgregory.net/rapid"
)

// rows is a batch of normal numbers of a mean and a deviation, and their net's
// data.
func rows(t testing.TB, mean, std float64) (*data.Batch, data.Schema) {
	t.Helper()
	const n, width = 64, 30
	r := rng.New(3, 0)
	x, y := tensor.New(tensor.Float32, n, width), tensor.New(tensor.Int32, n)
	for i := range x.Len() {
		x.SetFlat(i, mean+std*r.Norm())
	}
	s := data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{width}}}, Targets: []data.Field{{Name: "y", DType: tensor.Int32}}, Classes: []string{"a", "b"}}
	src, err := data.FromTensors(s, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	b, err := diag.Sampled(src, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	return b, s
}

// counted counts how often rows are read.
type counted struct {
	data.Source
	reads int
}

func (c *counted) Read(dst *data.Batch, idx []int32) error {
	c.reads++
	return c.Source.Read(dst, idx)
}

// stack is three hidden layers of one kind and a head.
func stack(a act.Activation, init param.Init, between ...nn.Layer) nn.Sequential {
	var m nn.Sequential
	for range 3 {
		m = append(m, nn.Dense{Units: 40, Act: a, Init: init})
		m = append(m, between...)
	}
	return append(m, nn.Dense{Units: 2})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		m         nn.Sequential
		mean, std float64
		want      []string // parts of the remarks, in order; none: nothing to be said
	}{
		{"he with selu", stack(act.SELU{}, initial.He), 0, 1, []string{"selu goes with lecun_normal, not he_normal: set kernel_initializer: lecun_normal in dense, dense_1, dense_2. Now each layer multiplies the signal by 1."}},
		{"glorot with relu", stack(act.ReLU{}, initial.Glorot), 0, 1, []string{"relu goes with he_normal, not glorot_normal"}},
		{"unit normal with the logistic function", stack(act.Sigmoid{}, initial.RandomNormal{Stddev: 1}), 0, 1, []string{"sigmoid goes with glorot_uniform, not random_normal stddev=1: set kernel_initializer: glorot_uniform in dense, dense_1, dense_2. Now each layer multiplies"}},
		{"four times glorot with tanh", stack(act.Tanh{}, initial.FirstEdition("tanh", initial.Uniform)), 0, 1, []string{"tanh goes with"}},
		{"constant", stack(act.ELU{}, initial.Constant{Value: 0.1}), 0, 1, []string{"The units of dense, dense_1, dense_2 begin equal"}},
		{"zeros", stack(act.ELU{}, initial.Zeros{}), 0, 1, []string{"begin equal"}},
		{"ones", stack(act.SELU{}, initial.Ones{}), 0, 1, []string{"begin equal"}},
		{"no spread", stack(act.ReLU{}, initial.RandomNormal{Stddev: spec.Zero}), 0, 1, []string{"begin equal"}},
		{"identity", nn.Sequential{nn.Dense{Units: 30, Init: initial.Identity{}}, nn.Dense{Units: 2}}, 0, 1, nil},
		{"zeros in the head", nn.Sequential{nn.Dense{Units: 30, Act: act.ELU{}}, nn.Dense{Units: 2, Init: initial.Zeros{}}}, 0, 1, nil},
		{"one unit", nn.Sequential{nn.Dense{Units: 1, Init: initial.Ones{}}, nn.Dense{Units: 2}}, 0, 1, nil},
		{"selu", stack(act.SELU{}, nil), 0, 1, nil},
		{"selu with alpha dropout", stack(act.SELU{}, nil, nn.AlphaDropout{Rate: 0.1}), 0, 1, nil},
		{"selu on pixels", stack(act.SELU{}, nil), 0.5, 0.3, []string{"its mean is 0.5 and its standard deviation 0.3"}},
		{"selu on large numbers", stack(act.SELU{}, nil), 0, 30, []string{"standard deviation 30"}},
		{"selu behind batch normalization", append(nn.Sequential{nn.BatchNorm{}}, stack(act.SELU{}, nil)...), 5, 30, nil},
		{"selu with dropout", stack(act.SELU{}, nil, nn.Dropout{Rate: 0.1}), 0, 1, []string{"in place of dropout, dropout_1, dropout_2."}},
		{"selu with normalization", stack(act.SELU{}, nil, nn.BatchNorm{}), 0, 1, []string{"normalizes by itself: leave out batch_normalization, batch_normalization_1"}},
		{"selu in a residual net", append(nn.Sequential{nn.Dense{Units: 30}}, nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 30, Act: act.SELU{}}}}, nn.Dense{Units: 2}), 0, 1, []string{"not through residual"}},
		{"selu, all wrong", stack(act.SELU{}, initial.He, nn.Dropout{Rate: 0.5}, nn.BatchNorm{}), 3, 1, []string{"goes with lecun_normal", "alpha_dropout", "normalizes by itself", "its mean is 3"}},
		{"elu with another alpha", stack(act.ELU{Alpha: 0.5}, nil), 0, 1, []string{"elu alpha=0.5 is smooth only with alpha=1: at 0 its slope jumps by 0.5"}},
		{"elu", stack(act.ELU{}, nil), 0, 1, nil},
		{"relu", stack(act.ReLU{}, nil), 5, 30, nil},
		{"tanh", stack(act.Tanh{}, nil), 0, 1, nil},
		{"logistic", stack(act.Sigmoid{}, nil), 0, 1, nil},
		{"normalized anyway", stack(act.ReLU{}, initial.RandomNormal{Stddev: 1}, nn.BatchNorm{}), 0, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := rows(t, c.mean, c.std)
			n, err := train.NewNet(c.m, nil, train.Config{Data: s})
			if err != nil {
				t.Fatal(err)
			}
			before := n.Params.Clone()
			got, err := diag.Check(context.Background(), n, diag.Options{Batch: b, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			src, err := data.FromTensors(s, b.X, b.Y)
			if err != nil {
				t.Fatal(err)
			}
			seen := &counted{Source: src}
			if drawn, err := diag.Check(context.Background(), n, diag.Options{Source: seen, Rows: b.N, Threads: 1}); err != nil || !reflect.DeepEqual(drawn, got) {
				t.Errorf("of the rows of a source: %v, %v; of a batch: %v", drawn, err, got)
			}
			if looks := strings.Contains(c.name, "selu") || c.name == "ones"; (seen.reads > 0) != looks {
				t.Errorf("the rows of a source were read %d times", seen.reads)
			}
			for i, r := range got {
				if i >= len(c.want) || !strings.Contains(r.Text, c.want[i]) || len(r.Layers) == 0 {
					t.Errorf("remark %d on %v: %s", i, r.Layers, r.Text)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("%d remarks, want %d", len(got), len(c.want))
			}
			for p := range before.All() {
				if string(p.Value.Bytes()) != string(n.Params.Value(p.Name).Bytes()) {
					t.Errorf("%s was changed", p.Name)
				}
			}
			if _, err := diag.Check(context.Background(), n, diag.Options{}); err != nil {
				t.Errorf("without data: %v", err)
			}
		})
	}
}

// A net whose layers have the initializers that their activations ask for is
// never found fault with.
func TestCheckLeavesDefaultsAlone(t *testing.T) {
	t.Parallel()
	b, s := rows(t, 0, 1)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"relu", "leaky_relu", "elu", "selu", "tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "softsign", "prelu", "rrelu"}).Draw(t, "activation")
		a, err := act.Registry.New(name)
		if err != nil {
			t.Fatal(err)
		}
		var m nn.Sequential
		for range rapid.IntRange(1, 4).Draw(t, "layers") {
			m = append(m, nn.Dense{Units: rapid.IntRange(1, 50).Draw(t, "units"), Act: a})
		}
		n, err := train.NewNet(append(m, nn.Dense{Units: 2}), nil, train.Config{Data: s, Seed: rapid.Uint64().Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := diag.Check(context.Background(), n, diag.Options{Batch: b, Threads: 1}); err != nil || len(got) > 0 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
	})
}
