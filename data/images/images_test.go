package images_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"log"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func encode(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// flat is a picture of one shade.
func flat(w, h int, shade uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = shade
	}
	return encode(m)
}

// red is a picture of one color.
func red(w, h int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(m.Pix); i += 4 {
		copy(m.Pix[i:], []uint8{200, 10, 0, 255})
	}
	return encode(m)
}

// folder writes files by their path.
func folder(tb testing.TB, files map[string][]byte) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "pictures")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for class, shade := range map[string]uint8{"day": 250, "night": 5} {
		_ = os.Mkdir(filepath.Join(dir, class), 0o777)
		_ = os.WriteFile(filepath.Join(dir, class, "1.png"), flat(2, 2, shade), 0o666)
	}
	pictures, err := images.Open(dir, images.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(pictures.Schema().Classes)
	for b, err := range data.Batches(pictures, 2, data.Order{}) {
		fmt.Println(b.X[0], b.Y[0], err)
	}
	// Output:
	// [day night]
	// uint8[2 2 2 1]{250 250 250 250 5 5 5 5} int32[2]{0 1} <nil>
}

func ExampleDecode() {
	m, err := images.Decode(bytes.NewReader(red(1, 2)))
	fmt.Println(m, err)
	// Output: uint8[2 1 3]{200 10 0 200 10 0} <nil>
}

func TestDecodeIsWhatTheImageHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 6).Draw(t, "w"), rapid.IntRange(1, 6).Draw(t, "h")
		r := image.Rect(0, 0, w, h)
		kinds := []draw.Image{
			image.NewGray(r), image.NewGray16(r), image.NewNRGBA(r), image.NewRGBA64(r),
			image.NewPaletted(r, color.Palette{color.Gray{0}, color.Gray{99}, color.Gray{255}}),
			image.NewPaletted(r, color.Palette{color.Gray{0}, color.NRGBA{1, 2, 3, 255}}),
		}
		k := rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")
		m := kinds[k]
		for y := range h {
			for x := range w {
				v := rapid.Uint32().Draw(t, "pixel")
				m.Set(x, y, color.NRGBA{uint8(v), uint8(v >> 8), uint8(v >> 16), 255})
			}
		}
		channels := 3
		if k == 0 || k == 1 || k == 4 {
			channels = 1
		}
		got, err := images.Decode(bytes.NewReader(encode(m)))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Shape().Equal(tensor.Shape{h, w, channels}) {
			t.Fatalf("kind %d: shape %v", k, got.Shape())
		}
		for y := range h {
			for x := range w {
				r, g, b, _ := m.At(x, y).RGBA()
				for c, want := range []uint32{r, g, b}[:channels] {
					if v := got.At(y, x, c); v != float64(want>>8) {
						t.Fatalf("kind %d: pixel %d,%d channel %d is %v, want %d", k, x, y, c, v, want>>8)
					}
				}
			}
		}
	})
}

// oriented is a JPEG picture with an Exif header that says how it is to be turned.
func oriented(order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}, mark string, turn uint16) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		panic(err)
	}
	exif := append([]byte("Exif\x00\x00"), mark...)
	exif = order.AppendUint16(exif, 42)
	exif = order.AppendUint32(exif, 8)
	exif = order.AppendUint16(exif, 2) // entries: a width and the orientation
	for _, e := range [][2]uint16{{0x0100, 8}, {0x0112, turn}} {
		exif = order.AppendUint16(exif, e[0])
		exif = order.AppendUint16(exif, 3)
		exif = order.AppendUint32(exif, 1)
		exif = append(order.AppendUint16(exif, e[1]), 0, 0)
	}
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(exif)+2))
	return append(append(append([]byte{0xff, 0xd8}, head...), exif...), b.Bytes()[2:]...)
}

