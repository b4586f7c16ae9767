package tensorflow

import (
	"fmt"
	"math"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

// objectKey is the entry of a checkpoint of TensorFlow 2 that holds the graph of its
// objects.
const objectKey = "_CHECKPOINTABLE_OBJECT_GRAPH"

// A trackable is a node of a TrackableObjectGraph: the tensors that it holds and what they
// are called, its children, and where it is an optimizer, its slots.
type trackable struct {
	keys     []string
	children []format.Child
	slots    []slotLink
}

// A slotLink says which node is an optimizer's slot of which, and what it is called.
type slotLink struct {
	variable, slot uint64
	name           string
}

// objects reads the graph of objects of a checkpoint of TensorFlow 2, a
// TrackableObjectGraph: the name that each variable has, by the tensor that holds it,
// which are slots, and what belongs to what.
func objects(f *format.File, b *bundle.File) (names map[string]string, err error) {
	e, ok := b.Lookup(objectKey)
	if !ok || !e.Text {
		return nil, nil
	}
	texts, err := b.Texts(objectKey)
	if err != nil {
		return nil, err
	}
	if len(texts) != 1 {
		return nil, fmt.Errorf("the graph of objects is no single text")
	}
	names = map[string]string{}
	var nodes []trackable
	for n, err := range bundle.Fields([]byte(texts[0])) {
		if err != nil {
			return nil, err
		}
		if n.Num != 1 {
			continue
		}
		t, err := parseTrackable(n.Bytes, names)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, t)
	}
	key := func(node uint64) string {
		if node < uint64(len(nodes)) && len(nodes[node].keys) > 0 {
			return nodes[node].keys[0]
		}
		return ""
	}
	slot := map[string]bool{}
	var refs []slotRef
	for _, n := range nodes {
		for _, l := range n.slots {
			if l.slot < uint64(len(nodes)) {
				for _, k := range nodes[l.slot].keys {
					slot[k] = true
				}
			}
			if l.name != "" {
				refs = append(refs, slotRef{key(l.variable), key(l.slot), l.name})
			}
		}
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.Slot = t.Slot || slot[t.Name]
	}
	for i, n := range nodes {
		for _, c := range n.children {
			if c.Object < 0 || c.Object >= len(nodes) {
				return nil, fmt.Errorf("the graph of objects: child %q of node %d is node %d of %d", c.Name, i, c.Object, len(nodes))
			}
		}
		f.Objects = append(f.Objects, format.Object{Tensor: key(uint64(i)), Children: n.children})
	}
	f.Slots = rememberedObjects(f, refs, names)
	return names, nil
}

// parseTrackable reads a node, and puts what its variables are called into names.
func parseTrackable(b []byte, names map[string]string) (t trackable, err error) {
	for g, err := range bundle.Fields(b) {
		if err != nil {
			return t, err
		}
		var name, key string
		var node, slot uint64
		for h, err := range bundle.Fields(g.Bytes) {
			switch {
			case err != nil:
				return t, err
			case h.Num == 1:
				node = h.Int // a child, or the variable that has a slot
			case h.Num == 2:
				name = string(h.Bytes)
			case h.Num == 3:
				key, slot = string(h.Bytes), h.Int
			}
		}
		switch g.Num {
		case 1:
			t.children = append(t.children, format.Child{Name: name, Object: int(min(node, math.MaxInt32))})
		case 2:
			if key != "" {
				t.keys = append(t.keys, key)
				if name != "" {
					names[key] = name
				}
			}
		case 3:
			t.slots = append(t.slots, slotLink{node, slot, name})
		}
	}
	return t, nil
}
