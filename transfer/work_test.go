package transfer

import (
	"slices"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/train"
)

// A meter is a backend that adds up the multiplications of the matrix products
// in what it compiles for training.
type meter struct {
	backend.Backend
	whole, cut int // in a step from the rows on, and from a prefix's results on
}

func (m *meter) Compile(g *graph.Builder, o backend.Options) (backend.Plan, error) {
	n := 0
	for i, live := range g.Live() {
		if x := g.Node(i); live && x.Op().Name == "matmul" {
			k := x.In(0).Dim(-1)
			if x.Attr().(graph.MatMulAttr).TransA {
				k = x.In(0).Dim(0)
			}
			n += x.Shape().Len() * k
		}
	}
	input := func(prefix string) bool {
		return slices.ContainsFunc(g.Inputs(), func(x graph.Node) bool { return strings.HasPrefix(x.Name(), prefix) })
	}
	switch {
	case !input("lr"):
	case input("prefix:"):
		m.cut = n
	default:
		m.whole = n
	}
	return m.Backend.Compile(g, o)
}

// TestFrozenCostsNothing counts multiplications: with four of five layers
// frozen a step has no product for them backwards, and with their results kept
// none forwards either.
func TestFrozenCostsNothing(t *testing.T) {
	t.Parallel()
	const batch = 32
	rows, _ := digits.New(1, batch, 1)
	step := func(frozen string) *meter {
		t.Helper()
		m := &meter{Backend: cpu.New()}
		tr := trainer(t, five(), train.Config{Data: rows.Schema(), Backend: m}, frozen)
		if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: rows, Batch: batch, Epochs: 1, Cache: &Cache{}})); err != nil {
			t.Fatal(err)
		}
		return m
	}
	forward, kernels, inputs := 0, 0, 0 // batch·in·out for each product
	sizes := []int{784, 100, 100, 100, 100, 100, 10}
	for i, n := range sizes[1:] {
		forward += batch * sizes[i] * n
		kernels += batch * sizes[i] * n
		if i > 0 {
			inputs += batch * sizes[i] * n
		}
	}
	if m := step(""); m.whole != forward+kernels+inputs || m.cut != 0 {
		t.Errorf("%d multiplications, and %d with a cut, want %d and none", m.whole, m.cut, forward+kernels+inputs)
	}
	// What is left: hidden5 and the head forwards, their kernels, the head's input.
	const hidden5, head = batch * 100 * 100, batch * 100 * 10
	if m := step("hidden[1-4]"); m.whole != forward+hidden5+2*head || m.cut != 2*hidden5+3*head {
		t.Errorf("%d multiplications with frozen layers, %d with their results kept, want %d and %d", m.whole, m.cut, forward+hidden5+2*head, 2*hidden5+3*head)
	}
}
