package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/golang/snappy"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
)

// written are the files of a checkpoint.
func written(t testing.TB, tensors ...Named) (index, data []byte) {
	t.Helper()
	var i, d bytes.Buffer
	if err := Write(&i, &d, tensors); err != nil {
		t.Fatal(err)
	}
	return i.Bytes(), d.Bytes()
}

// saved are the files of a checkpoint called model.ckpt, by what is behind that in their
// names.
func saved(files map[string][]byte) fs.FS {
	m := fstest.MapFS{}
	for suffix, b := range files {
		m["model.ckpt"+suffix] = &fstest.MapFile{Data: b}
	}
	return m
}

func open(fsys fs.FS) (*File, error) { return openIn(fsys, "folder", "model.ckpt") }

const one = ".data-00000-of-00001"

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var ts []Named
		for i, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c/]{1,9}`), 0, 60, rapid.ID[string]).Draw(t, "names") {
			dt := tensor.DType(1 + i%int(tensor.Bool))
			x := tensor.New(dt, rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "shape")...)
			for k := range x.Len() {
				x.SetFlat(k, float64((k+i)%2))
			}
			ts = append(ts, Named{Name: name, Tensor: x})
		}
		ts = append(ts, Named{Name: "text", Text: rapid.String().Draw(t, "text")})
		var i, d bytes.Buffer
		if err := Write(&i, &d, ts); err != nil {
			t.Fatal(err)
		}
		f, err := open(saved(map[string][]byte{".index": i.Bytes(), one: d.Bytes()}))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if len(f.Entries()) != len(ts) || f.Version != 2 {
			t.Fatalf("%d entries, want %d", len(f.Entries()), len(ts))
		}
		for _, n := range ts {
			if n.Tensor == nil {
				if got, err := f.Texts(n.Name); err != nil || len(got) != 1 || got[0] != n.Text {
					t.Fatalf("text %q, %v", got, err)
				}
				continue
			}
			x, err := f.Tensor(n.Name)
			if err != nil || x.DType() != n.Tensor.DType() || !x.Shape().Equal(n.Tensor.Shape()) || !bytes.Equal(x.Bytes(), n.Tensor.Bytes()) {
				t.Fatalf("%s is %v, %v; want %v", n.Name, x, err, n.Tensor)
			}
		}
	})
}

// TestSnappy reads blocks that are compressed.
func TestSnappy(t *testing.T) {
	t.Parallel()
	index, _ := written(t, Named{Name: "a", Tensor: tensor.Of([]float32{1, 2, 3}, 3)}, Named{Name: "b", Tensor: tensor.Of([]float32{4}, 1)})
	table, err := NewTable(bytes.NewReader(index), int64(len(index)))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	pack := func(ref blockRef) blockRef {
		b := snappy.Encode(nil, index[ref.offset:ref.offset+ref.size])
		at := blockRef{int64(len(out)), int64(len(b))}
		out = append(append(out, b...), 1)
		out = binary.LittleEndian.AppendUint32(out, masked(crc32.Checksum(out[at.offset:], castagnoli)))
		return at
	}
	place := func(r blockRef) []byte {
		return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(r.offset)), uint64(r.size))
	}
	data := pack(table.index[0])
	meta := blockRef{int64(len(out)), 8}
	raw := block(nil)
	out = append(append(out, raw...), 0)
	out = binary.LittleEndian.AppendUint32(out, masked(crc32.Checksum(out[meta.offset:], castagnoli)))
	at := blockRef{int64(len(out)), 0}
	raw = block([]pair{{[]byte("b"), place(data)}})
	at.size = int64(len(raw))
	out = append(append(out, raw...), 0)
	out = binary.LittleEndian.AppendUint32(out, masked(crc32.Checksum(out[at.offset:], castagnoli)))
	end := append(place(meta), place(at)...)
	out = append(append(out, end...), make([]byte, footer-8-len(end))...)
	out = binary.LittleEndian.AppendUint64(out, magic)
	_, values := written(t, Named{Name: "a", Tensor: tensor.Of([]float32{1, 2, 3}, 3)}, Named{Name: "b", Tensor: tensor.Of([]float32{4}, 1)})
	f, err := open(saved(map[string][]byte{".index": out, one: values}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if x, err := f.Tensor("a"); err != nil || x.At(2) != 3 {
		t.Errorf("got %v, %v", x, err)
	}
}

// field writes a length-delimited field.
func field(num protowire.Number, parts ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), slices.Concat(parts...))
}

func number(num protowire.Number, v int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(int64(v)))
}

// sliceProto is a TensorSliceProto of starts and lengths, -1 for all of an axis.
func sliceProto(extents ...int) []byte {
	var b []byte
	for i := 0; i < len(extents); i += 2 {
		if extents[i+1] < 0 {
			b = append(b, field(1)...)
			continue
		}
		b = append(b, field(1, number(1, extents[i]), number(2, extents[i+1]))...)
	}
	return b
}

// sliceKey is the key of a slice.
func sliceKey(name string, extents ...int) []byte {
	b := append([]byte{0}, strings.NewReplacer("\x00", "\x00\xff", "\xff", "\xff\x00").Replace(name)...)
	b = append(append(b, 0, 1), 1, byte(len(extents)/2))
	for _, v := range extents {
		switch {
		case v == -1:
			b = append(b, 0x7f)
		case v < 64:
			b = append(b, 0x80^byte(v))
		default:
			b = append(b, 0xc0^byte(v>>8), byte(v))
		}
	}
	return b
}

// TestSlices puts a variable together that was cut, in both versions.
func TestSlices(t *testing.T) {
	t.Parallel()
	const rows, cols = 100, 3
	x := tensor.New(tensor.Float32, rows, cols)
	for i := range x.Len() {
		x.SetFlat(i, float64(i))
	}
	upper, lower := x.Rows(0, 70), x.Rows(70, 100)
	var shape []byte
	shape = appendShape(shape, x.Shape())
	entry := func(part *tensor.Tensor, offset int, more ...[]byte) []byte {
		b := slices.Concat(number(1, 1), field(2, appendShape(nil, part.Shape())), number(4, offset), number(5, len(part.Bytes())))
		b = protowire.AppendFixed32(protowire.AppendTag(b, 6, protowire.Fixed32Type), masked(crc32.Checksum(part.Bytes(), castagnoli)))
		return append(b, slices.Concat(more...)...)
	}
	whole := slices.Concat(number(1, 1), field(2, shape), field(7, sliceProto(0, 70, 0, -1)), field(7, sliceProto(70, 30, 0, -1)))
	var index bytes.Buffer
	err := writeTable(&index, []pair{{nil, number(1, 1)}, {sliceKey("w", 0, 70, 0, -1), entry(upper, 0)}, {sliceKey("w", 70, 30, 0, -1), entry(lower, 70*cols*4)}, {[]byte("w"), whole}})
	if err != nil {
		t.Fatal(err)
	}
	two := saved(map[string][]byte{".index": index.Bytes(), one: x.Bytes()})

	meta := field(1, field(1, field(1, []byte("w")), field(2, shape), number(3, 1)))
	chunk := func(part *tensor.Tensor, extents ...int) []byte {
		var packed []byte
		for _, v := range part.Float32s() {
			packed = protowire.AppendFixed32(packed, uint32FromFloat(v))
		}
		return field(2, field(1, []byte("w")), field(2, sliceProto(extents...)), field(3, number(1, 1), field(5, packed)))
	}
	var table bytes.Buffer
	err = writeTable(&table, []pair{{nil, meta}, {sliceKey("w", 0, 70, 0, -1), chunk(upper, 0, 70, 0, -1)}, {sliceKey("w", 70, 30, 0, -1), chunk(lower, 70, 30, 0, -1)}})
	if err != nil {
		t.Fatal(err)
	}
	v1 := saved(map[string][]byte{"": table.Bytes()})
	for version, files := range []fs.FS{1: v1, 2: two} {
		if files == nil {
			continue
		}
		f, err := open(files)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Tensor("w")
		if err != nil || f.Version != version || !got.Shape().Equal(x.Shape()) || !bytes.Equal(got.Bytes(), x.Bytes()) {
			t.Errorf("version %d: %v, %v", f.Version, got, err)
		}
		f.Close()
	}
	damage(t, index.Bytes(), func(b []byte) fs.FS { return saved(map[string][]byte{".index": b, one: x.Bytes()}) })
	damage(t, table.Bytes(), func(b []byte) fs.FS { return saved(map[string][]byte{"": b}) })
}

func uint32FromFloat(v float32) uint32 {
	return binary.LittleEndian.Uint32(tensor.Of([]float32{v}, 1).Bytes())
}

// use reads all there is.
func use(files fs.FS) error {
	f, err := open(files)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, e := range f.Entries() {
		if e.Text {
			_, err = f.Texts(e.Name)
		} else {
			_, err = f.Tensor(e.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// damage cuts a file short at every byte and turns every bit of some: everything has a
// checksum, so each is noticed.
func damage(t *testing.T, whole []byte, save func([]byte) fs.FS) {
	t.Helper()
	if err := use(save(whole)); err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		t.Helper()
		if e, ok := errors.AsType[*Error](err); !ok || e.Path == "" {
			t.Errorf("%s: %v is no error that names the file", what, err)
		}
	}
	step := 1 + len(whole)/800
	for n := 0; n < len(whole); n += step {
		check(fmt.Sprint("cut at ", n), use(save(whole[:n])))
	}
	for i := 0; i < len(whole)-footer; i += step {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		check(fmt.Sprint("bit of byte ", i), use(save(b)))
	}
	// The footer has no checksum: what leads elsewhere is noticed, padding is not.
	for i := len(whole) - footer; i < len(whole); i++ {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		if err := use(save(b)); err != nil {
			check(fmt.Sprint("footer's byte ", i), err)
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	index, data := written(t, Named{Name: "a/kernel", Tensor: tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}, Named{Name: "a/step", Tensor: tensor.Of([]int64{7})}, Named{Name: "text", Text: "hello"})
	damage(t, index, func(b []byte) fs.FS { return saved(map[string][]byte{".index": b, one: data}) })
	for i := range data {
		for _, b := range [][]byte{data[:i], slices.Concat(data[:i], []byte{data[i] ^ 4}, data[i+1:])} {
			err := use(saved(map[string][]byte{".index": index, one: b}))
			if e, ok := errors.AsType[*Error](err); !ok || !strings.HasSuffix(e.Path, one) || e.Tensor == "" {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	err := use(saved(map[string][]byte{".index": index}))
	if p, ok := errors.AsType[*fs.PathError](err); !ok || !strings.HasSuffix(p.Path, one) {
		t.Errorf("without a shard: %v", err)
	}
}

// TestHostile refuses what is made to mislead.
func TestHostile(t *testing.T) {
	t.Parallel()
	table := func(pairs ...pair) []byte {
		var b bytes.Buffer
		if err := writeTable(&b, append([]pair{{nil, number(1, 1)}}, pairs...)); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	huge := field(2, field(2, number(1, 1<<30)), field(2, number(1, 1<<30)), field(2, number(1, 1<<30)))
	for name, tc := range map[string]struct {
		index []byte
		want  string
	}{
		"overflow": {table(pair{[]byte("x"), slices.Concat(number(1, 1), huge, number(5, 4))}), "more elements than an int can count"},
		"size":     {table(pair{[]byte("x"), slices.Concat(number(1, 1), field(2, field(2, number(1, 1<<30))), number(5, 4))}), "numbers of float32 in 4 bytes"},
		"outside":  {table(pair{[]byte("x"), slices.Concat(number(1, 1), field(2, field(2, number(1, 1))), number(4, 1<<40), number(5, 4))}), "lead out of the shard"},
		"negative": {table(pair{[]byte("x"), slices.Concat(number(1, 1), field(2, field(2, number(1, 1))), number(4, -4), number(5, 4))}), "lead out of the shard"},
		"shard":    {table(pair{[]byte("x"), slices.Concat(number(1, 1), number(3, 9), number(5, 4))}), "shard 9 of 1"},
		"unknown":  {table(pair{[]byte("x"), slices.Concat(number(1, 1), field(2, field(2, number(1, -1))))}), "its shape is not known"},
		"no slice": {table(pair{[]byte("x"), slices.Concat(number(1, 1), field(2, field(2, number(1, 2))), field(7, sliceProto(0, 2)))}), "is missing"},
		"twice":    {table(pair{[]byte("x"), number(1, 1)}, pair{[]byte("x"), number(1, 1)}), "not in order"},
		"many shards": {append([]byte(nil), func() []byte {
			var b bytes.Buffer
			_ = writeTable(&b, []pair{{nil, number(1, 1<<30)}})
			return b.Bytes()
		}()...), "at most 65536"},
		"big-endian": {append([]byte(nil), func() []byte {
			var b bytes.Buffer
			_ = writeTable(&b, []pair{{nil, slices.Concat(number(1, 1), number(2, 1))}})
			return b.Bytes()
		}()...), "big-endian"},
		"no header": {append([]byte(nil), func() []byte {
			var b bytes.Buffer
			_ = writeTable(&b, []pair{{[]byte("x"), number(1, 1)}})
			return b.Bytes()
		}()...), "no header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := use(saved(map[string][]byte{".index": tc.index, one: make([]byte, 8)}))
			if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), tc.want) || e.Path == "" {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
	// A shard that leads out of the folder is not followed.
	index, data := written(t, Named{Name: "a", Tensor: tensor.Of([]float32{1}, 1)})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, data, 0o600); err != nil {
		t.Fatal(err)
	}
	prefix := filepath.Join(t.TempDir(), "m")
	if err := os.WriteFile(prefix+".index", index, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, prefix+one); err == nil {
		if f, err := Open(prefix); err == nil {
			f.Close()
			t.Error("a link out of the folder was followed")
		}
	}
	// An index under another name says how it has to be called.
	if err := use(saved(map[string][]byte{"": index})); err == nil || !strings.Contains(err.Error(), "NAME.index") {
		t.Errorf("got %v", err)
	}
}

func TestSigned(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		b    []byte
		want int64
	}{{[]byte{0x80}, 0}, {[]byte{0xbf}, 63}, {[]byte{0xc0, 64}, 64}, {[]byte{0xdf, 0xff}, 8191}, {[]byte{0xe0, 0x20, 0}, 8192}, {[]byte{0x7f}, -1}, {[]byte{0x40}, -64}, {[]byte{0x3f, 0xbf}, -65}} {
		if v, rest, ok := signed(tc.b); !ok || v != tc.want || len(rest) != 0 {
			t.Errorf("% x is %d, %v; want %d", tc.b, v, ok, tc.want)
		}
	}
	for _, b := range [][]byte{nil, {0xc0}, {0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if _, _, ok := signed(b); ok {
			t.Errorf("% x is taken for a number", b)
		}
	}
}

// TestFixtures reads every tensor of checkpoints that TensorFlow wrote.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		prefix           string
		version, entries int
		name             string
		first            float64
	}{
		{"tf1-checkpoint/homl-ch11-elu/my_elu_model.ckpt", 2, 6, "hidden1/kernel", -0.07049791514873505},
		{"tf1-checkpoint/tfx-taxi-current/model.ckpt-1000", 2, 60, "dnn/logits/bias", -0.06889794021844864},
		{"tf1-checkpoint-v1/sugyan-2015-simple/simple.ckpt", 1, 2, "simple/b", -0.5782486796379089},
		{"tf1-checkpoint-v1/serving-half_plus_two/export", 1, 2, "a", 0.5},
		{"tf2-checkpoint/keras-save_weights/my_keras_weights.ckpt", 2, 11, "layer_with_weights-2/bias/.ATTRIBUTES/VARIABLE_VALUE", 0.5483953356742859},
	} {
		f, err := Open(filepath.Join(shared.Dir(t, "models", filepath.Dir(tc.prefix)), filepath.Base(tc.prefix)))
		if err != nil {
			t.Fatal(err)
		}
		if f.Version != tc.version || len(f.Entries()) != tc.entries {
			t.Errorf("%s: version %d, %d entries", tc.prefix, f.Version, len(f.Entries()))
		}
		for _, e := range f.Entries() {
			if e.Text {
				_, err = f.Texts(e.Name)
			} else {
				_, err = f.Tensor(e.Name)
			}
			if err != nil {
				t.Error(err)
			}
		}
		if x, err := f.Tensor(tc.name); err != nil || x.Flat(0) != tc.first {
			t.Errorf("%s: %v, %v", tc.name, x, err)
		}
		f.Close()
	}
}

func FuzzOpen(f *testing.F) {
	index, data := written(f, Named{Name: "a/kernel", Tensor: tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}, Named{Name: "text", Text: "hello"})
	f.Add(index, data, true)
	var table bytes.Buffer
	meta := field(1, field(1, field(1, []byte("w")), field(2, appendShape(nil, tensor.Shape{1})), number(3, 1)))
	_ = writeTable(&table, []pair{{nil, meta}, {sliceKey("w", 0, 1), field(2, field(1, []byte("w")), field(2, sliceProto(0, 1)), field(3, number(1, 1), field(5, []byte{0, 0, 128, 63})))}})
	f.Add(table.Bytes(), []byte{}, false)
	f.Fuzz(func(t *testing.T, index, data []byte, v2 bool) {
		// Without checksums in the way.
		if tab, err := NewTable(bytes.NewReader(index), int64(len(index))); err == nil {
			_ = tab.each(func(int, []byte, []byte) error { return nil })
		}
		for range entries(index, 0) {
		}
		if _, _, ok := parseKey(data); ok {
			_, _, _ = signed(data)
		}
		_, _ = ParseTensor(data, 1, tensor.Shape{2}, true)
		_, _, _, _ = entry(data)
		files := map[string][]byte{"": index}
		if v2 {
			files = map[string][]byte{".index": index, one: data}
		}
		err := use(saved(files))
		var e *Error
		var p *fs.PathError
		if err != nil && !errors.As(err, &e) && !errors.As(err, &p) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}