func TestOrientation(t *testing.T) {
	t.Parallel()
	for turn := range uint16(10) {
		want := int(turn)
		if turn < 1 || turn > 8 {
			want = 1
		}
		for i, b := range [][]byte{oriented(binary.BigEndian, "MM", turn), oriented(binary.LittleEndian, "II", turn)} {
			if got := images.Orientation(bytes.NewReader(b)); got != want {
				t.Errorf("orientation %d, %d: %d", turn, i, got)
			}
			if _, err := images.Decode(bytes.NewReader(b)); err != nil {
				t.Error(err)
			}
			for n := range b { // wherever it is cut off
				if got := images.Orientation(bytes.NewReader(b[:n])); got != 1 && got != want {
					t.Errorf("%d bytes: %d", n, got)
				}
			}
		}
	}
	if got := images.Orientation(bytes.NewReader(flat(3, 3, 1))); got != 1 {
		t.Errorf("a PNG picture: %d", got)
	}
}

func TestDecodeJPEG(t *testing.T) {
	t.Parallel()
	var gray, colored bytes.Buffer
	m, _, err := image.Decode(bytes.NewReader(flat(9, 8, 77)))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := image.Decode(bytes.NewReader(red(9, 8)))
	if err != nil {
		t.Fatal(err)
	}
	for w, m := range map[*bytes.Buffer]image.Image{&gray: m, &colored: c} {
		if err := jpeg.Encode(w, m, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		b    []byte
		want []float64
	}{{gray.Bytes(), []float64{77}}, {colored.Bytes(), []float64{200, 10, 0}}} {
		got, err := images.Decode(bytes.NewReader(c.b))
		if err != nil || !got.Shape().Equal(tensor.Shape{8, 9, len(c.want)}) {
			t.Fatalf("%v, %v", got, err)
		}
		for k, want := range c.want {
			if v := got.At(3, 4, k); math.Abs(v-want) > 3 {
				t.Errorf("channel %d is %v, want %v", k, v, want)
			}
		}
	}
}

func TestDecodeDropsAlpha(t *testing.T) {
	t.Parallel()
	m := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	copy(m.Pix, []uint8{9, 8, 7, 6})
	got, err := images.Decode(bytes.NewReader(encode(m)))
	if err != nil || got.String() != "uint8[1 1 3]{9 8 7}" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good := flat(40, 40, 1)
	huge := bytes.Clone(good)
	binary.BigEndian.PutUint32(huge[16:], 1<<30) // the width; its checksum no longer fits either
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("a cat"), "header": good[:20], "body": good[:len(good)-20], "huge": huge} {
		if _, err := images.Decode(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestResizeKeepsAFlatPicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20)
		h, w, c := size.Draw(t, "h"), size.Draw(t, "w"), rapid.SampledFrom([]int{1, 3}).Draw(t, "c")
		v := rapid.Byte().Draw(t, "shade")
		m := tensor.New(tensor.Uint8, h, w, c)
		for i := range m.Uint8s() {
			m.Uint8s()[i] = v
		}
		th, tw := size.Draw(t, "height"), size.Draw(t, "width")
		got, err := images.Resize(m, th, tw)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Shape().Equal(tensor.Shape{th, tw, c}) {
			t.Fatalf("shape %v", got.Shape())
		}
		for _, g := range got.Uint8s() {
			if g != v {
				t.Fatalf("shade %d became %d", v, g)
			}
		}
	})
}

