package sets

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format/tfrecord"
	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

func texts(name string, v ...string) tfrecord.Feature {
	f := tfrecord.Feature{Name: name, Kind: tfrecord.Bytes}
	for _, s := range v {
		f.Bytes = append(f.Bytes, []byte(s))
	}
	return f
}

func ints(name string, v ...int64) tfrecord.Feature {
	return tfrecord.Feature{Name: name, Kind: tfrecord.Ints, Ints: v}
}

func floats(name string, v ...float32) tfrecord.Feature {
	return tfrecord.Feature{Name: name, Kind: tfrecord.Floats, Floats: v}
}

func records(es ...tfrecord.Example) []byte {
	var b []byte
	for _, e := range es {
		b = tfrecord.Append(b, e.Append(nil))
	}
	return b
}

func fileOf(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read is all rows of a source.
func read(t testing.TB, src data.Source) *data.Batch {
	t.Helper()
	b := data.NewBatch(src.Schema(), src.Len())
	rows := make([]int32, src.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	if err := src.Read(b, rows); err != nil {
		t.Fatal(err)
	}
	return b
}

func shade(t testing.TB, h, w int, c color.Color) string {
	t.Helper()
	var m interface {
		image.Image
		Set(x, y int, c color.Color)
	} = image.NewNRGBA(image.Rect(0, 0, w, h))
	if _, ok := c.(color.Gray); ok {
		m = image.NewGray(image.Rect(0, 0, w, h))
	}
	for i := range h * w {
		m.Set(i%w, i/w, c)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What features become: their types, shapes, names and classes.
func TestTFRecordKinds(t *testing.T) {
	t.Parallel()
	gray, red := shade(t, 2, 1, color.Gray{Y: 9}), shade(t, 1, 1, color.NRGBA{200, 1, 2, 255})
	for _, tc := range []struct {
		name    string
		es      []tfrecord.Example
		o       Options
		x, y    string
		classes []string
	}{
		{"one choice", []tfrecord.Example{{ints("label", 1), floats("v", 1, 2)}, {ints("label", 0), floats("v", 3, 4)}}, Options{},
			"float32[2 2]{1 2 3 4}", "int32[2]{1 0}", []string{"0", "1"}},
		{"without a target", []tfrecord.Example{{ints("a", 7)}, {ints("a", -8)}}, Options{}, "int32[2 1]{7 -8}", "", nil},
		{"text classes", []tfrecord.Example{{texts("c", "dog"), floats("v", 1)}, {texts("c", "cat"), floats("v", 2)}}, Options{Features: []string{"v"}, Label: "c"},
			"float32[2 1]{1 2}", "int32[2]{1 0}", []string{"cat", "dog"}},
		{"numbers", []tfrecord.Example{{floats("c", 0.5), floats("v", 1)}}, Options{Features: []string{"v"}, Label: "c"}, "float32[1 1]{1}", "float32[1 1]{0.5}", nil},
		{"whole numbers", []tfrecord.Example{{floats("v", 1), ints("y", 12)}}, Options{Numbers: true}, "float32[1 1]{1}", "float32[1 1]{12}", nil},
		{"joined", []tfrecord.Example{{ints("a", 3, 4), floats("b", 0.5), ints("y", 0)}}, Options{Features: []string{"b", "a"}}, "float32[1 3]{0.5 3 4}", "int32[1]{0}", []string{"0"}},
		{"raw", []tfrecord.Example{{ints("depth", 1), ints("height", 2), texts("image_raw", "\x01\x02"), ints("label", 0), ints("width", 1)}}, Options{},
			"uint8[1 2 1 1]{1 2}", "int32[1]{0}", []string{"0"}},
		{"shape", []tfrecord.Example{{texts("x", "\x01\x02\x03\x04")}}, Options{Shape: tensor.Shape{2, 2}}, "uint8[1 2 2]{1 2 3 4}", "", nil},
		{"pictures", []tfrecord.Example{{texts("image/encoded", shade(t, 1, 1, color.Gray{Y: 9})), ints("label", 1)}, {texts("image/encoded", red), ints("label", 0)}}, Options{},
			"uint8[2 1 1 3]{9 9 9 200 1 2}", "int32[2]{1 0}", []string{"0", "1"}},
		{"resized", []tfrecord.Example{{texts("image/encoded", gray)}}, Options{Images: images.Options{Height: 1, Width: 2}}, "uint8[1 1 2 1]{9 9}", "", nil},
	} {
		for name, b := range map[string][]byte{"plain": records(tc.es...), "train-00000-of-00001.gz": zip(records(tc.es...))} {
			s, err := OpenPath(fileOf(t, name, b), tc.o)
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
				continue
			}
			got := read(t, s.Train)
			if x := got.X[0].String(); x != tc.x {
				t.Errorf("%s: x is %s, want %s", tc.name, x, tc.x)
			}
			if y := fmt.Sprint(got.Y); tc.y != "" && y != "["+tc.y+"]" || tc.y == "" && len(got.Y) > 0 {
				t.Errorf("%s: y is %s, want %s", tc.name, y, tc.y)
			}
			if diff := cmp.Diff(tc.classes, s.Train.Schema().Classes); diff != "" {
				t.Errorf("%s: classes: %s", tc.name, diff)
			}
			if again := read(t, s.Train); again.X[0].String() != tc.x {
				t.Errorf("%s: read again x is %v", tc.name, again.X[0])
			}
		}
	}
}

// What is refused, where, and what is said of it.
func TestTFRecordErrors(t *testing.T) {
	t.Parallel()
	v := tfrecord.Example{floats("v", 1, 2), ints("y", 1)}
	first := int64(len(records(v)))
	for want, tc := range map[string]struct {
		b []byte
		o Options
	}{
		`say which features are the input with data.feature=, and which is the target with data.label=; there are "a" (int64_list of 1), "b" (bytes_list of 1)`: {
			b: records(tfrecord.Example{ints("a", 1), texts("b", "x")})},
		`there is no feature "w"; there are "v" (float_list of 2), "y" (int64_list of 1)`: {b: records(v), o: Options{Features: []string{"w"}}},
		`feature "v" is named twice`: {b: records(v), o: Options{Features: []string{"v", "v"}}},
		`feature "v" is the target`:  {b: records(v), o: Options{Features: []string{"v"}, Label: "v"}},
		`there is no feature "z"`:    {b: records(v), o: Options{Label: "z", Features: []string{"v"}}},
		fmt.Sprintf(`record 1 at byte %d: feature "v" has 1 values here, and 2 in the`, first):                        {b: records(v, tfrecord.Example{floats("v", 1), ints("y", 1)})},
		fmt.Sprintf(`record 1 at byte %d: feature "v" is a int64_list here, and a float`, first):                      {b: records(v, tfrecord.Example{ints("v", 1, 2), ints("y", 1)})},
		fmt.Sprintf(`record 1 at byte %d: feature "v" has no value here`, first):                                      {b: records(v, tfrecord.Example{{Name: "v"}, ints("y", 1)})},
		fmt.Sprintf(`record 1 at byte %d: no tf.train.Example`, first):                                                {b: tfrecord.Append(records(v), []byte{0xff})},
		fmt.Sprintf(`record 1 at byte %d: it declares 33 bytes, more than the file can hold: it is truncated`, first): {b: records(v, v)[:first+20]},
		"the file holds no records":                                                                {b: zip(nil)},
		`record 0 at byte 0: the checksum of its length is wrong`:                                  {b: make([]byte, 40)},
		`a row of feature "v" has 2 values, which are not of shape [3]; say it with input=`:        {b: records(v), o: Options{Shape: tensor.Shape{3}}},
		`label -1 of row 0 is out of range`:                                                        {b: records(tfrecord.Example{floats("v", 1), ints("y", -1)})},
		`label "y" is text: want numbers to predict`:                                               {b: records(tfrecord.Example{floats("v", 1), texts("y", "a")}), o: Options{Numbers: true}},
		`feature "x": a picture of 1×3 pixels, but the first has 1×2: bring all to one size with`:  {b: records(tfrecord.Example{texts("x", shade(t, 2, 1, color.White))}, tfrecord.Example{texts("x", shade(t, 3, 1, color.White))})},
		`feature "x": no PNG or JPEG picture`:                                                      {b: records(tfrecord.Example{texts("x", shade(t, 2, 1, color.White))}, tfrecord.Example{texts("x", "no")})},
		`feature "b" holds bytes, which are no numbers to be joined with those of others: name it`: {b: records(tfrecord.Example{ints("a", 1), texts("b", "x")}), o: Options{Features: []string{"a", "b"}}},
	} {
		path := fileOf(t, "f.tfrecord", tc.b)
		_, err := OpenPath(path, tc.o)
		if e, ok := errors.AsType[*data.Error](err); !ok || e.Path != path || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A picture whose header is whole is found to be damaged when it is read.
func TestTFRecordDamagedPicture(t *testing.T) {
	t.Parallel()
	good := shade(t, 20, 20, color.White)
	s, err := OpenPath(fileOf(t, "f.tfrecord", records(tfrecord.Example{texts("x", good)}, tfrecord.Example{texts("x", good[:len(good)-30])})), Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Train.Read(data.NewBatch(s.Train.Schema(), 1), []int32{1})
	if e, ok := errors.AsType[*data.Error](err); !ok || !strings.Contains(e.Error(), "f.tfrecord: record 1: a damaged or truncated picture") {
		t.Errorf("got %v", err)
	}
}

// Files written by TensorFlow.
func TestTFRecordFiles(t *testing.T) {
	t.Parallel()
	s, err := OpenPath(shared.File(t, "data/tfrecord/mnist_1000.tfrecord"), Options{Features: []string{"image_floats"}, Label: "image_class", Shape: tensor.Shape{28, 28, 1}})
	if err != nil {
		t.Fatal(err)
	}
	b := read(t, s.Train)
	if b.N != 1000 || !b.X[0].Shape().Equal(tensor.Shape{1000, 28, 28, 1}) || len(s.Train.Schema().Classes) != 10 || b.Y[0].Int32s()[0] != 9 {
		t.Errorf("%d rows of shape %v, classes %q, the first is %d", b.N, b.X[0].Shape(), s.Train.Schema().Classes, b.Y[0].Int32s()[0])
	}
	for _, v := range b.X[0].Float32s() {
		if v < -0.5 || v > 0.5 {
			t.Fatalf("a pixel is %v", v)
		}
	}
	s, err = OpenPath(shared.File(t, "data/tfrecord/taxi_examples.tfrecord.gz"), Options{Features: []string{"trip_miles", "fare"}, Label: "tips"})
	if err != nil {
		t.Fatal(err)
	}
	b = read(t, s.Train)
	if x, y := b.X[0].Rows(0, 2).String(), b.Y[0].Rows(0, 2).String(); x != "float32[2 2]{22 8.05 0.6 4.45}" || y != "float32[2 1]{0 0}" {
		t.Errorf("the first rides are %s, %s", x, y)
	}
	s, err = OpenPath(shared.File(t, "data/tfrecord/contacts.tfrecord"), Options{Features: []string{"id"}, Label: "name"})
	if err != nil {
		t.Fatal(err)
	}
	if b = read(t, s.Train); b.X[0].String() != "int32[1 1]{123}" || s.Train.Schema().Classes[0] != "Alice" {
		t.Errorf("got %v, %q", b.X[0], s.Train.Schema().Classes)
	}
}

// Rows come out as they went in.
func TestTFRecordProperty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "width")
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.Float32(), width, width), 1, 6).Draw(t, "rows")
		var es []tfrecord.Example
		for i, r := range rows {
			es = append(es, tfrecord.Example{floats("v", r...), ints("y", int64(i))})
		}
		path := filepath.Join(dir, "p.tfrecord")
		if err := os.WriteFile(path, records(es...), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenPath(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := data.NewBatch(s.Train.Schema(), len(rows))
		for i := range rows {
			if err := s.Train.Read(b, []int32{int32(i)}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rows[i], b.X[0].Float32s()[:width]); diff != "" || b.Y[0].Int32s()[0] != int32(i) {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzTFRecord(f *testing.F) {
	f.Add(tfrecord.Example{texts("x", shade(f, 2, 1, color.White)), ints("y", 1)}.Append(nil))
	f.Add(tfrecord.Example{floats("v", 1, 2), texts("y", "a")}.Append(nil))
	f.Add(tfrecord.Example{ints("height", 1), texts("image", "abc"), ints("width", 1), ints("channels", 3)}.Append(nil))
	f.Fuzz(func(t *testing.T, example []byte) {
		b := tfrecord.Append(tfrecord.Append(nil, example), example)
		s, err := OpenPath(fileOf(t, "f.tfrecord", b), Options{})
		if err != nil {
			return
		}
		if s.Train.Schema().Inputs[0].Shape.Len() > 1<<20 {
			return
		}
		if err := s.Train.Read(data.NewBatch(s.Train.Schema(), 2), []int32{0, 1}); err != nil && len(err.Error()) < 12 {
			t.Errorf("%q is no error for a person", err)
		}
	})
}

// TestTFRecordShards reads several files as one, however they are named.
func TestTFRecordShards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	row := func(v float32, y int64) tfrecord.Example { return tfrecord.Example{floats("v", v), ints("label", y)} }
	for i := range 3 {
		put(fmt.Sprintf("train-%05d-of-00003", i), records(row(float32(i), int64(i%2)), row(float32(i)+0.5, 1)))
		put(fmt.Sprintf("part%d.tfrecord.gz", i), zip(records(row(float32(i), int64(i%2)), row(float32(i)+0.5, 1))))
		if i != 1 {
			put(fmt.Sprintf("gone-%05d-of-00003", i), records(row(1, 0)))
		}
	}
	const want = "float32[6 1]{0 0.5 1 1.5 2 2.5}"
	prints := map[string]bool{}
	for _, name := range []string{"train@3", "train-00001-of-00003", "train-*", "part?.tfrecord.gz", "*.tfrecord.gz"} {
		s, err := OpenPath(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if x := read(t, s.Train).X[0].String(); x != want {
			t.Errorf("%s: %s, want %s", name, x, want)
		}
		if s.Name == "" || !s.Records {
			t.Errorf("%s: %+v", name, s)
		}
		prints[s.Fingerprint] = true
	}
	if len(prints) != 1 { // compressed or not
		t.Errorf("fingerprints %v", prints)
	}
	put("bad-00000-of-00002", records(row(1, 0)))
	bad := records(row(1, 0))
	bad[len(bad)-1] ^= 1
	put("bad-00001-of-00002", bad)
	for name, want := range map[string]string{
		"gone@3": "gone-00001-of-00003 are not there", "gone-00000-of-00003": "gone-00001-of-00003 are not there", "none*": "no file matches", "[": "pattern",
		"bad@2": "bad-00001-of-00002: record 0",
	} {
		if _, err := OpenPath(filepath.Join(dir, name), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", name, want, err)
		}
	}
}
