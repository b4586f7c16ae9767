package onnx

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

// overTime is an operation that goes over steps, with lengths for its sequences, a number that
// cuts what its gates sum, or neither, and what it computes in plain Go.
type overTime struct {
	op, direction          string
	reset                  int // linear_before_reset
	clip                   float64
	lengths, begins, after bool // after: outputs of the last step alone
}

const (
	timeSteps, timeRows, timeIn, timeUnits = 4, 3, 2, 3
)

// lengths of the rows.
var timeLengths = []int{2, 4, 1}

func (o overTime) gates() int { return map[string]int{"LSTM": 4, "GRU": 3, "RNN": 1}[o.op] }

func (o overTime) ways() int {
	if o.direction == "bidirectional" {
		return 2
	}
	return 1
}

// weights are w, r, b, p and the states h and c to begin with.
func (o overTime) weights() (w, r, b, p, h, c []float32) {
	numbers := func(n, from int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(math.Sin(float64(7*i*i + from)))
		}
		return v
	}
	g, d := o.gates()*timeUnits, o.ways()
	return numbers(d*g*timeIn, 1), numbers(d*g*timeUnits, 2), numbers(2*d*g, 3), numbers(3*d*timeUnits, 4), numbers(d*timeRows*timeUnits, 5), numbers(d*timeRows*timeUnits, 6)
}

func timeSeries() []float32 { // (steps, rows, in)
	x := make([]float32, timeSteps*timeRows*timeIn)
	for i := range x {
		x[i] = float32(math.Cos(float64(3 * i)))
	}
	return x
}

// file is the operation as a model.
func (o overTime) file() []byte {
	g, d := o.gates()*timeUnits, o.ways()
	w, r, b, p, _, _ := o.weights()
	node := bytesOf(textField(4, o.op), textField(1, "x"), textField(1, "w"), textField(1, "r"), textField(1, "b"))
	name := func(is bool, s string) []byte {
		if !is {
			s = ""
		}
		return textField(1, s)
	}
	node = append(node, name(o.lengths, "lengths")...)
	node = append(node, name(o.begins, "h")...)
	graph := bytesOf(bytesField(5, raw("w", w, d, g, timeIn)), bytesField(5, raw("r", r, d, g, timeUnits)), bytesField(5, raw("b", b, d, 2*g)), bytesField(11, info("x", timeSteps, 0, timeIn)))
	if o.op == "LSTM" {
		node = bytesOf(node, name(o.begins, "c"), textField(1, "p"))
		graph = append(graph, bytesField(5, raw("p", p, d, 3*timeUnits))...)
	}
	if o.lengths {
		whole := bytesOf(textField(1, "lengths"), bytesField(2, bytesField(1, intField(1, 6), bytesField(2, bytesField(1, textField(2, "N"))))))
		graph = append(graph, bytesField(11, whole)...)
	}
	if o.begins {
		graph = append(graph, bytesField(11, info("h", d, 0, timeUnits))...)
		if o.op == "LSTM" {
			graph = append(graph, bytesField(11, info("c", d, 0, timeUnits))...)
		}
	}
	outs := []string{"y", "yh"}
	if o.op == "LSTM" {
		outs = append(outs, "yc")
	}
	for i, out := range outs {
		if o.after && i == 0 {
			node = append(node, textField(2, "")...)
			continue
		}
		shape := []int{d, 0, timeUnits}
		if i == 0 {
			shape = append([]int{timeSteps}, shape...)
		}
		node = append(node, textField(2, out)...)
		graph = append(graph, bytesField(12, info(out, shape...))...)
	}
	text := func(key, v string) []byte {
		return bytesField(5, bytesOf(textField(1, key), textField(4, v), intField(20, 3)))
	}
	whole := func(key string, v int) []byte {
		return bytesField(5, bytesOf(textField(1, key), intField(3, v), intField(20, 2)))
	}
	node = bytesOf(node, text("direction", o.direction), whole("hidden_size", timeUnits))
	if o.op == "GRU" {
		node = append(node, whole("linear_before_reset", o.reset)...)
	}
	if o.clip > 0 {
		node = append(node, bytesField(5, attribute{"clip", o.clip}.message())...)
	}
	return aModel(14, bytesField(1, node), graph)
}

