package saved

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

// TestStacks holds that any stack of layers comes back to the last bit.
func TestStacks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	count := 0
	rapid.Check(t, func(rt *rapid.T) {
		var layers []string
		for range rapid.IntRange(1, 4).Draw(rt, "layers") {
			units := rapid.IntRange(1, 5).Draw(rt, "units")
			layers = append(layers, rapid.SampledFrom([]string{
				fmt.Sprintf(`{"dense":{"units":%d}}`, units), fmt.Sprintf(`{"dense":{"units":%d,"use_bias":false,"activation":"selu"}}`, units),
				`"batch_normalization"`, `"elu"`, `{"dropout":0.3}`, fmt.Sprintf(`{"gru":{"units":%d,"return_sequences":true}}`, units), `"layer_normalization"`,
			}).Draw(rt, "layer"))
		}
		m := modelOf(t, "["+strings.Join(layers, ",")+"]", tensor.Shape{3, 2})
		count++
		path := filepath.Join(dir, fmt.Sprint(count))
		if _, err := WriteModel(path, m); err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(path)
		if n, err := checkModel(path, m); err != nil || n != m.Params.Len() {
			rt.Fatal(n, err)
		}
		back, _ := formattest.Import(t, path, format.Options{})
		x := rows(m, 2)
		if err := format.Same("output", predicted(t, m, x)[0], predicted(t, back, x)[0]); err != nil {
			rt.Fatal(err)
		}
	})
}
