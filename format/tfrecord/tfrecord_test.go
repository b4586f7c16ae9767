package tfrecord

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// sample is a file of two records.
func sample() []byte {
	a := Example{{Name: "image", Kind: Bytes, Bytes: [][]byte{[]byte("pixels"), {}}}, {Name: "label", Kind: Ints, Ints: []int64{-7, 300}}, {Name: "none"}}
	b := Example{{Name: "x", Kind: Floats, Floats: []float32{1.5, -2}}}
	return Append(Append(nil, a.Append(nil)), b.Append(nil))
}

// all reads every example of a file.
func all(file []byte) ([]Example, error) {
	r := NewReader(bytes.NewReader(file), int64(len(file)))
	var out []Example
	for {
		b, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		e, err := ParseExample(bytes.Clone(b))
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
}

// A file that begins with no whole record, or has a bit turned anywhere, is refused, and
// the error says where.
func TestDamage(t *testing.T) {
	t.Parallel()
	file := sample()
	if es, err := all(file); err != nil || len(es) != 2 {
		t.Fatalf("%d examples, %v", len(es), err)
	}
	first := len(file) - len(Append(nil, Example{{Name: "x", Kind: Floats, Floats: []float32{1.5, -2}}}.Append(nil)))
	for n := range file {
		es, err := all(file[:n:n])
		if n == 0 || n == first {
			if err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		want := fmt.Sprintf("record %d at byte %d: ", len(es), len(es)*first)
		if e, ok := errors.AsType[*Error](err); !ok || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("the first %d bytes: %v, want %s…", n, err, want)
		}
	}
	for i := range 8 * len(file) {
		b := bytes.Clone(file)
		b[i/8] ^= 1 << (i % 8)
		if _, err := all(b); err == nil {
			t.Errorf("bit %d was turned and it is taken", i)
		}
	}
}

// A record that declares more than is there takes no memory for it.
func TestHuge(t *testing.T) {
	t.Parallel()
	length := binary.LittleEndian.AppendUint64(nil, 1<<40)
	file := append(binary.LittleEndian.AppendUint32(bytes.Clone(length), masked(length)), make([]byte, 100)...)
	for _, size := range []int64{int64(len(file)), 1 << 50} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := NewReader(bytes.NewReader(file), size).Next()
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "1099511627776") {
			t.Errorf("size %d: got %v", size, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 256<<20 { // other tests run beside this one
			t.Errorf("size %d: %d bytes were taken", size, took)
		}
	}
	length = bytes.Repeat([]byte{0xff}, 8)
	file = binary.LittleEndian.AppendUint32(bytes.Clone(length), masked(length))
	if _, err := NewReader(bytes.NewReader(file), 1<<62).Next(); err == nil {
		t.Error("a length of 2⁶⁴−1 is taken")
	}
}

// Numbers need not be packed, names may come twice, and unknown fields are passed over.
func TestSpellings(t *testing.T) {
	t.Parallel()
	feature := func(name string, kind Kind, list []byte) []byte {
		return message(nil, fieldFeature, message(message(nil, fieldKey, []byte(name)), fieldValue, message(nil, protowire.Number(kind), list)))
	}
	ints := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 5)
	floats := protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 0x40000000)
	b := append(feature("a", Ints, nil), feature("f", Floats, append(floats, floats...))...)
	b = append(b, feature("a", Ints, append(ints, ints...))...)
	b = append(protowire.AppendVarint(protowire.AppendTag(nil, 9, protowire.VarintType), 1), message(nil, fieldFeatures, b)...)
	got, err := ParseExample(b)
	if err != nil {
		t.Fatal(err)
	}
	want := Example{{Name: "a", Kind: Ints, Ints: []int64{5, 5}}, {Name: "f", Kind: Floats, Floats: []float32{2, 2}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, list := range map[string][]byte{"floats of ints": ints, "floats of 3 bytes": message(nil, 1, make([]byte, 3))} {
		if _, err := ParseExample(message(nil, fieldFeatures, feature("f", Floats, list))); err == nil || !strings.Contains(err.Error(), `feature "f": the float_list`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 4).Draw(t, "records")
		var want []Example
		var file []byte
		for range n {
			var e Example
			for i := range rapid.IntRange(0, 3).Draw(t, "features") {
				f := Feature{Name: string(rune('a' + i)), Kind: Kind(rapid.IntRange(0, 3).Draw(t, "kind"))}
				switch f.Kind {
				case Bytes:
					f.Bytes = rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 5), 1, 3).Draw(t, "bytes")
				case Floats:
					f.Floats = rapid.SliceOfN(rapid.Float32(), 1, 5).Draw(t, "floats")
				case Ints:
					f.Ints = rapid.SliceOfN(rapid.Int64(), 1, 5).Draw(t, "ints")
				}
				e = append(e, f)
			}
			want = append(want, e)
			file = Append(file, e.Append(nil))
		}
		got, err := all(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := all(file); err != nil && len(err.Error()) < 12 {
			t.Errorf("%q is no error for a person", err)
		}
	})
}

// FuzzExample gives messages without the frame, whose checksums would hide them.
func FuzzExample(f *testing.F) {
	r := NewReader(bytes.NewReader(sample()), 1<<20)
	for b, err := r.Next(); err == nil; b, err = r.Next() {
		f.Add(bytes.Clone(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseExample(b)
		if err != nil {
			return
		}
		for _, x := range e {
			if got, ok := e.Lookup(x.Name); !ok || got.Len() != x.Len() {
				t.Errorf("feature %q is not found", x.Name)
			}
		}
	})
}