// want is y (steps, ways, rows, units), yh and yc (ways, rows, units), by ONNX's formulas.
func (o overTime) want() map[string][]float64 {
	w, r, b, p, h0, c0 := o.weights()
	x, d, g := timeSeries(), o.ways(), o.gates()
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	cut := func(v float64) float64 {
		if o.clip > 0 {
			return math.Max(-o.clip, math.Min(o.clip, v))
		}
		return v
	}
	y, yh, yc := make([]float64, timeSteps*d*timeRows*timeUnits), make([]float64, d*timeRows*timeUnits), make([]float64, d*timeRows*timeUnits)
	for way := range d {
		for row := range timeRows {
			h, c := make([]float64, timeUnits), make([]float64, timeUnits)
			for u := range h {
				if o.begins {
					h[u], c[u] = float64(h0[(way*timeRows+row)*timeUnits+u]), float64(c0[(way*timeRows+row)*timeUnits+u])
				}
			}
			n := timeSteps
			if o.lengths {
				n = timeLengths[row]
			}
			for k := range n {
				t := k
				if way == 1 || o.direction == "reverse" {
					t = n - 1 - k
				}
				input := func(gate, u int) (sum float64) {
					at := (way*g+gate)*timeUnits + u
					for i := range timeIn {
						sum += float64(w[at*timeIn+i]) * float64(x[(t*timeRows+row)*timeIn+i])
					}
					return sum + float64(b[2*way*g*timeUnits+gate*timeUnits+u])
				}
				state := func(h []float64, gate, u int) (sum float64) {
					at := (way*g+gate)*timeUnits + u
					for i, v := range h {
						sum += float64(r[at*timeUnits+i]) * v
					}
					return sum + float64(b[(2*way+1)*g*timeUnits+gate*timeUnits+u])
				}
				hole := func(gate, u int) float64 { return float64(p[(way*3+gate)*timeUnits+u]) }
				next, cell := make([]float64, timeUnits), make([]float64, timeUnits)
				scaled := make([]float64, timeUnits)
				for u := range next {
					if o.op == "GRU" {
						scaled[u] = sigmoid(cut(input(1, u)+state(h, 1, u))) * h[u]
					}
				}
				for u := range next {
					switch o.op {
					case "RNN":
						next[u] = math.Tanh(cut(input(0, u) + state(h, 0, u)))
					case "GRU":
						z := sigmoid(cut(input(0, u) + state(h, 0, u)))
						candidate := input(2, u) + state(scaled, 2, u)
						if o.reset == 1 {
							candidate = input(2, u) + sigmoid(cut(input(1, u)+state(h, 1, u)))*state(h, 2, u)
						}
						next[u] = (1-z)*math.Tanh(cut(candidate)) + z*h[u]
					case "LSTM": // i, o, f, c
						in := sigmoid(cut(input(0, u) + state(h, 0, u) + hole(0, u)*c[u]))
						forget := sigmoid(cut(input(2, u) + state(h, 2, u) + hole(2, u)*c[u]))
						cell[u] = forget*c[u] + in*math.Tanh(cut(input(3, u)+state(h, 3, u)))
						next[u] = sigmoid(cut(input(1, u)+state(h, 1, u)+hole(1, u)*cell[u])) * math.Tanh(cell[u])
					}
				}
				h, c = next, cell
				copy(y[((t*d+way)*timeRows+row)*timeUnits:], h)
			}
			copy(yh[(way*timeRows+row)*timeUnits:], h)
			copy(yc[(way*timeRows+row)*timeUnits:], c)
		}
	}
	return map[string][]float64{"y": y, "yh": yh, "yc": yc}
}

// overTimes are all of them.
func overTimes() (out []overTime) {
	for _, op := range []string{"LSTM", "GRU", "RNN"} {
		for _, direction := range []string{"forward", "reverse", "bidirectional"} {
			for bits := range 16 {
				o := overTime{op: op, direction: direction, lengths: bits&1 > 0, begins: bits&2 > 0, after: bits&4 > 0, reset: bits & 1}
				if bits&8 > 0 {
					o.clip, o.reset = 0.25, bits>>1&1
				}
				out = append(out, o)
			}
		}
	}
	return out
}

