package all_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// A sizing is how many layers a net of the benchmarks has, and how many units each.
type sizing struct{ layers, units int }

// Nets of 105 MB of float32: in layers, and almost all in one tensor.
var (
	several = sizing{16, 1280}
	single  = sizing{1, 5120}
)

// bytes is what the net's tensors take.
func (s sizing) bytes() int { return 4 * s.layers * s.units * (s.units + 1) }

// large is a file, or several, of the weights of a net in some format.
type large struct {
	name string
	path string
	args []string // which the command wants besides
}

func largeFiles(b testing.TB, s sizing) ([]large, *format.Model) {
	dir, layers, units := b.TempDir(), s.layers, s.units
	m := &format.Model{Preprocess: nn.Sequential{}, Params: param.NewSet(tensor.Float32)}
	m.Data.Inputs = []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{units}}}
	var net nn.Sequential
	var spec strings.Builder
	for i := range layers {
		name := fmt.Sprintf("h%d", i)
		net = append(net, nn.Dense{Units: units, Name: name})
		fmt.Fprintf(&spec, "- dense: {units: %d, name: %s}\n", units, name)
	}
	m.Net = net
	names, shapes, err := format.Declared(m)
	if err != nil {
		b.Fatal(err)
	}
	for i, n := range names {
		p, err := m.Params.Add(n, param.Weight, shapes[n])
		if err != nil {
			b.Fatal(err)
		}
		// Numbers that do not shrink, as weights do not.
		x := uint32(i + 1)
		for k := range p.Value.Len() {
			x = x*1664525 + 1013904223
			p.Value.Float32s()[k] = float32(int32(x)) / (1 << 31)
		}
	}
	write := func(name string, parts ...[]byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	}
	bare := []string{"model=" + write("net.yaml", []byte("model:\n"+spec.String())), fmt.Sprint("input=", units)}
	var list []large
	for _, e := range format.Exporters() {
		if e.Ending == ".go" {
			continue
		}
		sub := filepath.Join(dir, e.Name)
		if err := os.Mkdir(sub, 0o700); err != nil {
			b.Fatal(err)
		}
		f := large{name: e.Name, path: filepath.Join(sub, "m"+strings.TrimSuffix(e.Ending, "/"))}
		if e.Create != nil {
			_, err = e.Create(f.path, m)
		} else {
			err = format.WriteFile(f.path, func(w io.Writer) error { _, err := e.Write(w, m); return err })
		}
		if err != nil {
			b.Fatal(err)
		}
		x, err := format.OpenFile(f.path)
		if err != nil {
			b.Fatal(err)
		}
		if x.Blueprint == nil {
			f.args = bare
		}
		x.Close()
		list = append(list, f)
	}
	raw := func(i int) []byte { return m.Params.Value(names[i]).Bytes() }
	// A layer is names[2i], its kernel, and names[2i+1], its bias.
	var onnx, graph, caffe [][]byte
	weights := make([]byte, 16) // of Darknet, with its header
	cfg := fmt.Sprintf("[net]\ninputs=%d\n", units)
	onnx = append(onnx, field(11, onnxInfo("v0", units)), field(12, onnxInfo(fmt.Sprint("v", layers), units)))
	graph = append(graph, placeholder("v0", -1, units))
	proto := fmt.Sprintf("input: \"v0\" input_shape { dim: [1, %d] }\n", units)
	for i := range layers {
		v, next := fmt.Sprint("v", i), fmt.Sprint("v", i+1)
		onnx = append(onnx, onnxNode("MatMul", []string{v, "w" + v}, "m"+v), onnxNode("Add", []string{"m" + v, "b" + v}, next),
			field(5, number(1, units), number(1, units), number(2, 1), text(8, "w"+v), field(9, raw(2*i))), field(5, number(1, units), number(2, 1), text(8, "b"+v), field(9, raw(2*i+1))))
		value := func(b []byte, dims ...int) []byte {
			return attr("value", field(8, number(1, 1), field(2, shapeProto(dims...)), field(4, b)))
		}
		graph = append(graph, tfNode("w"+v, "Const", nil, value(raw(2*i), units, units)), tfNode("b"+v, "Const", nil, value(raw(2*i+1), units)),
			tfNode("m"+v, "MatMul", []string{v, "w" + v}), tfNode(next, "BiasAdd", []string{"m" + v, "b" + v}))
		blob := func(b []byte, dims ...int) []byte { return field(7, field(7, field(1, varints(dims...))), field(5, b)) }
		caffe = append(caffe, field(100, text(1, "l"+v), text(2, "InnerProduct"), text(3, v), text(4, next), field(117, number(1, units)), blob(raw(2*i), units, units), blob(raw(2*i+1), units)))
		weights = append(append(weights, raw(2*i+1)...), raw(2*i)...)
		cfg += fmt.Sprintf("[connected]\noutput=%d\nactivation=linear\n", units)
		proto += fmt.Sprintf("layer { name: \"l%s\" type: \"InnerProduct\" bottom: %[1]q top: %q inner_product_param { num_output: %d } }\n", v, next, units)
	}
	list = append(list, large{name: "onnx", path: write("m.onnx", onnxModel(onnx...))}, large{name: "tensorflow-graph", path: write("graph.pb", graph...)})
	write("c.prototxt", []byte(proto))
	list = append(list, large{name: "caffe", path: write("c.caffemodel", caffe...)})
	write("d.cfg", []byte(cfg))
	list = append(list, large{name: "darknet", path: write("d.weights", weights)}, large{name: "tflite", path: write("m.tflite", connected(s, raw))})
	return list, m
}

