package format

import (
	"fmt"

	"github.com/nadir-ml/nadir/graph"
)

const (
	// maxWork is how many bytes a model may hold at once of what it computes of a row,
	// however few parameters it has.
	maxWork = 48 << 20
	// workOfInput is how many bytes it may hold for each byte of the row, which is in
	// memory, too.
	workOfInput = 1024
)

// bounded refuses a model that would take much more memory for a row than there is of its
// parameters and of the row: a few bytes of a file can ask for any padding or repetition.
func (m *Model) bounded() error {
	t, err := m.reading()
	if err != nil {
		return err
	}
	b, outs := t.graph, t.outs
	const rows = 2 // of the trace; the batch's axis counts out
	most := maxWork
	for _, p := range b.Params() {
		most += 2 * bytesOf(p)
	}
	for _, x := range b.Inputs() {
		most += workOfInput * min(bytesOf(x)/rows, 1<<40)
	}
	// A result lives from where it is computed to where it is used last. A reshape is what
	// it is made of, and so is what is spread over an elementwise operation.
	last, whole := make([]int, b.Len()), make([]bool, b.Len())
	for _, y := range outs {
		last[y.ID()], whole[y.ID()] = b.Len(), true
	}
	for i := b.Len() - 1; i >= 0; i-- {
		x := b.Node(i)
		until := i
		if x.Op().Name == "reshape" || x.Op().Name == "broadcast" && !whole[i] {
			until = last[i]
		} else {
			whole[i] = whole[i] || x.NumIn() > 0
		}
		for _, from := range x.Ins() {
			last[from.ID()] = max(last[from.ID()], until)
			if x.Op().Name == "reshape" || !x.Shape().Equal(from.Shape()) {
				whole[from.ID()] = true
			}
		}
	}
	params := 0
	for _, p := range b.Params() {
		params += p.Shape().Len()
	}
	dies := map[int]int{}
	live := 0
	for i := range last {
		x := b.Node(i)
		if x.NumIn() > 0 && x.Op().Name != "reshape" && whole[i] && last[i] > 0 {
			n := bytesOf(x) / rows
			live += n
			dies[last[i]] += n
		}
		if live > most {
			return &Unsupported{What: fmt.Sprintf("layer %q", x.Path()), Msg: fmt.Sprintf("the model holds more than %d MiB of results at once for a row, of %d numbers in its parameters: the file is damaged, or made to fill memory", most>>20, params)}
		}
		live -= dies[i]
	}
	return nil
}

// bytesOf is how many bytes a node's result takes as float32, at most half of what can be
// counted.
func bytesOf(x graph.Node) int { return 4 * min(x.Shape().Len(), 1<<52) }
