package nn_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/tensor"
)

// chapter is the chapter's network under the names that the notes have.
func chapter() nn.Sequential {
	return nn.Sequential{
		nn.Flatten{Name: "flatten_5"},
		nn.BatchNorm{Name: "batch_normalization_10"}, nn.Dense{Units: 300, Act: act.ELU{}, Init: initial.He, Name: "dense_8"},
		nn.BatchNorm{Name: "batch_normalization_11"}, nn.Dense{Units: 100, Act: act.ELU{}, Init: initial.He, Name: "dense_9"},
		nn.BatchNorm{Name: "batch_normalization_12"}, nn.Dense{Units: 10, Act: act.Softmax{}, Name: "dense_10"},
	}
}

func floats(shape ...int) []graph.Type { return []graph.Type{{Kind: graph.Float, Shape: shape}} }

// TestKerasSummary compares the table with the notes' lines 146 to 160, byte by
// byte. The notes lost the rules of = and the last count; what follows there is
// what Keras 2 prints.
func TestKerasSummary(t *testing.T) {
	t.Parallel()
	m := nn.Functional{Name: "sequential_2"}
	for _, l := range chapter() {
		m.Layers = append(m.Layers, nn.Entry{Layer: l})
	}
	sum, err := nn.Summarize(m, floats(28, 28), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := sum.Keras(&out); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	double, single := strings.Repeat("=", 65), strings.Repeat("_", 65)
	if got[3] != double || got[17] != double {
		t.Errorf("lines 4 and 18 are %q and %q", got[3], got[17])
	}
	want := []string{double, "Total params: 271,346", "Trainable params: 268,978", "Non-trainable params: 2,368", single}
	if tail := got[17:]; !slices.Equal(tail, want) {
		t.Errorf("ends in %q, want %q", tail, want)
	}
	text, err := os.ReadFile(shared.File(t, "chapter-notes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Split(string(text), "\n")[144:159] // lines 145 to 159
	table := slices.Delete(slices.Clone(got[:17]), 3, 4)
	if len(table) != len(notes)+1 {
		notes = append(notes, strings.Split(string(text), "\n")[159])
	}
	for i, line := range notes {
		have := table[i]
		if i == len(notes)-1 { // where the notes break off
			have = have[:len(line)]
		}
		if have != line {
			t.Errorf("line %d is\n%q, the notes have\n%q", i+1, have, line)
		}
	}
	if last, want := table[15], fmt.Sprintf("%-29s%-26s%-10s", "dense_10 (Dense)", "(None, 10)", "1010"); last != want {
		t.Errorf("the last row is %q, want %q", last, want)
	}
}

// TestVariables lists a layer's variables as the notes do.
func TestVariables(t *testing.T) {
	t.Parallel()
	tr := trace(chapter(), tensor.Shape{28, 28})
	var got []string
	for p := range tr.set.All() {
		if strings.HasPrefix(p.Name, "batch_normalization_10/") {
			got = append(got, fmt.Sprintf("('%s:0', %t)", p.Name, p.Trainable()))
		}
	}
	want := []string{
		"('batch_normalization_10/gamma:0', true)", "('batch_normalization_10/beta:0', true)",
		"('batch_normalization_10/moving_mean:0', false)", "('batch_normalization_10/moving_variance:0', false)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if total, trainable := tr.set.Count(); total != 271346 || trainable != 268978 {
		t.Errorf("%d parameters, %d trainable", total, trainable)
	}
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	set := trace(chapter(), tensor.Shape{28, 28}).set
	if _, err := set.Freeze("dense_8", "batch_normalization_10"); err != nil {
		t.Fatal(err)
	}
	sum, err := nn.Summarize(chapter(), floats(28, 28), set)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Params != 271346 || sum.Trainable != 268978-235500-1568 {
		t.Errorf("%d parameters, %d trainable", sum.Params, sum.Trainable)
	}
	r := sum.Rows[2]
	r.Layer = nil
	want := nn.Row{Name: "dense_8", Kind: "dense", Inputs: []string{"batch_normalization_10"}, Output: tensor.Shape{300},
		Params: 235500, Init: "he_normal", Sigma: r.Sigma, FanIn: 784}
	if !reflect.DeepEqual(r, want) || fmt.Sprintf("%.4f", r.Sigma) != "0.0505" {
		t.Errorf("row %+v, want %+v", r, want)
	}

	towers := decode(t, towers)
	sum, err = nn.Summarize(towers, append(floats(2, 2), floats(2, 2)...), nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range sum.Rows {
		rows = append(rows, fmt.Sprintf("%s %s %v -> %v %d %t", r.Name, r.Kind, r.Inputs, r.Output, r.Params, r.Shared))
	}
	wantRows := []string{
		"fa flatten [a] -> [4] 0 false", "tower dense [fa] -> [3] 15 false", "fb flatten [b] -> [4] 0 false",
		"other dense [fb] -> [3] 0 true", "both concatenate [tower other] -> [6] 0 false", "h dense [both] -> [6] 42 false",
		"sum add [both h] -> [6] 0 false", "y dense [sum] -> [1] 7 false", "z dense [sum] -> [2] 14 false",
	}
	if !slices.Equal(rows, wantRows) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(wantRows, "\n"))
	}
	if sum.Model != "towers" || sum.Params != 78 {
		t.Errorf("model %q of %d parameters", sum.Model, sum.Params)
	}

	// What a block holds counts to it.
	sum, err = nn.Summarize(nn.Sequential{nn.Block{Layers: nn.Sequential{nn.Dense{Units: 3}, nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 3}}}}}}, floats(2), nil)
	if err != nil || len(sum.Rows) != 1 || sum.Rows[0].Params != 9+12 || sum.Rows[0].Init != "glorot_uniform" {
		t.Errorf("%+v, %v", sum, err)
	}

	twice := nn.Functional{Layers: []nn.Entry{
		{Layer: nn.Block{Layers: nn.Sequential{nn.Dense{Units: 2}}, Name: "b"}}, {Share: "b", Name: "c"},
	}}
	if sum, err = nn.Summarize(twice, floats(2), nil); err != nil || len(sum.Rows) != 2 || sum.Params != 6 || sum.Rows[1].Params != 0 {
		t.Errorf("%+v, %v", sum, err)
	}

	// No memory is taken for parameters, however many.
	sum, err = nn.Summarize(nn.Sequential{nn.Dense{Units: 1e12}}, floats(1000), nil)
	if err != nil || sum.Params != 1001e12 {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, err = nn.Summarize(nn.Sequential{nn.Dense{Units: 1e12}, nn.Dense{Units: 1e12}}, floats(1000), nil); err == nil {
		t.Error("more parameters than can be counted are none")
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 271346: "271,346", -1234567: "-1,234,567", -123: "-123"} {
		if got := nn.Thousands(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