// connected is a .tflite file of fully connected layers.
func connected(s sizing, raw func(i int) []byte) []byte {
	w := &formattest.Flat{B: []byte("\x08\x00\x00\x00TFL3")}
	m := w.Table(3, 0, 0, -1, 0)
	w.B[0] = byte(m[5])
	c := w.Ints(m[1], 0)
	code := w.Table(9)
	w.Point(c[0], code[1])
	buffers := w.Ints(m[4], make([]int, 2*s.layers+1)...)
	w.Point(buffers[0], w.Table()[0])
	for i := range 2 * s.layers {
		d := w.Table(0)
		w.Point(buffers[i+1], d[1])
		w.Text(d[0], string(raw(i)))
	}
	graphs := w.Ints(m[2], 0)
	g := w.Table(0, 0, 0, 0)
	w.Point(graphs[0], g[4])
	// A layer has three tensors behind the input: kernel, bias, result.
	tensors := w.Ints(g[0], make([]int, 3*s.layers+1)...)
	ops := w.Ints(g[3], make([]int, s.layers)...)
	add := func(i, buffer int, name string, shape ...int) {
		v := w.Table(0, 0, buffer, 0)
		w.Point(tensors[i], v[4])
		w.Ints(v[0], shape...)
		w.Text(v[3], name)
	}
	add(0, 0, "x", 1, s.units)
	for i := range s.layers {
		add(3*i+1, 2*i+1, fmt.Sprint("w", i), s.units, s.units)
		add(3*i+2, 2*i+2, fmt.Sprint("b", i), s.units)
		add(3*i+3, 0, fmt.Sprint("y", i), 1, s.units)
		o := w.Table(0, 0, 0)
		w.Point(ops[i], o[3])
		w.Ints(o[1], 3*i, 3*i+1, 3*i+2)
		w.Ints(o[2], 3*i+3)
	}
	w.Ints(g[1], 0)
	w.Ints(g[2], 3*s.layers)
	return w.B
}

