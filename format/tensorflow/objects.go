package tensorflow

import (
	"fmt"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

// objectKey is the entry of a checkpoint of TensorFlow 2 that holds the graph of its
// objects.
const objectKey = "_CHECKPOINTABLE_OBJECT_GRAPH"

// objects reads the graph of objects of a checkpoint of TensorFlow 2, a
// TrackableObjectGraph: the name that each variable has, by the tensor that holds it, and
// which are slots.
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
	var keys [][]string // of every node
	var slots []uint64  // nodes
	type link struct {
		variable, slot uint64
		name           string
	}
	var links []link
	for n, err := range bundle.Fields([]byte(texts[0])) {
		if err != nil {
			return nil, err
		}
		if n.Num != 1 {
			continue
		}
		var own []string
		for g, err := range bundle.Fields(n.Bytes) {
			if err != nil {
				return nil, err
			}
			var name, key string
			var l link
			for h, err := range bundle.Fields(g.Bytes) {
				switch {
				case err != nil:
					return nil, err
				case g.Num == 2 && h.Num == 2:
					name = string(h.Bytes)
				case g.Num == 2 && h.Num == 3:
					key = string(h.Bytes)
				case g.Num == 3 && h.Num == 1:
					l.variable = h.Int
				case g.Num == 3 && h.Num == 2:
					l.name = string(h.Bytes)
				case g.Num == 3 && h.Num == 3:
					slots = append(slots, h.Int)
					l.slot = h.Int
				}
			}
			if l.name != "" {
				links = append(links, l)
			}
			if key != "" {
				own = append(own, key)
			}
			if key != "" && name != "" {
				names[key] = name
			}
		}
		keys = append(keys, own)
	}
	slot := map[string]bool{}
	for _, i := range slots {
		if i < uint64(len(keys)) {
			for _, k := range keys[i] {
				slot[k] = true
			}
		}
	}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		t.Slot = t.Slot || slot[t.Name]
	}
	key := func(node uint64) string {
		if node < uint64(len(keys)) && len(keys[node]) > 0 {
			return keys[node][0]
		}
		return ""
	}
	var refs []slotRef
	for _, l := range links {
		refs = append(refs, slotRef{key(l.variable), key(l.slot), l.name})
	}
	f.Slots = rememberedObjects(f, refs, names)
	return names, nil
}
