package deflate_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/internal/deflate"
)

// contents draws bytes of parts of several kinds: noise, runs, and what was there before.
func contents(t *rapid.T) []byte {
	var b []byte
	for range rapid.IntRange(0, 12).Draw(t, "parts") {
		n := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 40000)).Draw(t, "length")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
		case kind == 0:
			for range n {
				b = append(b, byte(r.Uint32()))
			}
		case kind == 1:
			b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, n)...)
		case kind == 2 || len(b) == 0: // few symbols, some rare
			for range n {
				b = append(b, byte(r.ExpFloat64()*3))
			}
		default: // from up to all the way back
			at := r.IntN(len(b))
			for range n {
				b = append(b, b[at])
				at++
			}
		}
	}
	return b
}

// pack is a gzip member that holds b.
func pack(t interface{ Fatal(...any) }, b []byte, level int, h gzip.Header) []byte {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Header = h
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

func unpack(src io.Reader) ([]byte, error) {
	r, err := deflate.NewReader(src)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// TestContents: what was packed comes out, at any level, of any number of members, however
// it is read.
func TestContents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want, z []byte
		for range rapid.IntRange(1, 3).Draw(t, "members") {
			part := contents(t)
			h := gzip.Header{Name: rapid.SampledFrom([]string{"", "a name"}).Draw(t, "name"), Comment: rapid.SampledFrom([]string{"", "a comment"}).Draw(t, "comment")}
			h.Extra = []byte(rapid.SampledFrom([]string{"", "extra"}).Draw(t, "extra"))
			z = append(z, pack(t, part, rapid.IntRange(flate.HuffmanOnly, flate.BestCompression).Draw(t, "level"), h)...)
			want = append(want, part...)
		}
		var src io.Reader = bytes.NewReader(z)
		switch rapid.IntRange(0, 3).Draw(t, "reader") {
		case 0:
			src = iotest.HalfReader(src)
		case 1:
			src = iotest.DataErrReader(src)
		case 2:
			if len(z) < 10000 {
				src = iotest.OneByteReader(src)
			}
		}
		got, err := unpack(src)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; want %d bytes", len(got), err, len(want))
		}
	})
}

// TestRaw: what was deflated comes out, and one that ends too early says so.
func TestRaw(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := contents(t)
		var z bytes.Buffer
		w, err := flate.NewWriter(&z, rapid.IntRange(flate.HuffmanOnly, flate.BestCompression).Draw(t, "level"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(deflate.NewRaw(bytes.NewReader(z.Bytes())))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; want %d bytes", len(got), err, len(want))
		}
		n := rapid.IntRange(0, z.Len()-1).Draw(t, "cut")
		got, err = io.ReadAll(deflate.NewRaw(bytes.NewReader(z.Bytes()[:n])))
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
			t.Fatalf("%d of %d bytes: %d bytes, %v", n, z.Len(), len(got), err)
		}
	})
}

// image is bytes like those of a set of small pictures.
func image(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := 0; i < n; {
		i += r.IntN(20)
		for k := r.IntN(12); k > 0 && i < n; k-- {
			b[i] = byte(255 - r.ExpFloat64()*30)
			i++
		}
	}
	return b
}

// TestCut: wherever a file ends too early, that is the error, and what came before it is
// right.
func TestCut(t *testing.T) {
	t.Parallel()
	want := image(700)
	for _, level := range []int{flate.NoCompression, flate.BestCompression, flate.HuffmanOnly} {
		z := pack(t, want, level, gzip.Header{Name: "name"})
		for n := range len(z) {
			got, err := unpack(bytes.NewReader(z[:n]))
			if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
				t.Fatalf("level %d, %d of %d bytes: %d bytes right: %t, %v", level, n, len(z), len(got), bytes.HasPrefix(want, got), err)
			}
			if min(n, len(z)-8)-40 > len(got) && level == flate.NoCompression {
				t.Fatalf("%d of %d bytes of stored data: only %d come out", n, len(z), len(got))
			}
		}
		fault := errors.New("the disk is on fire")
		if _, err := unpack(io.MultiReader(bytes.NewReader(z[:len(z)/2]), iotest.ErrReader(fault))); !errors.Is(err, fault) {
			t.Errorf("level %d: a read fails: %v", level, err)
		}
	}
	if _, err := unpack(iotest.ErrReader(nil)); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source of nothing: %v", err)
	}
}

// TestDamage: a bit that is another is an error, or was of no meaning to the standard
// library, either.
func TestDamage(t *testing.T) {
	t.Parallel()
	want := image(120)
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
		z := pack(t, want, level, gzip.Header{Name: "name"})
		for i := range 8 * len(z) {
			z[i/8] ^= 1 << (i % 8)
			compare(t, z)
			z[i/8] ^= 1 << (i % 8)
		}
	}
}

