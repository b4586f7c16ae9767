package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"

	"github.com/nadir-ml/nadir/format/pickle"
)

// The first two pickles of a legacy file.
var legacyMagic, _ = new(big.Int).SetString("119547037146038801333356", 10)

const legacyVersion = 1001

// readLegacy reads a file that begins with head: pickles of a magic number, a version, the
// writer's machine, the value and the storages' keys, then each storage as a count and
// that many elements. The numbers are little-endian, whatever the machine was.
func (f *File) readLegacy(head []byte) (any, error) {
	f.format = Legacy
	if n, ok := firstPickle(head).(*big.Int); !ok || n.Cmp(legacyMagic) != 0 {
		msg := "this is no file of torch.save"
		if name := otherFormat(head); name != "" {
			msg += ": it looks like " + name
		}
		return nil, f.errorf("", 0, "%s", msg)
	}
	d := pickle.NewDecoder(io.NewSectionReader(f.r, 0, f.size), f.size)
	var parts [5]any // magic number, version, machine, value, keys
	for i := range parts {
		d.Find, d.Persistent = nil, nil
		if i == 3 {
			d.Find, d.Persistent = f.find, f.legacyStorage
		}
		at := d.Offset()
		v, err := d.Decode()
		if err != nil {
			return nil, f.pickled(err, 0)
		}
		if i == 1 && v != any(int64(legacyVersion)) {
			return nil, f.errorf("", at, "its protocol's version is not %d, the only one that is known", legacyVersion)
		}
		parts[i] = v
	}
	return parts[3], f.placeStorages(parts[4], d.Offset())
}

// firstPickle is the value that head begins with, or nil.
func firstPickle(head []byte) any {
	v, err := pickle.NewDecoder(bytes.NewReader(head), int64(len(head))).Decode()
	if err != nil {
		return nil
	}
	return v
}

// legacyStorage is what ("storage", class, key, device, elements, part) stands for; part is
// None or (key, offset, elements). ("module", class, file, source) is its class.
func (f *File) legacyStorage(id any) (any, error) {
	if m, ok := id.(pickle.Tuple); ok && len(m) == 4 && m[0] == "module" {
		return m[1], nil
	}
	t, parts, err := f.identify(id, 6)
	if err != nil {
		return nil, err
	}
	if t.store.elem.name != t.elem.name || t.store.size != t.n*t.elem.size {
		return nil, fmt.Errorf("storage %s is named twice, and differently", pickle.Quote(t.store.key))
	}
	if parts[5] == nil {
		return t, nil
	}
	part, err := ints(withoutKey(parts[5]))
	if err != nil || len(part) != 2 || part[0] < 0 || part[1] < 0 || part[0] > t.n || part[1] > t.n-part[0] {
		return nil, fmt.Errorf("a part of storage %s does not lie in its %d elements", pickle.Quote(t.store.key), t.n)
	}
	t.begin, t.n = part[0], part[1]
	return t, nil
}

// withoutKey is the rest of a tuple.
func withoutKey(v any) any {
	if t, ok := v.(pickle.Tuple); ok && len(t) > 0 {
		return t[1:]
	}
	return nil
}

// placeStorages finds where each storage lies. They follow byte at in the order of keys.
func (f *File) placeStorages(keys any, at int64) error {
	list, ok := keys.(*pickle.List)
	if !ok {
		return f.errorf("", at, "the list of storages is of type %s", pickle.TypeName(keys))
	}
	placed := map[string]bool{}
	for _, k := range list.Items {
		key := keyOf(k)
		s := f.storages[key]
		if s == nil || placed[key] {
			return f.errorf("", at, "storage %s is listed, but belongs to no tensor or is listed twice", pickle.Quote(key))
		}
		placed[key] = true
		var count [8]byte
		if err := f.readAt(count[:], at); err != nil {
			return err
		}
		if n := binary.LittleEndian.Uint64(count[:]); n != uint64(s.size/s.elem.size) {
			return f.errorf("", at, "storage %s holds %d elements, but is said to hold %d", pickle.Quote(key), n, s.size/s.elem.size)
		}
		at += 8
		if s.size > f.size-at {
			return f.errorf("", at, "storage %s takes %d bytes, but only %d follow; the file is truncated", pickle.Quote(key), s.size, f.size-at)
		}
		s.at = at
		at += s.size
	}
	for _, key := range slices.Sorted(maps.Keys(f.storages)) {
		if !placed[key] {
			return f.errorf("", at, "the data of storage %s is not there", pickle.Quote(key))
		}
	}
	if at != f.size {
		f.warn("%d bytes after the last tensor's data were not read", f.size-at)
	}
	return nil
}