func TestResizeIsPillows(t *testing.T) {
	t.Parallel()
	// Image.fromarray(a).resize((width, height), Image.BILINEAR), Pillow 9.4
	ramp := []uint8{0, 50, 100, 150, 200, 250, 10, 60, 110, 160, 210, 255}
	for _, c := range []struct {
		h, w, height, width int
		want                []uint8
	}{
		{3, 4, 2, 2, []uint8{95, 96, 164, 164}},
		{3, 4, 6, 5, []uint8{0, 35, 75, 115, 150, 50, 85, 89, 93, 128, 150, 185, 116, 48, 83, 178, 213, 144, 75, 109, 133, 168, 171, 174, 206, 110, 145, 185, 223, 255}},
		{2, 6, 1, 4, []uint8{24, 94, 166, 235}},
		{4, 3, 3, 7, []uint8{45, 52, 74, 95, 116, 138, 145, 80, 87, 109, 130, 151, 173, 180, 115, 122, 144, 165, 185, 205, 212}},
	} {
		got, err := images.Resize(tensor.Of(ramp, c.h, c.w, 1), c.height, c.width)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got.Uint8s()[i] != want {
				t.Errorf("%dx%d to %dx%d: got %v, want %v", c.h, c.w, c.height, c.width, got.Uint8s(), c.want)
				break
			}
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	t.Parallel()
	m := tensor.New(tensor.Uint8, 2, 2, 1)
	for _, s := range [][2]int{{0, 1}, {1, 0}, {-1, -1}, {1 << 20, 1 << 20}} {
		if _, err := images.Resize(m, s[0], s[1]); err == nil {
			t.Errorf("resized to %v", s)
		}
	}
	for _, m := range []*tensor.Tensor{tensor.New(tensor.Uint8, 2, 2), tensor.New(tensor.Float32, 2, 2, 1), tensor.New(tensor.Uint8, 0, 2, 1)} {
		if _, err := images.Resize(m, 1, 1); err == nil {
			t.Errorf("resized %v of %v", m.DType(), m.Shape())
		}
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string][]byte{
		"b/2.png": flat(3, 2, 20), "b/10.PNG": flat(3, 2, 10), "a/x.png": flat(3, 2, 1),
		"a/.hidden.png": nil, ".git/config": nil, "readme.txt": nil, "b/notes.txt": nil,
	})
	for name, cache := range map[string]int64{"all kept": 0, "one kept": 8, "none kept": -1} {
		f, err := images.Open(dir, images.Options{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		want := data.Schema{
			Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{2, 3, 1}}},
			Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
			Classes: []string{"a", "b"},
		}
		if diff := cmp.Diff(want, f.Schema()); diff != "" {
			t.Error(diff)
		}
		if f.Other != 2 || f.Len() != 3 || filepath.Base(f.Path(1)) != "10.PNG" {
			t.Errorf("%d others, %d pictures, the second is %s", f.Other, f.Len(), f.Path(1))
		}
		labels, _ := data.Labels(f)
		if diff := cmp.Diff([]int32{0, 1, 1}, labels); diff != "" {
			t.Error(diff)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				b := data.NewBatch(f.Schema(), 3)
				for range 3 {
					if err := f.Read(b, []int32{2, 0, 1}); err != nil {
						t.Error(err)
						return
					}
					x := b.X[0].Uint8s()
					if diff := cmp.Diff([]uint8{20, 1, 10}, []uint8{x[0], x[6], x[17]}); diff != "" {
						t.Errorf("%s: %s", name, diff)
					}
				}
			})
		}
		wg.Wait()
		if err := f.Read(data.NewBatch(f.Schema(), 1), []int32{3}); err == nil {
			t.Error("row 3 of 3 was read")
		}
	}
}