// compare holds a file to what the standard library reads in it.
func compare(t *testing.T, z []byte) {
	t.Helper()
	var want []byte
	g, wrong := gzip.NewReader(bytes.NewReader(z))
	if wrong == nil {
		want, wrong = io.ReadAll(g)
	}
	got, err := unpack(bytes.NewReader(z))
	if errors.Is(wrong, gzip.ErrHeader) && err == nil {
		return // it refuses long names
	}
	if (err == nil) != (wrong == nil) || err == nil && !bytes.Equal(got, want) {
		t.Fatalf("%x: %d bytes, %v; the standard library: %d bytes, %v", z, len(got), err, len(want), wrong)
	}
}

// member is deflated bits, and what they unpack to, as a gzip member.
func member(bits, contents string) []byte {
	z := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}, bits...)
	z = binary.LittleEndian.AppendUint32(z, crc32.ChecksumIEEE([]byte(contents)))
	return binary.LittleEndian.AppendUint32(z, uint32(len(contents)))
}

// TestRefused: what is no gzip file, or does not hold what it says.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := member("\x01\x05\x00\xfa\xffhello", "hello")
	if got, err := unpack(bytes.NewReader(good)); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	change := func(at int, v byte) []byte {
		z := bytes.Clone(good)
		z[at] = v
		return z
	}
	for name, c := range map[string]struct {
		z    []byte
		want string
	}{
		"nothing":                 {nil, "unexpected EOF"},
		"no magic":                {change(0, 0), "no gzip data"},
		"another method":          {change(2, 7), "no gzip data"},
		"sum":                     {change(len(good)-8, 0), "damaged"},
		"size":                    {change(len(good)-4, 0), "damaged"},
		"header's sum":            {append(change(3, 2)[:10:10], good[8:]...), "no gzip data"},
		"more behind it":          {append(bytes.Clone(good), "more than ten"...), "no gzip data"},
		"lengths that do not fit": {member("\x01\x05\x00\xfa\xfehello", "hello"), "corrupt"},
		"the fourth kind":         {member("\x07", ""), "corrupt"},
		"before the beginning":    {member("\x63\x00\x42\x00", ""), "corrupt"}, // a byte, then a match two back
		"287 lengths":             {member("\xf5\x00\x00\x00", ""), "corrupt"},
		"a first length again":    {member("\x05\x00\x02\x00\x00\x00\x00\x00\x00\x00", ""), "corrupt"},
	} {
		if _, err := unpack(bytes.NewReader(c.z)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		compare(t, c.z)
	}
}

// TestSummedHeader: a header's own sum is compared.
func TestSummedHeader(t *testing.T) {
	t.Parallel()
	z := pack(t, []byte("text"), flate.DefaultCompression, gzip.Header{Name: "name", Extra: []byte("extra")})
	z[3] |= 2
	head := 10 + 2 + len("extra") + len("name\x00")
	sum := crc32.ChecksumIEEE(z[:head])
	z = append(append(bytes.Clone(z[:head]), byte(sum), byte(sum>>8)), z[head:]...)
	if got, err := unpack(bytes.NewReader(z)); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	compare(t, z)
	z[5]++
	if _, err := unpack(bytes.NewReader(z)); !errors.Is(err, deflate.ErrHeader) {
		t.Errorf("another time in the header: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(pack(f, image(400), flate.BestCompression, gzip.Header{}))
	f.Add(pack(f, image(400), flate.HuffmanOnly, gzip.Header{Name: "n", Comment: "c", Extra: []byte("e")}))
	f.Add(pack(f, image(100), flate.NoCompression, gzip.Header{}))
	f.Add(append(pack(f, []byte("one"), flate.BestSpeed, gzip.Header{}), pack(f, nil, flate.BestSpeed, gzip.Header{})...))
	f.Add(member("\x4b\x04\x00", "a"))
	f.Fuzz(func(t *testing.T, z []byte) { compare(t, z) })
}

// BenchmarkRead unpacks small pictures, here and with the standard library.
func BenchmarkRead(b *testing.B) {
	want := image(1 << 20)
	z := pack(b, want, flate.BestCompression, gzip.Header{})
	for _, c := range []struct {
		name string
		open func(io.Reader) (io.Reader, error)
	}{
		{"deflate", func(r io.Reader) (io.Reader, error) { return deflate.NewReader(r) }},
		{"std", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(want)))
			for b.Loop() {
				r, err := c.open(bytes.NewReader(z))
				if err == nil {
					_, err = io.Copy(io.Discard, r)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
