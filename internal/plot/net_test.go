package plot

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/svg/svgtest"
)

// towers has two inputs, a shared layer, a path around others, two outputs.
func towers() Net {
	return Net{Title: "towers: 42,371 parameters", Nodes: []NetNode{
		{Name: "a", Kind: "input", Shape: "28x28", Role: Input},
		{Name: "b", Kind: "input", Shape: "28x28", Role: Input},
		{Name: "x", Kind: "dense elu", Shape: "50", Note: "39,250", Role: Weights, Inputs: []string{"a"}},
		{Name: "y", Kind: "dense elu", Shape: "50", Note: "shared", Role: Weights, Inputs: []string{"b"}},
		{Name: "both", Kind: "concatenate", Shape: "100", Inputs: []string{"x", "y"}},
		{Name: "norm", Kind: "batch_normalization", Shape: "100", Note: "400", Role: Statistics},
		{Name: "h2", Kind: "dense relu", Shape: "100", Note: "10,100", Role: Weights},
		{Name: "skip", Kind: "add", Shape: "100", Inputs: []string{"both", "h2"}},
		{Name: "z", Kind: "dense", Shape: "10", Note: "1,010", Role: Weights},
		{Name: "w", Kind: "dense", Shape: "1", Note: "51", Role: Weights, Inputs: []string{"x"}},
	}}
}

func TestNetGolden(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := towers().SVG(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "net.svg", b.Bytes())
}

// Whatever leads where: the document is sound, arrows point downwards, boxes
// of a row keep apart, and no line passes through a box.
func TestNetAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := Net{Title: rapid.String().Draw(t, "title")}
		for i := range rapid.IntRange(1, 30).Draw(t, "nodes") {
			node := NetNode{Name: strings.Repeat("n", i+1), Kind: rapid.String().Draw(t, "kind"), Note: rapid.String().Draw(t, "note"),
				Shape: rapid.String().Draw(t, "shape"), Role: Role(rapid.IntRange(0, 3).Draw(t, "role"))}
			for range rapid.IntRange(0, min(i, 3)).Draw(t, "inputs") {
				node.Inputs = append(node.Inputs, n.Nodes[rapid.IntRange(0, i-1).Draw(t, "input")].Name)
			}
			n.Nodes = append(n.Nodes, node)
		}
		l, err := n.layout()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.ranks {
			for i := 1; i < len(r); i++ {
				if least := apart(r[i-1], r[i]); r[i].x-r[i-1].x < least-1e-6 {
					t.Fatalf("neighbours are %g apart, want %g", r[i].x-r[i-1].x, least)
				}
			}
		}
		for _, e := range l.edges {
			for i := 1; i < len(e); i++ {
				if e[i].rank != e[i-1].rank+1 || i < len(e)-1 && e[i].box() {
					t.Fatalf("a line leads from row %d to %d, by a box: %v", e[i-1].rank, e[i].rank, e[i].box())
				}
			}
		}
		var b bytes.Buffer
		if err := n.SVG(&b); err != nil {
			t.Fatal(err)
		}
		if err := svgtest.Check(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNetRefused(t *testing.T) {
	t.Parallel()
	for what, n := range map[string]Net{
		"no nodes":      {},
		"too many":      {Nodes: make([]NetNode, MaxNodes+1)},
		"unknown input": {Nodes: []NetNode{{Name: "a", Role: Input}, {Name: "b", Inputs: []string{"c"}}}},
	} {
		if err := n.SVG(io.Discard); err == nil {
			t.Errorf("%s: drawn without an error", what)
		}
	}
}
