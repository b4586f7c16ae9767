package saved

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A stored is a tensor as the strict reader finds it.
type stored struct {
	dtype uint64
	shape []int
	raw   []byte
}

// strict reads a checkpoint of version 2 that has one shard as its description says it, and
// none of the package's readers do any of it: each block's and each tensor's checksum is
// compared, keys have to ascend, tensors to lie one behind the other, and nothing may be left.
func strict(t testing.TB, prefix string) map[string]stored {
	t.Helper()
	index, err := os.ReadFile(prefix + ".index")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(prefix + ".data-00000-of-00001")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte, want uint32) {
		t.Helper()
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		if got := (c>>15 | c<<17) + 0xa282ead8; got != want {
			t.Fatalf("%s: checksum %08x, the file says %08x", what, got, want)
		}
	}
	const end = 48
	foot := index[len(index)-end:]
	if m := binary.LittleEndian.Uint64(foot[end-8:]); m != 0xdb4775248b80fb57 {
		t.Fatalf("the index ends in %x", m)
	}
	varint := func(b *[]byte) int {
		v, n := binary.Uvarint(*b)
		if n <= 0 {
			t.Fatal("a number is cut off")
		}
		*b = (*b)[n:]
		return int(v)
	}
	covered := end
	entries := func(ref *[]byte) (keys []string, values [][]byte) {
		at, size := varint(ref), varint(ref)
		b := index[at : at+size]
		if index[at+size] != 0 {
			t.Fatalf("the block at %d is packed", at)
		}
		check(fmt.Sprintf("block at %d", at), index[at:at+size+1], binary.LittleEndian.Uint32(index[at+size+1:]))
		covered += size + 5
		restarts := int(binary.LittleEndian.Uint32(b[size-4:]))
		rest := b[:size-4-4*restarts]
		all := len(rest)
		var starts []int
		key := ""
		for len(rest) > 0 {
			from := all - len(rest)
			shared, own, n := varint(&rest), varint(&rest), varint(&rest)
			if shared == 0 {
				starts = append(starts, from)
			}
			key = key[:shared] + string(rest[:own])
			if len(keys) > 0 && key <= keys[len(keys)-1] {
				t.Fatalf("key %q stands behind %q", key, keys[len(keys)-1])
			}
			keys, values = append(keys, key), append(values, rest[own:own+n])
			rest = rest[own+n:]
		}
		for i := range restarts {
			if r := int(binary.LittleEndian.Uint32(b[size-4-4*(restarts-i):])); all > 0 && !slices.Contains(starts, r) {
				t.Fatalf("restart %d is at %d, where no whole key begins", i, r)
			}
		}
		return keys, values
	}
	place := foot
	if k, _ := entries(&place); len(k) != 0 {
		t.Fatalf("the meta index holds %q", k)
	}
	out := map[string]stored{}
	last, lastKey := 0, ""
	_, blocks := entries(&place)
	for _, ref := range blocks {
		keys, values := entries(&ref)
		for i, key := range keys {
			if i > 0 || lastKey != "" {
				if key <= lastKey {
					t.Fatalf("key %q stands behind %q", key, lastKey)
				}
			}
			lastKey = key
			f := fields(t, values[i])
			if key == "" { // the header: one shard, little-endian
				if f[1] == nil || f[1][0].(uint64) != 1 || f[2] != nil {
					t.Fatalf("header %v", f)
				}
				continue
			}
			s := stored{dtype: f[1][0].(uint64), shape: []int{}}
			for _, dim := range fields(t, f[2][0].([]byte))[2] {
				n := 0
				if d := fields(t, dim.([]byte))[1]; d != nil {
					n = int(d[0].(uint64))
				}
				s.shape = append(s.shape, n)
			}
			at, size := 0, 0
			if f[4] != nil {
				at = int(f[4][0].(uint64))
			}
			if f[5] != nil {
				size = int(f[5][0].(uint64))
			}
			if at != last {
				t.Fatalf("%q begins at %d, the one before ends at %d", key, at, last)
			}
			last = at + size
			s.raw = data[at:last]
			check(key, s.raw, uint32(f[6][0].(uint64)))
			out[key] = s
		}
	}
	if covered != len(index) || last != len(data) {
		t.Fatalf("%d of %d bytes of the index and %d of %d of the data are described", covered, len(index), last, len(data))
	}
	return out
}

// fields takes a message of Protocol Buffers apart: values by the number of their field.
func fields(t testing.TB, b []byte) map[int][]any {
	t.Helper()
	out := map[int][]any{}
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		b = b[n:]
		var v any
		switch tag & 7 {
		case 0:
			x, n := binary.Uvarint(b)
			v, b = x, b[n:]
		case 1:
			v, b = binary.LittleEndian.Uint64(b), b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			v, b = b[n:n+int(size)], b[n+int(size):]
		case 5:
			v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
		out[int(tag>>3)] = append(out[int(tag>>3)], v)
	}
	return out
}

// sameFolders holds that two folders hold the same bytes.
func sameFolders(t *testing.T, a, b string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(a, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			sameFolders(t, p, filepath.Join(b, filepath.Base(p)))
			continue
		}
		x, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b, filepath.Base(p)))
		if err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs, %v", p, err)
		}
	}
}
