package csv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/internal/rng"
)

// rows reads all of a source: inputs, targets and weights of each row.
func rows(t testing.TB, s data.Source) (x [][]float32, y []float32, weight []float32) {
	t.Helper()
	for b, err := range data.Batches(s, 7, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		w := s.Schema().Inputs[0].Shape[0]
		for i := range b.N {
			x = append(x, append([]float32(nil), b.X[0].Float32s()[i*w:(i+1)*w]...))
			for _, v := range b.Y {
				y = append(y, float32(v.Flat(i)))
			}
		}
		weight = append(weight, b.Weight...)
	}
	return x, y, weight
}

func load(t testing.TB, content string, o csv.Options) *csv.Source {
	t.Helper()
	s, err := csv.Load([]byte(content), o, false, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const shop = "\ufeffsize,color,price,sold\r\n" +
	"1,red,\"2,5\",yes\r\n" +
	"?, blue ,3,no\r\n" +
	"4,NA,4,yes\r\n" +
	"7,red,,no\r\n"

func Example() {
	path := filepath.Join(os.TempDir(), "nadir-example.csv")
	defer os.Remove(path)
	text := "length,color,kind\n1.5,red,a\n,blue,b\n2.5,red,b\n3.5,,a\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fmt.Println(err)
	}
	s, err := csv.Open(path, csv.Options{Label: "kind"})
	if err != nil {
		fmt.Println(err)
	}
	defer s.Close()
	b := data.NewBatch(s.Schema(), 4)
	if err := s.Read(b, []int32{0, 1, 2, 3}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(s.Schema().Classes)
	for i := range 4 {
		fmt.Println(b.X[0].Float32s()[i*4:i*4+4], b.Y[0].Int32s()[i])
	}
	// Output:
	// [a b]
	// [1.5 0 1 0] 0
	// [2.5 1 0 0] 1
	// [2.5 0 1 0] 1
	// [3.5 0 0 1] 0
}

func ExampleTable_Encode() {
	t := csv.Table{Header: true, Columns: []csv.Column{
		{Name: "length", Kind: csv.Number, Median: 2},
		{Name: "color", Kind: csv.Category, Categories: []string{"blue", "red"}},
		{Name: "kind", Kind: csv.Label},
	}}
	x := make([]float32, t.Width())
	fmt.Println(t.Encode([]string{"color", "length"}, []string{"red", "?"}, x), x)
	fmt.Println(t.Encode(nil, []string{"3", "rod"}, x))
	// Output:
	// <nil> [2 0 1]
	// cell 2: column "color" has no category "rod"; did you mean "red" or "blue"?
}

func TestColumns(t *testing.T) {
	t.Parallel()
	s := load(t, strings.Replace(shop, `"2,5"`, `"2"`, 1), csv.Options{})
	x, y, w := rows(t, s)
	want := [][]float32{
		{1, 0, 1, 0, 2},
		{4, 1, 0, 0, 3},
		{4, 0, 0, 1, 4},
		{7, 0, 1, 0, 3},
	}
	if d := cmp.Diff(want, x); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]float32{1, 0, 1, 0}, y); d != "" {
		t.Error(d)
	}
	if w != nil {
		t.Errorf("weights %v of a file without", w)
	}
	if d := cmp.Diff([]string{
		`label "sold": 2 classes`,
		`column "size": 1 missing, taken for the training median 4`,
		`column "color": 1 missing, taken for a category of their own`,
		`column "price": 1 missing, taken for the training median 3`,
	}, s.Notes()); d != "" {
		t.Error(d)
	}
}

