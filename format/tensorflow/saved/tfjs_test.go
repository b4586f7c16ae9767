package saved

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/tensor"
)

// A job is a graph that TensorFlow.js runs: testdata/run.js has the fields.
type job struct {
	Graph   object            `json:"graph"`
	Weights []object          `json:"weights"`
	Inputs  map[string]object `json:"inputs"`
	Outputs []string          `json:"outputs"`
}

type object = map[string]any

type answer struct {
	Error  string
	Values []struct {
		Shape []int
		Data  []float64
	}
}

// run runs jobs, where node and the modules are there.
func run(t *testing.T, jobs []job) []answer {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		err = exec.Command(node, "-e", "require('@tensorflow/tfjs-core'), require('@tensorflow/tfjs-backend-cpu'), require('@tensorflow/tfjs-converter')").Run()
	}
	if err != nil {
		t.Skipf("node with the modules @tensorflow/tfjs-core, -backend-cpu and -converter (NODE_PATH) runs the graphs: %v", err)
	}
	var in bytes.Buffer
	for _, j := range jobs {
		if err := json.NewEncoder(&in).Encode(j); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile(filepath.Join("testdata", "run.js"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "-e", string(script))
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	var answers []answer
	for line := range bytes.Lines(out) {
		var a answer
		if err := json.Unmarshal(line, &a); err == nil { // others are warnings
			answers = append(answers, a)
		}
	}
	if len(answers) != len(jobs) {
		t.Fatalf("%d answers for %d graphs: %s", len(answers), len(jobs), out)
	}
	return answers
}

// numbers are those of a tensor that JSON has.
func numbers(x *tensor.Tensor) object {
	data := make([]any, x.Len())
	for i := range data {
		v := x.Flat(i)
		data[i] = v
		if math.IsInf(v, 0) {
			data[i] = strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "Inf", "Infinity", 1)
		}
	}
	dtype := "float32"
	if x.DType() == tensor.Int32 {
		dtype = "int32"
	}
	return object{"shape": append([]int{}, x.Shape()...), "dtype": dtype, "data": data}
}

// frozen reads the graph of a SavedModel as what TensorFlow.js runs, its variables being
// constants: those of a strictly read checkpoint. It also gives the signature: of each input
// and output the tensor and the shape.
func frozen(t *testing.T, dir string) (j job, inputs, outputs map[string]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "saved_model.pb"))
	if err != nil {
		t.Fatal(err)
	}
	model := fields(t, raw)
	if model[1][0].(uint64) != 1 || len(model[2]) != 1 {
		t.Fatalf("schema %v, %d graphs", model[1], len(model[2]))
	}
	meta := fields(t, model[2][0].([]byte))
	if tags := fields(t, meta[1][0].([]byte))[4]; len(tags) != 1 || string(tags[0].([]byte)) != "serve" {
		t.Fatalf("tags %q", tags)
	}
	variables := map[string]stored{}
	if _, err := os.Stat(filepath.Join(dir, "variables", "variables.index")); err == nil { // without any there is none
		variables = strict(t, filepath.Join(dir, "variables", "variables"))
	}
	used := map[string]bool{}
	type node struct {
		name, op string
		in       []string
		attrs    map[string][]byte
	}
	nodes := map[string]node{}
	var order []string
	def := fields(t, meta[2][0].([]byte))
	for _, b := range def[1] {
		f := fields(t, b.([]byte))
		n := node{string(f[1][0].([]byte)), string(f[2][0].([]byte)), nil, map[string][]byte{}}
		for _, in := range f[3] {
			n.in = append(n.in, string(in.([]byte)))
		}
		for _, a := range f[5] {
			e := fields(t, a.([]byte))
			n.attrs[string(e[1][0].([]byte))] = e[2][0].([]byte)
		}
		if _, twice := nodes[n.name]; twice {
			t.Fatalf("two nodes are called %q", n.name)
		}
		// What a node is computed of stands before it, and there is nothing else.
		for _, in := range n.in {
			name, _, _ := strings.Cut(strings.TrimPrefix(in, "^"), ":")
			if _, ok := nodes[name]; !ok {
				t.Fatalf("node %q wants %q, which is not there", n.name, in)
			}
		}
		nodes[n.name], order = n, append(order, n.name)
	}
	signatures := map[string]map[int][]any{}
	for _, s := range meta[5] {
		e := fields(t, s.([]byte))
		signatures[string(e[1][0].([]byte))] = fields(t, e[2][0].([]byte))
	}
	ports := func(num int) map[string]string {
		out := map[string]string{}
		for _, p := range signatures["serving_default"][num] {
			e := fields(t, p.([]byte))
			info := fields(t, e[2][0].([]byte))
			name, _, _ := strings.Cut(string(info[1][0].([]byte)), ":")
			out[string(e[1][0].([]byte))] = name
		}
		return out
	}
	inputs, outputs = ports(1), ports(2)
	live := map[string]bool{}
	var mark func(name string)
	mark = func(name string) {
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "^"), ":")
		if live[name] {
			return
		}
		live[name] = true
		for _, in := range nodes[name].in {
			mark(in)
		}
	}
	for _, name := range outputs {
		mark(name)
	}
	var list []object
	for _, name := range order {
		n := nodes[name]
		if !live[name] && n.op != "Placeholder" {
			continue
		}
		attrs := object{}
		for key, a := range n.attrs {
			if key != "value" {
				attrs[key] = attrJSON(t, a)
			}
		}
		switch n.op {
		case "VarHandleOp":
			continue
		case "ReadVariableOp":
			handle := nodes[n.in[0]]
			key := string(fields(t, handle.attrs["shared_name"])[2][0].([]byte))
			v, ok := variables[key]
			if !ok {
				t.Fatalf("variable %q is not in the checkpoint", key)
			}
			used[key] = true
			n.op, n.in = "Const", nil
			j.Weights = append(j.Weights, weight(name, v))
		case "Const":
			p := fields(t, fields(t, n.attrs["value"])[8][0].([]byte))
			v := stored{dtype: p[1][0].(uint64), shape: []int{}}
			for _, d := range fields(t, p[2][0].([]byte))[2] {
				v.shape = append(v.shape, int(fields(t, d.([]byte))[1][0].(uint64)))
			}
			if p[4] != nil {
				v.raw = p[4][0].([]byte)
			}
			j.Weights = append(j.Weights, weight(name, v))
		}
		list = append(list, object{"name": n.name, "op": n.op, "input": n.in, "attr": attrs})
	}
	j.Graph = object{"node": list, "versions": object{"producer": producer}}
	return j, inputs, outputs
}

