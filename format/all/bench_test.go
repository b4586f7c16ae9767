package all_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// The nets of the benchmarks have so many layers of so many units: 105 MB of float32.
const layers, units = 16, 1280

const megabytes = 4 * layers * units * (units + 1)

// large is a file, or several, of 100 MB of weights in every format.
type large struct {
	name string
	path string
	args []string // which the command wants besides
}

func largeFiles(b *testing.B) []large {
	dir := b.TempDir()
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
		proto += fmt.Sprintf("layer { name: \"l%s\" type: \"InnerProduct\" bottom: %[1]q top: %q inner_product_param { num_output: %d } }\n", v, next, units)
	}
	list = append(list, large{name: "onnx", path: write("m.onnx", onnxModel(onnx...))}, large{name: "tensorflow-graph", path: write("graph.pb", graph...)})
	write("c.prototxt", []byte(proto))
	list = append(list, large{name: "caffe", path: write("c.caffemodel", caffe...)})
	return list
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
		err = floor(os.Args[1], os.Args[2:])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

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
func floor(out string, paths []string) error {
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
		for n := 0; n < megabytes; n += len(piece) {
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
// and how many times its tensors it holds in memory.
func BenchmarkImport(b *testing.B) {
	command := nadir(b)
	out := filepath.Join(b.TempDir(), "out")
	for _, f := range largeFiles(b) {
		files := filesOf(b, f.path)
		b.Run(f.name, func(b *testing.B) {
			var sum, least usage
			for b.Loop() {
				os.Remove(out)
				u := measured(b, "floor", slices.Concat([]string{out}, files)...)
				least.Wall, least.CPU = least.Wall+u.Wall, least.CPU+u.CPU
				os.Remove(out)
				u = run(b, slices.Concat([]string{command, "import", f.path, "-o", out}, f.args)...)
				sum = usage{sum.Wall + u.Wall, sum.CPU + u.CPU, max(sum.Resident, u.Resident)}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(sum.Wall)/float64(least.Wall), "×floor")
			b.ReportMetric(float64(sum.CPU)/float64(least.CPU), "×floor-cpu")
			b.ReportMetric(float64(sum.CPU.Milliseconds())/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(sum.Resident)/megabytes, "resident/tensors")
		})
	}
}

// BenchmarkInspect times "nadir inspect" of the same files as a whole process.
func BenchmarkInspect(b *testing.B) {
	command := nadir(b)
	for _, f := range largeFiles(b) {
		b.Run(f.name, func(b *testing.B) {
			var sum usage
			for b.Loop() {
				u := run(b, command, "inspect", f.path)
				sum = usage{sum.Wall + u.Wall, sum.CPU + u.CPU, max(sum.Resident, u.Resident)}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(sum.Wall.Microseconds())/1e3/float64(b.N), "ms")
			b.ReportMetric(float64(sum.CPU.Microseconds())/1e3/float64(b.N), "cpu-ms")
			b.ReportMetric(float64(sum.Resident)/(1<<20), "resident-MiB")
		})
	}
}
