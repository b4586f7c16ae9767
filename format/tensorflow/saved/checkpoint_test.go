package saved

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	_ "github.com/nadir-ml/nadir/format/tensorflow" // to read it again
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// modelOf makes a model of text, with fresh weights and statistics that are not those that
// they begin with. Inputs are floats.
func modelOf(t testing.TB, text string, shapes ...tensor.Shape) *format.Model {
	t.Helper()
	v, err := spec.ParseJSON("model", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := &format.Model{Params: param.NewSet(tensor.Float32), Preprocess: nn.Sequential{}, Extra: map[string]string{}}
	if m.Net, err = nn.Decode(v); err != nil {
		t.Fatal(err)
	}
	ins, _ := m.Net.Ports()
	for i, s := range shapes {
		name := "input"
		if i < len(ins) {
			name = ins[i].Name
		}
		m.Data.Inputs = append(m.Data.Inputs, data.Field{Name: name, DType: tensor.Float32, Shape: s})
	}
	fill(t, m)
	return m
}

// fill gives a model weights, and statistics and biases that are none of those that
// layers begin with.
func fill(t testing.TB, m *format.Model) {
	t.Helper()
	b := graph.New()
	format.Trace(param.NewScope(b, m.Params, param.Options{Seed: 7}), m.Net, m.Preprocess, m.Data, 2)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	for p := range m.Params.All() {
		if p.Value.Len() > 0 && (p.Kind == param.Stat || slices.Contains([]string{"bias", "beta", "gamma"}, p.Name[strings.LastIndex(p.Name, "/")+1:])) {
			for i := range p.Value.Len() {
				p.Value.SetFlat(i, p.Value.Flat(i)+0.1*float64(1+i%5))
			}
		}
	}
}

func TestWriteCheckpoint(t *testing.T) {
	t.Parallel()
	m := modelOf(t, `["batch_normalization",{"dense":{"units":300,"name":"hidden"}},{"dense":{"units":1,"name":"out"}}]`, tensor.Shape{5})
	dir, again := t.TempDir(), t.TempDir()
	r, err := WriteCheckpoint(filepath.Join(dir, "model.ckpt"), m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := WriteCheckpoint(filepath.Join(again, "model.ckpt"), m); err != nil {
		t.Fatal(err)
	}
	sameFolders(t, dir, again)
	got := strict(t, filepath.Join(dir, "model.ckpt"))
	if len(got) != m.Params.Len() || len(r.Tensors) != len(got) {
		t.Errorf("%d tensors of %d", len(got), m.Params.Len())
	}
	for p := range m.Params.All() {
		s := got[p.Name]
		if s.dtype != 1 || !p.Value.Shape().Equal(s.shape) || !bytes.Equal(s.raw, p.Value.Bytes()) {
			t.Errorf("%s: type %d, shape %v", p.Name, s.dtype, s.shape)
		}
	}
	// The folder stands for the checkpoint that its file names.
	if _, err := WriteCheckpoint(filepath.Join(dir, "other.ckpt"), m); err == nil {
		t.Error("what is there was overwritten")
	}
	f, err := format.OpenFile(dir)
	if err != nil || len(f.Tensors) != len(got) {
		t.Fatal(err)
	}
	f.Close()
	if n, err := checkCheckpoint(filepath.Join(dir, "model.ckpt"), m); n != len(got) || err != nil {
		t.Error(n, err)
	}
	m.Params.Value("out/bias").SetFlat(0, 17)
	if _, err := checkCheckpoint(filepath.Join(dir, "model.ckpt"), m); err == nil {
		t.Error("another number passes")
	}
	if text, err := os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil || !strings.HasPrefix(string(text), "model_checkpoint_path: \"model.ckpt\"\n") {
		t.Errorf("%s, %v", text, err)
	}
}