// TestLengths reads operations whose sequences have lengths of their own, and such as cut what
// their gates sum, and holds them to the formulas.
func TestLengths(t *testing.T) {
	t.Parallel()
	for _, o := range overTimes() {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			t.Parallel()
			m, err := parseModel(o.file())
			if err != nil {
				t.Fatal(err)
			}
			f := &format.File{}
			c, b, err := blueprint(m, f, "", format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			f.Blueprint = func(format.Options) (*format.Blueprint, error) { return b, nil }
			net, _, err := f.Import(format.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, _, _, _, h, cell := o.weights()
			given := map[string]*tensor.Tensor{"x": tensor.Of(timeSeries(), timeSteps, timeRows, timeIn), "lengths": tensor.New(tensor.Int32, timeRows), "h": tensor.Of(h, o.ways(), timeRows, timeUnits), "c": tensor.Of(cell, o.ways(), timeRows, timeUnits)}
			for i, n := range timeLengths {
				given["lengths"].SetFlat(i, float64(n))
			}
			as := func(x *tensor.Tensor, perm []int) *tensor.Tensor {
				x, err := format.Permute(perm...)([]*tensor.Tensor{x})
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			var xs []*tensor.Tensor
			for _, field := range net.Data.Inputs {
				for _, in := range m.graph.inputs {
					if c.inputName[in.name] == field.Name {
						xs = append(xs, as(given[in.name], c.orders[field.Name]))
					}
				}
			}
			want := o.want()
			for k, y := range predicted(t, net, xs) {
				name := m.graph.outputs[k].name
				shape := []int{o.ways(), timeRows, timeUnits}
				if name == "y" {
					shape = append([]int{timeSteps}, shape...)
				}
				apart(t, name, y, as(tensor.Of(want[name], shape...), c.orders["output:"+name]), 2e-6)
			}
		})
	}
}

// TestLengthsRuntime holds the formulas to onnxruntime.
func TestLengthsRuntime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var jobs []job
	float := func(name string, v []float32, shape ...int) given {
		g := given{Name: name, Type: "float32", Dims: shape}
		for _, x := range v {
			g.Data = append(g.Data, float64(x))
		}
		return g
	}
	all := overTimes()
	for i, o := range all {
		path := filepath.Join(dir, fmt.Sprint(i, ".onnx"))
		if err := os.WriteFile(path, o.file(), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, _, _, h, c := o.weights()
		j := job{Path: path, In: []given{float("x", timeSeries(), timeSteps, timeRows, timeIn)}}
		if o.lengths {
			g := given{Name: "lengths", Type: "int32", Dims: []int{timeRows}}
			for _, n := range timeLengths {
				g.Data = append(g.Data, float64(n))
			}
			j.In = append(j.In, g)
		}
		if o.begins {
			if j.In = append(j.In, float("h", h, o.ways(), timeRows, timeUnits)); o.op == "LSTM" {
				j.In = append(j.In, float("c", c, o.ways(), timeRows, timeUnits))
			}
		}
		jobs = append(jobs, j)
	}
	for i, got := range runtime(t, jobs) {
		if got.Error != "" {
			t.Errorf("%+v: %s", all[i], got.Error)
			continue
		}
		want := all[i].want()
		for _, out := range got.Out {
			if d := slices.IndexFunc(out.Data, func(v float64) bool { return math.IsNaN(v) }); d >= 0 || len(out.Data) != len(want[out.Name]) {
				t.Fatalf("%+v: %s: %d numbers, number %d is none", all[i], out.Name, len(out.Data), d)
			}
			for k, v := range out.Data {
				if !(math.Abs(v-want[out.Name][k]) <= 2e-6) {
					t.Fatalf("%+v: %s: number %d is %g, want %g", all[i], out.Name, k, v, want[out.Name][k])
				}
			}
		}
	}
}