// weight is a constant as TensorFlow.js takes it.
func weight(name string, v stored) object {
	dt := map[uint64]tensor.DType{1: tensor.Float32, 3: tensor.Int32}[v.dtype]
	x := tensor.New(dt, v.shape...)
	for i := range x.Len() {
		bits := binary.LittleEndian.Uint32(v.raw[4*i:])
		if dt == tensor.Float32 {
			x.SetFlat(i, float64(math.Float32frombits(bits)))
		} else {
			x.SetFlat(i, float64(int32(bits)))
		}
	}
	o := numbers(x)
	o["name"] = name
	return o
}

// attrJSON is an AttrValue in the JSON of Protocol Buffers.
func attrJSON(t *testing.T, b []byte) object {
	t.Helper()
	types := map[uint64]string{1: "DT_FLOAT", 2: "DT_DOUBLE", 3: "DT_INT32", 7: "DT_STRING", 10: "DT_BOOL"}
	shape := func(b []byte) object {
		dims := []object{}
		for _, d := range fields(t, b)[2] {
			dims = append(dims, object{"size": fmt.Sprint(int64(fields(t, d.([]byte))[1][0].(uint64)))})
		}
		return object{"dim": dims}
	}
	for num, v := range fields(t, b) {
		switch num {
		case 1:
			out := object{}
			for num, v := range fields(t, v[0].([]byte)) {
				var list []any
				for packed := v[0].([]byte); len(packed) > 0; {
					x, n := binary.Uvarint(packed)
					packed = packed[n:]
					if num == 6 {
						list = append(list, types[x])
					} else {
						list = append(list, fmt.Sprint(x))
					}
				}
				out[map[int]string{3: "i", 6: "type"}[num]] = list
			}
			return object{"list": out}
		case 2:
			return object{"s": base64.StdEncoding.EncodeToString(v[0].([]byte))}
		case 3:
			return object{"i": fmt.Sprint(int64(v[0].(uint64)))}
		case 4:
			return object{"f": math.Float32frombits(uint32(v[0].(uint64)))}
		case 5:
			return object{"b": v[0].(uint64) != 0}
		case 6:
			return object{"type": types[v[0].(uint64)]}
		case 7:
			return object{"shape": shape(v[0].([]byte))}
		default:
			t.Fatalf("attribute with field %d", num)
		}
	}
	return object{}
}
