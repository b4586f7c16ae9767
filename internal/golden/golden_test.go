package golden

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/internal/shared"
	"pgregory.net/rapid"
)

const small = `{"schema":"nadir-golden/1","topic":"small","seed":1,
"common":{"w":{"a":{"shape":[2],"data":[1,2]},"b":{"shape":[],"data":[3]}}},
"cases":[
{"name":"one","op":"step","dtype":"float64","hyper":{"lr":0.5,"nesterov":true,"loss":"mse"},
 "inputs":{"w0":{"ref":"w"},"g":{"shape":[3],"data":["NaN","+Inf",-1e3]}},
 "expected":{"z":{"shape":[2,2],"data":[1,"-Inf","NaN",100]},"loss":"NaN","n":4},
 "tol":{"f64":{"rel":1e-3,"abs":0},"f32":{"rel":"skip","abs":"skip"}}},
{"name":"two","op":"step","inputs":{"same_as":"one"},"expected":{}}
]}`

func load(t *testing.T) *File {
	t.Helper()
	f, err := read(strings.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead(t *testing.T) {
	t.Parallel()
	f := load(t)
	one := f.Case(t, "one")
	if got := one.Inputs.At("w0").Names; !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("names of a reference are %v", got)
	}
	if got := f.Case(t, "two").Input(t, "w0", "a").Float32s(); !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("w0.a of the second case is %v", got)
	}
	if g := one.Input(t, "g"); !math.IsNaN(g.Data[0]) || !math.IsInf(g.Data[1], 1) || g.Data[2] != -1000 {
		t.Errorf("g is %v", g.Data)
	}
	if got := one.Want(t, "n").Int32s(); !slices.Equal(got, []int32{4}) {
		t.Errorf("n is %v", got)
	}
	if one.Number(9, "learning_rate", "lr") != 0.5 || one.Number(0, "nesterov") != 1 || one.Number(9, "loss") != 9 || one.Text("loss") != "mse" {
		t.Errorf("hyperparameters read wrongly from %v", one.Hyper)
	}
	if len(f.Of("step")) != 2 || len(f.Of("other")) != 0 {
		t.Error("cases are not found by op")
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{
		{`"nadir-golden/1"`, `"other/1"`},
		{`"name":"two"`, `"name":"one"`},
		{`"same_as":"one"`, `"same_as":"none"`},
		{`"ref":"w"`, `"ref":"v"`},
		{`"shape":[2]`, `"shape":[3]`},
		{`"+Inf"`, `"much"`},
	} {
		if _, err := read(strings.NewReader(strings.Replace(small, tc[0], tc[1], 1))); err == nil {
			t.Errorf("%s in place of %s is read without an error", tc[1], tc[0])
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	one := load(t).Case(t, "one")
	want := one.Want(t, "z")
	nan, inf := math.NaN(), math.Inf(1)
	for _, tc := range []struct {
		got []float64
		ok  bool
	}{
		{[]float64{1, -inf, nan, 100}, true},
		{[]float64{1.0009, -inf, nan, 99.91}, true},
		{[]float64{1.0011, -inf, nan, 100}, false},
		{[]float64{1, inf, nan, 100}, false},
		{[]float64{1, -1e308, nan, 100}, false},
		{[]float64{1, -inf, 0, 100}, false},
		{[]float64{nan, -inf, nan, 100}, false},
		{[]float64{1, -inf, nan}, false},
	} {
		if err := Compare(tc.got, want, 1e-3, 0); (err == nil) != tc.ok {
			t.Errorf("%v: %v", tc.got, err)
		}
	}
	if _, _, ok := one.Tolerance(32); ok {
		t.Error("a case with skip is to be compared")
	}
	one.Check(t, 64, want.Data, "z")
	one.Check(t, 32, nil, "z")
}

func TestValueRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
		n := 1
		for _, d := range shape {
			n *= d
		}
		data := rapid.SliceOfN(rapid.Float64(), n, n).Draw(t, "data")
		texts := make([]any, n)
		for i, x := range data {
			switch {
			case math.IsNaN(x):
				texts[i] = "NaN"
			case math.IsInf(x, 1):
				texts[i] = "+Inf"
			case math.IsInf(x, -1):
				texts[i] = "-Inf"
			default:
				texts[i] = x
			}
		}
		text, err := json.Marshal(struct {
			Shape []int `json:"shape"`
			Data  []any `json:"data"`
		}{shape, texts})
		if err != nil {
			t.Fatal(err)
		}
		var v Value
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v.Shape, shape) {
			t.Fatalf("shape %v, want %v", v.Shape, shape)
		}
		if err := Compare(data, &v, 0, 0); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEveryTopic(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(shared.Dir(t, "golden"), "*.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		topic, _, _ := strings.Cut(filepath.Base(path), ".")
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			f := Load(t, topic)
			if f.Topic != topic || len(f.Cases) == 0 {
				t.Fatalf("topic %q with %d cases", f.Topic, len(f.Cases))
			}
			for _, c := range f.Cases {
				if c.Expected == nil || len(c.Expected.Names) == 0 {
					t.Errorf("case %s expects nothing", c.Name)
				}
				checkLeaves(t, c, c.Expected, nil)
			}
		})
	}
}

// checkLeaves holds every expected tensor against itself.
func checkLeaves(t *testing.T, c *Case, v *Value, path []string) {
	t.Helper()
	if v.Data != nil {
		c.Check(t, 64, v.Data, path...)
		return
	}
	for _, name := range v.Names {
		checkLeaves(t, c, v.At(name), append(slices.Clone(path), name))
	}
}

// TestCounts holds the reference values to the number of cases that they had when
// the tests of each topic were written, and to those that are not to be compared
// in a precision: no case may get lost on the way to the test that holds it.
func TestCounts(t *testing.T) {
	t.Parallel()
	type count struct{ cases, skip64, skip32 int }
	for topic, want := range map[string]count{ // held by
		"activations":  {76, 0, 1},   // act
		"batchnorm":    {31, 0, 2},   // nn
		"clip":         {45, 0, 0},   // optim
		"initializers": {78, 0, 0},   // initial
		"losses":       {72, 0, 0},   // loss
		"metrics":      {6, 0, 0},    // train
		"optimizers":   {102, 0, 37}, // optim; 20 steps down Rosenbrock's valley are chaos in float32
		"rbm":          {15, 0, 0},   // pretrain
		"regularizers": {34, 0, 0},   // regular and nn
		"schedules":    {36, 0, 0},   // optim/sched
		"signal":       {84, 84, 84}, // diag, by the spread over seeds
		"traces":       {18, 0, 0},   // train
	} {
		var got count
		for _, c := range Load(t, topic).Cases {
			got.cases++
			if _, _, ok := c.Tolerance(64); !ok {
				got.skip64++
			}
			if _, _, ok := c.Tolerance(32); !ok {
				got.skip32++
			}
		}
		if got != want {
			t.Errorf("%s: %+v (cases, not compared in float64, in float32), want %+v", topic, got, want)
		}
	}
}