func TestFolderOfGrayAndColor(t *testing.T) {
	t.Parallel()
	f, err := images.Open(folder(t, map[string][]byte{"a/1.png": flat(2, 1, 5), "b/1.png": red(2, 1)}), images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch(f.Schema(), 2)
	if err := f.Read(b, []int32{0, 1}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uint8{5, 5, 5, 5, 5, 5, 200, 10, 0, 200, 10, 0}, b.X[0].Uint8s()); diff != "" {
		t.Error(diff)
	}
}

func TestFolderResizes(t *testing.T) {
	t.Parallel()
	f, err := images.Open(folder(t, map[string][]byte{"a/1.png": flat(7, 3, 5), "b/1.png": flat(2, 9, 6)}), images.Options{Height: 2, Width: 4})
	if err != nil {
		t.Fatal(err)
	}
	b := data.NewBatch(f.Schema(), 2)
	if err := f.Read(b, []int32{0, 1}); err != nil {
		t.Fatal(err)
	}
	if got := b.X[0].String(); got != "uint8[2 2 4 1]{5 5 5 5 5 5 5 5 …}" {
		t.Error(got)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	one := flat(2, 2, 1)
	for want, files := range map[string]map[string][]byte{
		"no pictures":          {"readme.txt": nil},
		"but no class":         {"1.png": one, "2.jpg": one},
		"only one class":       {"a/1.png": one},
		"without a picture":    {"a/1.png": one, "b/notes.txt": nil},
		"folder inside":        {"a/1.png": one, "b/c/1.png": one},
		"different sizes":      {"a/1.png": one, "b/1.png": flat(2, 3, 1)},
		"no PNG or JPEG":       {"a/1.png": one, "b/1.png": []byte("text")},
		"damaged or truncated": {"a/1.png": one, "b/1.png": one[:20]},
	} {
		_, err := images.Open(folder(t, files), images.Options{})
		if _, ok := errors.AsType[*data.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want …%s…", err, want)
		}
	}
	if _, err := images.Open(filepath.Join(t.TempDir(), "absent"), images.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := images.Open(t.TempDir(), images.Options{Height: 3}); err == nil {
		t.Error("a height without a width was taken")
	}
}

func TestDifferentSizesNameBothFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string][]byte{"a/small.png": flat(2, 2, 1), "b/large.png": flat(9, 2, 1)})
	_, err := images.Open(dir, images.Options{})
	if err == nil || !strings.Contains(err.Error(), "small.png has 2×2") || !strings.Contains(err.Error(), "large.png has 9×2") {
		t.Error(err)
	}
}

func TestAPictureDamagedInItsBodyIsNamed(t *testing.T) {
	t.Parallel()
	b := flat(30, 30, 3)
	dir := folder(t, map[string][]byte{"a/1.png": b, "b/bad.png": b[:len(b)-20]})
	f, err := images.Open(dir, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = f.Read(data.NewBatch(f.Schema(), 2), []int32{0, 1})
	if e, ok := errors.AsType[*data.Error](err); !ok || filepath.Base(e.Path) != "bad.png" {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"a/1.png": flat(2, 2, 1), "b/1.png": flat(2, 2, 1)}
	print := func() string {
		f, err := images.Open(folder(t, files), images.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return f.Fingerprint()
	}
	first := print()
	if print() != first {
		t.Error("the same folder elsewhere has another fingerprint")
	}
	files["b/2.png"] = flat(2, 2, 1)
	if print() == first {
		t.Error("a further picture leaves the fingerprint")
	}
}

func TestPhotographs(t *testing.T) {
	t.Parallel()
	f, err := os.Open(shared.File(t, "data/images/cat.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := images.Decode(f)
	if err != nil || !m.Shape().Equal(tensor.Shape{360, 480, 3}) {
		t.Fatalf("%v, %v", m, err)
	}
	small, err := images.Resize(m, 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	mean := func(m *tensor.Tensor) (s float64) {
		for _, v := range m.Uint8s() {
			s += float64(v)
		}
		return s / float64(m.Len())
	}
	if a, b := mean(m), mean(small); math.Abs(a-b) > 1 {
		t.Errorf("the mean goes from %v to %v", a, b)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(flat(3, 3, 9))
	f.Add(red(2, 2))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(flat(40, 40, 1)[:50])
	f.Add(oriented(binary.LittleEndian, "II", 6))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o := images.Orientation(bytes.NewReader(b)); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
		// Larger pictures are right, and slow to fuzz.
		if s, err := images.Size(bytes.NewReader(b)); err != nil || s.Len() > 1<<16 {
			return
		}
		m, err := images.Decode(bytes.NewReader(b))
		if err == nil && (m.DType() != tensor.Uint8 || len(m.Shape()) != 3) {
			t.Errorf("%v of %v", m.DType(), m.Shape())
		}
	})
}