func TestDelimiters(t *testing.T) {
	t.Parallel()
	want, wantY, _ := rows(t, load(t, "a,b,c\n1,2,x\n3,4,y\n1,2,x\n3,4,y\n", csv.Options{}))
	for _, d := range []string{";", "\t", "|"} {
		text := strings.ReplaceAll("a,b,c\n1,2,x\n3,\"4\",y\n1,2,x\n\n3,4,y", ",", d)
		o := csv.Options{}
		if d == "|" {
			o.Delimiter = '|'
		}
		x, y, _ := rows(t, load(t, text, o))
		if diff := cmp.Diff(want, x) + cmp.Diff(wantY, y); diff != "" {
			t.Errorf("delimiter %q: %s", d, diff)
		}
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text   string
		o      csv.Options
		header bool
		rows   int
	}{
		{"a,b\n1,2\n3,4\n", csv.Options{}, true, 2},
		{"1,2\n3,4\n", csv.Options{}, false, 2},
		{"x,2\ny,4\nx,3\n", csv.Options{}, false, 3},
		{"color,shape\nred,round\nblue,flat\nred,round\nblue,flat\n", csv.Options{}, true, 4},
		{"red,round\nblue,flat\nred,round\nblue,flat\n", csv.Options{}, false, 4},
		{"1,2\n3,4\n5,6\n", csv.Options{Header: csv.Present}, true, 2},
		{"?,2\n1,3\n", csv.Options{}, false, 2},
		{"a,b\n?,2\n1,3\n", csv.Options{}, true, 2},
		{"1,nan-like\n1,flat\n2,flat\n3,nan-like\n", csv.Options{Header: csv.Absent}, false, 4},
	} {
		s := load(t, c.text, c.o)
		if s.Table().Header != c.header || s.Len() != c.rows {
			t.Errorf("%q: header %v and %d rows, want %v and %d", c.text, s.Table().Header, s.Len(), c.header, c.rows)
		}
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	const text = "a,b,kind,2\n1,5,x,0\n2,6.5,y,1\n3,7,x,1\n4,8,y,1\n5,9,x,0\n6,9,y,0\n"
	for _, c := range []struct {
		o       csv.Options
		label   string
		classes []string
	}{
		{csv.Options{}, "2", []string{"0", "1"}},
		{csv.Options{Label: "kind"}, "kind", []string{"x", "y"}},
		{csv.Options{Label: "2"}, "2", []string{"0", "1"}}, // a name before a place
		{csv.Options{Label: "1"}, "b", nil},
		{csv.Options{Label: "-2"}, "kind", []string{"x", "y"}},
		{csv.Options{Label: "a"}, "a", nil}, // all different
		{csv.Options{Label: "a", Task: csv.Classification}, "a", []string{"1", "2", "3", "4", "5", "6"}},
		{csv.Options{Task: csv.Regression}, "2", nil},
		{csv.Options{Ignore: []string{"-1"}}, "kind", []string{"x", "y"}},
		{csv.Options{Weight: "3"}, "kind", []string{"x", "y"}},
	} {
		s := load(t, text, c.o)
		for _, col := range s.Table().Columns {
			if (col.Kind == csv.Label) != (col.Name == c.label) {
				t.Errorf("%+v: column %q is %s, want the label %q", c.o, col.Name, col.Kind, c.label)
			}
		}
		if d := cmp.Diff(c.classes, s.Schema().Classes); d != "" {
			t.Errorf("%+v: classes: %s", c.o, d)
		}
	}
}

func TestNumericClassesInOrder(t *testing.T) {
	t.Parallel()
	s := load(t, "x,y\n1,10\n2,9\n3,10.0\n4,9\n5,-1\n6,-1\n7,9\n8,9\n", csv.Options{})
	if d := cmp.Diff([]string{"-1", "9", "10"}, s.Schema().Classes); d != "" {
		t.Error(d)
	}
	if _, y, _ := rows(t, s); !cmp.Equal(y, []float32{2, 1, 2, 1, 0, 0, 1, 1}) {
		t.Errorf("classes %v", y)
	}
}

func TestWeight(t *testing.T) {
	t.Parallel()
	s := load(t, "a,w,y\n1,0.5,x\n2,2,y\n3,0,x\n4,1,y\n", csv.Options{Weight: "w"})
	x, _, w := rows(t, s)
	if !cmp.Equal(w, []float32{0.5, 2, 0, 1}) || !cmp.Equal(x, [][]float32{{1}, {2}, {3}, {4}}) {
		t.Errorf("weights %v, inputs %v", w, x)
	}
}

// Medians are of the training rows alone.
func TestFit(t *testing.T) {
	t.Parallel()
	const text = "a,y\n1,0.5\n?,1.5\n3,1\n100,1\n200,2\n"
	for _, disk := range []bool{false, true} {
		s, err := csv.Load([]byte(text), csv.Options{}, disk, 8, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			rows []int32
			want float32
		}{{nil, 51.5}, {[]int32{0, 1, 2}, 2}, {[]int32{4, 2, 3, 1}, 100}} {
			if err := s.Fit(c.rows); err != nil {
				t.Fatal(err)
			}
			if x, _, _ := rows(t, s); x[1][0] != c.want || s.Table().Columns[0].Median != c.want {
				t.Errorf("median of rows %v is %v, want %v", c.rows, x[1][0], c.want)
			}
		}
		var e *data.Error
		if err := s.Fit([]int32{1}); !errors.As(err, &e) || !strings.Contains(err.Error(), `column "a" has no number in the training rows`) {
			t.Errorf("a median of nothing: %v", err)
		}
		if s.Fit([]int32{5}) == nil {
			t.Error("row 5 of 5 was taken")
		}
	}
}

// A sampled median lies near the exact one, and the sample within its bound.
func TestSampledMedian(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("a,y\n")
	r := rng.New(1, 0)
	for range 20000 {
		fmt.Fprintf(&text, "%.4f,%v\n", r.Float64(), r.Float64())
	}
	s, err := csv.Load([]byte(text.String()), csv.Options{}, true, 64, 4000)
	if err != nil {
		t.Fatal(err)
	}
	if m := float64(s.Table().Columns[0].Median); math.Abs(m-0.5) > 0.06 { // 4 deviations of 1000 numbers
		t.Errorf("the median of a uniform column is %v", m)
	}
	half := make([]int32, 10000)
	for i := range half {
		half[i] = int32(2 * i)
	}
	if err := s.Fit(half); err != nil {
		t.Error(err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	train := load(t, strings.Replace(shop, `"2,5"`, `"2"`, 1), csv.Options{})
	table := train.Table()
	open := func(text string) (*csv.Source, error) {
		return csv.Load([]byte(text), csv.Options{Table: table}, false, 0, 0)
	}
	s, err := open("id,sold,price,color,size\n9,no,1,blue,\n8,yes,?,,5\n")
	if err != nil {
		t.Fatal(err)
	}
	x, y, _ := rows(t, s)
	if d := cmp.Diff([][]float32{{4, 1, 0, 0, 1}, {5, 0, 0, 1, 3}}, x); d != "" {
		t.Error(d)
	}
	if !cmp.Equal(y, []float32{0, 1}) {
		t.Errorf("targets %v", y)
	}
	if d := cmp.Diff([]string{
		`column "id" is unknown to the model and was not read`,
		`column "size": 1 missing, taken for the training median 4`,
		`column "color": 1 missing, taken for a category of their own`,
		`column "price": 1 missing, taken for the training median 3`,
	}, s.Notes()); d != "" {
		t.Error(d)
	}
	if s.Fit(nil) == nil {
		t.Error("medians of another file than the training data were taken")
	}
	for _, text := range []string{"color,price,size\nred,2,1\nblue,3,2\n", "1,red,2\n2,blue,3\n"} {
		s, err = open(text)
		if err != nil {
			t.Fatal(err)
		}
		if x, y, _ = rows(t, s); !cmp.Equal(x[0], []float32{1, 0, 1, 0, 2}) || y != nil || len(s.Schema().Targets) != 0 {
			t.Errorf("%q without label: %v and targets %v", text, x[0], y)
		}
	}
	// A row of texts alone is no header where the columns' names are known.
	texts := load(t, "color,shape,kind\nred,round,a\nblue,flat,b\nred,flat,a\nblue,round,b\n", csv.Options{})
	s, err = csv.Load([]byte("red,flat,b\n"), csv.Options{Table: texts.Table()}, false, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if x, y, _ = rows(t, s); !cmp.Equal(x, [][]float32{{0, 1, 1, 0}}) || !cmp.Equal(y, []float32{1}) {
		t.Errorf("a single row of texts reads %v, class %v", x, y)
	}
	for text, want := range map[string]string{
		"size,color,price,sold\n1,rde,2,no\n":   `t.csv:2:3: column "color" has no category "rde"; did you mean "red"`,
		"size,color,price,sold\n1,red,2,nope\n": `t.csv:2:9: the label "nope" is none of the classes; did you mean "no"`,
		"size,colour,price,sold\n1,red,2,no\n":  `column "color", an input of the model, is not in the header; did you mean "colour"`,
		"size,color,price,sold\nbig,red,2,no\n": `column "size" holds numbers, not "big"`,
		"1,red,2,no,5,6\n1,blue,2,no,5,6\n":     `the row has 6 cells, want the 4 of the data`,
	} {
		var e *data.Error
		if _, err := open(text); !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v, want\n%s", text, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	names := "name,x,y\n"
	for i := range 30 {
		names += fmt.Sprintf("n%d,%d,%d\n", i, i, i%2)
	}
	slip := "x,y\n"
	for i := range 30 {
		slip += fmt.Sprintf("%d,%d\n", i, i%2)
	}
	slip += "1o,1\n"
	for _, c := range []struct {
		text string
		o    csv.Options
		want string
	}{
		{"", csv.Options{}, "t.csv: the file is empty"},
		{"\ufeff", csv.Options{}, "t.csv: the file is empty"},
		{"\n\r\n", csv.Options{}, "t.csv: the file is empty"},
		{"a,b\n", csv.Options{}, "t.csv:1: a header and no rows"},
		{"a,b,a\n1,2,3\n", csv.Options{}, `t.csv:1:5: columns 0 and 2 are both called "a"`},
		{"a,b\n1,2\n3,4,5\n", csv.Options{}, "t.csv:3:5: the row has 3 cells, the rows before it 2"},
		{"a,b\n1,2\n3\n", csv.Options{}, "t.csv:3:1: the row has 1 cells, the rows before it 2"},
		{"a,b\n1,2\n3,nan\n", csv.Options{}, `t.csv:3:3: column "b": "nan" is not a finite number`},
		{"a,b\n-Inf,2\n3,4\n", csv.Options{}, `t.csv:2:1: column "a": "-Inf" is not a finite number`},
		{"a,b\n1,2\n1e39,4\n", csv.Options{}, `t.csv:3:1: column "a": 1e39 is beyond the range of float32`},
		{"a,b\n1,\n3,4\n", csv.Options{}, `t.csv:2:3: column "b": the label is missing`},
		{"a,b\n1,x\n3,4\n", csv.Options{Task: csv.Regression}, `t.csv:2:3: column "b": the label "x" is not a number`},
		{"a,species\n1,x\n3,y\n", csv.Options{Label: "specis"}, `t.csv: label column "specis" is not among the 2 columns; did you mean "species"`},
		{"a,b\n1,x\n3,y\n", csv.Options{Label: "2"}, `t.csv: label column 2: there are 2 columns, 0 to 1, or −1 to −2 from the end`},
		{"a,b\n1,x\n3,y\n", csv.Options{Label: "-3"}, `label column -3: there are 2 columns`},
		{"a,b\n1,x\n3,y\n", csv.Options{Ignore: []string{"c"}}, `ignored column "c" is not among`},
		{"a,b,c\n1,x,1\n3,y,2\n", csv.Options{Weight: "z"}, `weight column "z" is not among`},
		{"a,b\n1,x\n3,y\n", csv.Options{Ignore: []string{"a"}}, `no column is left as an input beside the label "b"`},
		{"a,b\n1,x\n3,y\n", csv.Options{Ignore: []string{"b"}, Label: "b"}, `column "b" cannot be both ignored and label`},
		{"a,w,b\n1,-1,x\n3,2,y\n", csv.Options{Weight: "w"}, `t.csv:2:3: column "w": a row's weight is "-1"`},
		{"a,w,b\n1,?,x\n3,2,y\n", csv.Options{Weight: "w"}, `a row's weight is "?"`},
		{"a,b\n1,x\n3,x\n", csv.Options{}, `the label "b" is "x" in every row`},
		{"a,b,c\n1,,x\n3,NA,y\n", csv.Options{}, `no row has a value in "b"; leave out with data.ignore=b`},
		{names, csv.Options{}, `nearly every row has a text of its own in "name"`},
		{names, csv.Options{Label: "name"}, `the label "name" has nearly as many classes as rows`},
		{slip, csv.Options{}, `t.csv:32:1: column "x" holds numbers, but here "1o"`},
		{"a,b\n1,\"x\n3,y\n", csv.Options{}, `a quoted cell is never closed`},
		{"a,b\n1,x\"y\n3,y\n", csv.Options{}, `t.csv:2:4: a quote stands within a cell`},
		{"a,b\n1,\"" + strings.Repeat("x\n", 1<<20) + "\"\n", csv.Options{}, `a row is longer than 1048576 bytes`},
		{"a,b\n\xff,x\n1,y\nz,y\nz,x\n", csv.Options{}, `t.csv:2:1: column "a": the text is not UTF-8`},
		{strings.Repeat(",", 1<<17), csv.Options{}, `131073 columns are more than 65536`},
		{"\xff\xfe,b\n1,x\n1,y\n", csv.Options{}, `t.csv:1:1: column 0's name is not UTF-8`},
	} {
		for _, disk := range []bool{false, true} {
			var e *data.Error
			_, err := csv.Load([]byte(c.text), c.o, disk, 8, 100)
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%.60q %+v:\n%v, want\n%s", c.text, c.o, err, c.want)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var e *data.Error
	if _, err := csv.Open(dir, csv.Options{}); !errors.As(err, &e) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := csv.Open(filepath.Join(dir, "none.csv"), csv.Options{}); !errors.Is(err, os.ErrNotExist) || !errors.As(err, &e) {
		t.Errorf("no file: %v", err)
	}
}

func TestOpenLarge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.csv")
	text := strings.Replace(shop, `"2,5"`, `"2"`, 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := csv.OpenLarge(path, csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, _, _ := rows(t, s)
	want, _, _ := rows(t, load(t, text, csv.Options{}))
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s.Read(data.NewBatch(s.Schema(), 1), []int32{0}) == nil {
		t.Error("a closed file was read")
	}
	if _, err := csv.OpenLarge(path, csv.Options{Label: "none"}); err == nil {
		t.Error("a label that is not there was taken")
	}
	if runtime.GOOS != "windows" {
		var e *data.Error
		if _, err := csv.OpenLarge("/dev/zero", csv.Options{}); !errors.As(err, &e) || !strings.Contains(err.Error(), "no regular file") {
			t.Errorf("an endless stream: %v", err)
		}
	}
}

// A table of numbers and weights reads later files by the same rules.
func TestTableOfNumbers(t *testing.T) {
	t.Parallel()
	table := load(t, "a,w,y\n1,1,0.5\n2,2,1.5\n", csv.Options{Weight: "w"}).Table()
	s, err := csv.Load([]byte("y,a\n3,4\n"), csv.Options{Table: table}, true, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if x, y, w := rows(t, s); x[0][0] != 4 || y[0] != 3 || w != nil {
		t.Errorf("row %v, target %v, weights %v", x, y, w)
	}
	for text, want := range map[string]string{
		"a,w,y\n1,1,?\n":   "t.csv:2:5: the label is missing",
		"a,w,y\n1,1,x\n":   `t.csv:2:5: the label "x" is not a number`,
		"a,w,y\n1,1,nan\n": `t.csv:2:5: "nan" is not a finite number`,
		"a,w,y\n1,-1,0\n":  `t.csv:2:3: a row's weight is "-1"`,
		"a,w,y\ninf,1,0\n": `t.csv:2:1: column "a": "inf" is not a finite number`,
	} {
		if _, err := csv.Load([]byte(text), csv.Options{Table: table}, false, 0, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v, want\n%s", text, err, want)
		}
	}
}

// A file on disk that becomes another one is noticed, not misread.
func TestChangedFile(t *testing.T) {
	t.Parallel()
	text := []byte("a,y\n1,0.5\n2,1.5\n3,1\n")
	s, err := csv.Load(text, csv.Options{}, true, 8, 100)
	if err != nil {
		t.Fatal(err)
	}
	copy(text[4:], "x,y,z,x,y,z")
	b := data.NewBatch(s.Schema(), 1)
	var e *data.Error
	if err := s.Read(b, []int32{0}); !errors.As(err, &e) || !strings.Contains(err.Error(), "row 0 cannot be read again") {
		t.Errorf("a changed row: %v", err)
	}
	if s.Read(b, []int32{-1}) == nil || s.Read(b, []int32{3}) == nil {
		t.Error("a row out of range was read")
	}
}

// What a table says survives JSON exactly, and what no table can say is refused.
func TestTableJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[a-zé<>&"\\ ]{1,8}`)
		in := csv.Table{Header: rapid.Bool().Draw(rt, "header")}
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom([]csv.Kind{csv.Number, csv.Category, csv.Ignored}), 0, 5).Draw(rt, "kinds") {
			c := csv.Column{Name: fmt.Sprint(text.Draw(rt, "name"), i), Kind: kind, Missing: rapid.IntRange(0, 5).Draw(rt, "missing")}
			switch kind {
			case csv.Number:
				c.Median = rapid.Float32().Draw(rt, "median")
			case csv.Category:
				c.Categories = []string{"A" + text.Draw(rt, "first"), "B" + text.Draw(rt, "second")}
			}
			in.Columns = append(in.Columns, c)
		}
		in.Columns = append(in.Columns, csv.Column{Name: "x", Kind: csv.Number, Median: 0.1}, csv.Column{Name: "y", Kind: csv.Label})
		in.Classes = []string{"b" + text.Draw(rt, "class"), "a"}
		j, err := json.Marshal(in)
		if err != nil {
			rt.Fatal(err)
		}
		var out csv.Table
		if err := json.Unmarshal(j, &out); err != nil {
			rt.Fatalf("%s: %v", j, err)
		}
		if d := cmp.Diff(in, out); d != "" {
			rt.Fatal(d)
		}
	})
	for _, bad := range []string{
		`{`, `{"columns":[]}`,
		`{"columns":[{"name":"a","kind":"numeric"}]}`,
		`{"columns":[{"name":"a","kind":"number"},{"name":"a","kind":"label"}]}`,
		`{"columns":[{"name":"a","kind":"number"},{"name":"b","kind":"label"},{"name":"c","kind":"label"}]}`,
		`{"columns":[{"name":"a","kind":"category"}]}`,
		`{"columns":[{"name":"a","kind":"number","categories":["x"]}]}`,
		`{"columns":[{"name":"a","kind":"category","categories":["b","a"]}]}`,
		`{"columns":[{"name":"a","kind":"category","categories":["a","a"]}]}`,
		`{"columns":[{"name":"a","kind":"number"}],"classes":["x","x"]}`,
		`{"columns":[{"name":"a","kind":"number"}],"classes":[]}`,
	} {
		if err := json.Unmarshal([]byte(bad), new(csv.Table)); err == nil {
			t.Errorf("%s was taken for a table", bad)
		}
	}
}