// nadir is the command, built.
func nadir(b *testing.B) string {
	path := filepath.Join(b.TempDir(), "nadir")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/nadir-ml/nadir/cmd/nadir").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// usage is what a process took.
type usage struct {
	Wall, CPU time.Duration
	Resident  int64 // the most bytes of memory that were resident
}

// child is set in the processes that stand between a benchmark and what it runs: a program
// is said to have had as much memory as the one that started it.
const child = "FORMAT_BENCH_CHILD"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(child) {
	case "":
		os.Exit(m.Run())
	case "run":
		c := exec.Command(os.Args[1], os.Args[2:]...)
		begin := time.Now()
		var out []byte
		if out, err = c.CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
			break
		}
		u := usage{Wall: time.Since(begin), CPU: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
		if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
			u.Resident = r.Maxrss << 10
		}
		err = json.NewEncoder(os.Stdout).Encode(u)
	case "floor":
		var size int
		if size, err = strconv.Atoi(os.Args[2]); err == nil {
			err = floor(os.Args[1], size, os.Args[3:])
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// ever is longer than anything takes.
const ever = time.Duration(math.MaxInt64)

// run runs a program.
func run(b *testing.B, args ...string) usage { return measured(b, "", args...) }

func measured(b *testing.B, mode string, args ...string) (u usage) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	if mode != "" {
		args = slices.Concat([]string{"/usr/bin/env", child + "=" + mode, exe}, args)
	}
	c := exec.Command(exe, args...)
	c.Env = append(os.Environ(), child+"=run")
	out, err := c.CombinedOutput()
	if err == nil {
		err = json.Unmarshal(out, &u)
	}
	if err != nil {
		b.Fatalf("%v: %v\n%s", args, err, out)
	}
	return u
}

// floor reads files, hashes them and writes as many bytes as the nets have numbers of 4,
// and has them on the disk: the least that an import can take.
func floor(out string, size int, paths []string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := io.CopyBuffer(struct{ io.Writer }{sha256.New()}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
			return err
		}
	}
	return format.WriteFile(out, func(w io.Writer) error {
		piece := make([]byte, 1<<20)
		for n := 0; n < size; n += len(piece) {
			binary.LittleEndian.PutUint64(piece, uint64(n))
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return nil
	})
}

// filesOf are a file, those of a folder, or those whose names begin so.
func filesOf(b *testing.B, path string) []string {
	found := map[string]bool{}
	for _, p := range []string{path, path + ".*"} {
		list, err := filepath.Glob(p)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range list {
			if err := filepath.WalkDir(p, func(p string, d os.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					found[p] = true
				}
				return err
			}); err != nil {
				b.Fatal(err)
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// BenchmarkImport times "nadir import" of 100 MB as a whole process, in turns with the least
// that it can take, and says how many times that it takes, by the clock and of the processor,
// the best of both, and how many times its tensors it holds in memory.
func BenchmarkImport(b *testing.B) {
	command := nadir(b)
	out := filepath.Join(b.TempDir(), "out")
	for _, s := range []sizing{several, single} {
		list, _ := largeFiles(b, s)
		for _, f := range list {
			files := filesOf(b, f.path)
			b.Run(fmt.Sprintf("%s/layers=%d", f.name, s.layers), func(b *testing.B) {
				sum, least := usage{Wall: ever, CPU: ever}, usage{Wall: ever, CPU: ever}
				for b.Loop() {
					os.Remove(out)
					u := measured(b, "floor", slices.Concat([]string{out, strconv.Itoa(s.bytes())}, files)...)
					least = usage{Wall: min(least.Wall, u.Wall), CPU: min(least.CPU, u.CPU)}
					os.Remove(out)
					u = run(b, slices.Concat([]string{command, "import", f.path, "-o", out}, f.args)...)
					sum = usage{min(sum.Wall, u.Wall), min(sum.CPU, u.CPU), max(sum.Resident, u.Resident)}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(sum.Wall)/float64(least.Wall), "×floor")
				b.ReportMetric(float64(sum.CPU)/float64(least.CPU), "×floor-cpu")
				b.ReportMetric(float64(sum.CPU.Milliseconds()), "cpu-ms")
				b.ReportMetric(float64(sum.Resident)/float64(s.bytes()), "resident/tensors")
			})
		}
	}
}

// BenchmarkInspect times "nadir inspect" of the same files as a whole process, the best of
// all runs.
func BenchmarkInspect(b *testing.B) {
	command := nadir(b)
	list, _ := largeFiles(b, several)
	for _, f := range list {
		b.Run(f.name, func(b *testing.B) {
			best := usage{Wall: ever, CPU: ever}
			for b.Loop() {
				u := run(b, command, "inspect", f.path)
				best = usage{min(best.Wall, u.Wall), min(best.CPU, u.CPU), max(best.Resident, u.Resident)}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(best.Wall.Microseconds())/1e3, "ms")
			b.ReportMetric(float64(best.CPU.Microseconds())/1e3, "cpu-ms")
			b.ReportMetric(float64(best.Resident)/(1<<20), "resident-MiB")
		})
	}
}
