package format_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// weights writes bare weights, each of the numbers 1, 2, 3 and so on times its place.
func weights(t *testing.T, shapes map[string]tensor.Shape, names ...string) string {
	t.Helper()
	var all []safetensors.Named
	for k, n := range names {
		w := tensor.New(tensor.Float32, shapes[n]...)
		for i := range w.Len() {
			w.SetFlat(i, float64((k+1)*(i+1)))
		}
		all = append(all, safetensors.Named{Name: n, Tensor: w})
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, all, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Nested modules have dots where layers have underscores; the order of the file does not
// count, nor shapes that fit elsewhere.
func TestMatchNested(t *testing.T) {
	t.Parallel()
	shapes := map[string]tensor.Shape{"block.1.fc.weight": {2, 2}, "block.0.fc.weight": {2, 2}, "block.0.slope.weight": {2}}
	net := nn.Sequential{nn.Dense{Units: 2, NoBias: true, Name: "block_0_fc"}, nn.Activation{Act: act.PReLU{SharedAxes: []int{1, 2}}, Name: "block-0-slope"},
		nn.Dense{Units: 2, NoBias: true, Name: "block_1_fc"}}
	in := []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{3, 3, 2}}}
	m, _, err := format.Import(weights(t, shapes, "block.1.fc.weight", "block.0.slope.weight", "block.0.fc.weight"), format.Options{Net: net, Inputs: in})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"block_0_fc/kernel": "float32[2 2]{3 9 6 12}", "block_1_fc/kernel": "float32[2 2]{1 3 2 4}",
		"block-0-slope/alpha": "float32[1 1 2]{2 4}"} {
		if got := m.Params.Value(name).String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// Two tensors that could be meant are not guessed between.
func TestMatchAmbiguous(t *testing.T) {
	t.Parallel()
	shapes := map[string]tensor.Shape{"a.b_c.weight": {2, 2}, "a_b.c.weight": {2, 2}, "out.weight": {2, 2}}
	net := nn.Sequential{nn.Dense{Units: 2, NoBias: true, Name: "a_b_c"}, nn.Dense{Units: 2, NoBias: true, Name: "out"}}
	in := []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	_, _, err := format.Import(weights(t, shapes, "a.b_c.weight", "a_b.c.weight", "out.weight"), format.Options{Net: net, Inputs: in})
	if err == nil || !strings.Contains(err.Error(), `parameter "a_b_c/kernel" of shape [2 2]: no tensor of the file fits it`) {
		t.Errorf("got %v", err)
	}
}
