package onnx

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/nadir-ml/nadir/format"
)

// overlapFree is how many bytes tensors of other files may have that lie over those of
// others, and overlapTimes how many times they may lie over them.
const (
	overlapFree  = 16 << 20
	overlapTimes = 2
)

// A stretch is where a tensor lies in a file beside the model.
type stretch struct {
	file     string
	from, to int64
}

// numbers is how many elements the tensors of a file have, each byte of other files counted
// once. Many tensors over the same bytes of one are refused: each would take memory.
func (m *model) numbers() (int, error) {
	all, bytes := 0, int64(0)
	var outside []stretch
	add := func(t *tensorProto) {
		elems, size, err := t.size()
		if err != nil {
			return // who asks for it is told
		}
		if !t.outside {
			all += min(elems, m.size)
			return
		}
		offset, length, err := t.place(size)
		if err != nil || length > 1<<50 || offset > 1<<50 {
			return
		}
		bytes += length
		outside = append(outside, stretch{filepath.Clean(t.external["location"]), offset, offset + length})
	}
	for _, t := range m.graph.tensors {
		add(t)
	}
	for _, n := range m.graph.nodes {
		for _, a := range n.attrs {
			if a.t != nil {
				add(a.t)
			}
		}
	}
	slices.SortFunc(outside, func(a, b stretch) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.from, b.from)) })
	once, end := int64(0), stretch{}
	for _, s := range outside {
		if s.file != end.file {
			end = stretch{file: s.file}
		}
		once += max(0, s.to-max(s.from, end.to))
		end.to = max(end.to, s.to)
	}
	if bytes > overlapFree+overlapTimes*once {
		return 0, &format.Corrupt{Err: fmt.Errorf("tensors of %d bytes in all lie over %d bytes of other files: they overlap many times", bytes, once)}
	}
	return all + int(once/2), nil
}
