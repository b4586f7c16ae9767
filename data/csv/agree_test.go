package csv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/internal/shared"
)

// agree reads content from memory and as if from disk, where rows are found by
// a small index, and compares the two.
func agree(t testing.TB, content []byte, o csv.Options, entries int) {
	t.Helper()
	mem, err1 := csv.Load(content, o, false, 0, 0)
	disk, err2 := csv.Load(content, o, true, entries, 1<<20)
	if fmt.Sprint(err1) != fmt.Sprint(err2) {
		t.Fatalf("in memory: %v\non disk:   %v", err1, err2)
	}
	if err1 != nil {
		return
	}
	if d := cmp.Diff(mem.Table(), disk.Table()) + cmp.Diff(mem.Schema(), disk.Schema()) +
		cmp.Diff(mem.Notes(), disk.Notes()) + cmp.Diff(mem.Fingerprint(), disk.Fingerprint()); d != "" {
		t.Fatal(d)
	}
	again, err := csv.Load(content, csv.Options{Table: mem.Table(), Header: o.Header, Delimiter: o.Delimiter}, true, entries, 0)
	if err != nil {
		t.Fatalf("with the table made from it: %v", err)
	}
	for epoch := range 2 {
		order := data.Order{Seed: 5, Epoch: epoch, Shuffle: true}
		a, b, c := collect(t, mem, order), collect(t, disk, order), collect(t, again, order)
		if a != b || a != c {
			t.Fatalf("in memory:\n%s\non disk:\n%s\nwith the table:\n%s", a, b, c)
		}
	}
}

func collect(t testing.TB, s data.Source, o data.Order) string {
	t.Helper()
	var b strings.Builder
	for batch, err := range data.Batches(s, 5, o) {
		if err != nil {
			t.Fatal(err)
		}
		x, y := batch.View()
		fmt.Fprintln(&b, batch.Index, x[0].Float32s(), batch.Weight)
		for i := range batch.N {
			fmt.Fprintln(&b, y[0].Flat(i))
		}
	}
	return b.String()
}

func TestMemoryAndDiskAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		end := rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(rt, "end")
		var b strings.Builder
		b.WriteString("n,c,w,y" + end)
		rows := rapid.IntRange(4, 60).Draw(rt, "rows")
		for i := range rows {
			n := rapid.SampledFrom([]string{"1", "-2.5", " 3e2", "?", "", "0.1", "NA"}).Draw(rt, "n")
			c := rapid.SampledFrom([]string{"red", `"a, ""b""` + end + `c"`, "blue", ""}).Draw(rt, "c")
			if i < 2 {
				n, c = "7", "red"
			}
			fmt.Fprintf(&b, "%s,%s,%d,%d%s", n, c, rapid.IntRange(0, 3).Draw(rt, "w"), i%2, end)
		}
		o := csv.Options{Weight: "w"}
		if rapid.Bool().Draw(rt, "regression") {
			o.Task = csv.Regression
		}
		agree(t, []byte(b.String()), o, rapid.IntRange(1, 20).Draw(rt, "entries"))
	})
}

// A row read twice in a batch, and many readers at once, get what one does.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("a,y\n")
	for i := range 100 {
		fmt.Fprintf(&text, "%d,%d.5\n", i, i)
	}
	s, err := csv.Load([]byte(text.String()), csv.Options{}, true, 7, 1000)
	if err != nil {
		t.Fatal(err)
	}
	idx := []int32{99, 3, 3, 0, 50, 3, 99, 51}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b := data.NewBatch(s.Schema(), len(idx))
			for range 20 {
				if err := s.Read(b, idx); err != nil {
					t.Error(err)
				}
				for k, i := range idx {
					if b.X[0].Float32s()[k] != float32(i) || b.Y[0].Float32s()[k] != float32(i)+0.5 {
						t.Errorf("row %d reads %v and %v", i, b.X[0].Float32s()[k], b.Y[0].Float32s()[k])
					}
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(shop), "", int8(3))
	f.Add([]byte("a;b\n1;x\n2;y\n3;x\n4;y\n"), "b", int8(1))
	f.Add([]byte("1\t2\n3\t4\n"), "-1", int8(0))
	f.Add([]byte("a,b,a\n1,2,\"3\n"), "0", int8(2))
	f.Add([]byte("a,b\n\"1\"\"\",nan\n"), "zz", int8(9))
	f.Fuzz(func(t *testing.T, content []byte, label string, entries int8) {
		agree(t, content, csv.Options{Label: label}, 1+int(uint8(entries)))
	})
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"header":true,"columns":[{"name":"a","kind":"number","median":2},{"name":"b","kind":"category","missing":1,"categories":["x"]},{"name":"y","kind":"label"}]}`), "b,a", "x,?")
	f.Add([]byte(`{"columns":[{"name":"a","kind":"number"},{"name":"y","kind":"label"}]}`), "", "1")
	f.Fuzz(func(t *testing.T, table []byte, header, record string) {
		var tab csv.Table
		if tab.UnmarshalJSON(table) != nil {
			return
		}
		var names []string
		if header != "" {
			names = strings.Split(header, ",")
		}
		x := make([]float32, tab.Width())
		if tab.Encode(names, strings.Split(record, ","), x) != nil {
			return
		}
		for i, v := range x {
			if v != v {
				t.Errorf("input %d is not a number", i)
			}
		}
	})
}

// Every real table opens as a user would open it.
func TestRealTables(t *testing.T) {
	t.Parallel()
	dir := shared.Dir(t, "data/tabular")
	for _, c := range []struct {
		file                      string
		o                         csv.Options
		rows, width, classes, gap int
	}{
		{"auto_mpg.csv", csv.Options{Label: "mpg", Ignore: []string{"name"}}, 398, 9, 0, 6},
		{"boston_housing.csv", csv.Options{}, 506, 13, 0, 0},
		{"breast_cancer_wisconsin.csv", csv.Options{}, 699, 9, 2, 16},
		{"california_housing.csv", csv.Options{Label: "median_house_value"}, 20640, 13, 0, 207},
		{"iris.csv", csv.Options{Label: "4"}, 150, 4, 3, 0},
		{"penguins.csv", csv.Options{Label: "species"}, 344, 10, 3, 19},
		{"penguins_processed.csv", csv.Options{Label: "species"}, 334, 4, 3, 0},
		{"pima_diabetes.csv", csv.Options{}, 768, 8, 2, 0},
		{"titanic_train.csv", csv.Options{Label: "Survived", Ignore: []string{"PassengerId", "Name", "Ticket", "Cabin"}}, 891, 11, 2, 179},
		{"wine.csv", csv.Options{}, 178, 13, 3, 0},
		{"winequality-red.csv", csv.Options{}, 1599, 11, 6, 0},
		{"winequality-red.csv", csv.Options{Task: csv.Regression}, 1599, 11, 0, 0},
	} {
		s, err := csv.Open(filepath.Join(dir, c.file), c.o)
		if err != nil {
			t.Error(err)
			continue
		}
		missing := 0
		for _, col := range s.Table().Columns {
			if col.Kind != csv.Ignored {
				missing += col.Missing
			}
		}
		if s.Len() != c.rows || s.Table().Width() != c.width || len(s.Schema().Classes) != c.classes || missing != c.gap {
			t.Errorf("%s: %d rows of %d inputs, %d classes, %d missing; want %d, %d, %d, %d",
				c.file, s.Len(), s.Table().Width(), len(s.Schema().Classes), missing, c.rows, c.width, c.classes, c.gap)
		}
	}

	train, err := csv.Open(filepath.Join(dir, "titanic_train.csv"), csv.Options{Label: "Survived", Ignore: []string{"PassengerId", "Name", "Ticket", "Cabin"}})
	if err != nil {
		t.Fatal(err)
	}
	test, err := csv.Open(filepath.Join(dir, "titanic_test.csv"), csv.Options{Table: train.Table()})
	if err != nil {
		t.Fatal(err)
	}
	if x, y, _ := rows(t, test); len(x) != 418 || y != nil {
		t.Errorf("titanic's test part without labels: %d rows, targets %v", len(x), y)
	}
	_, err = csv.Open(filepath.Join(dir, "titanic_train.csv"), csv.Options{Label: "Survived"})
	if err == nil || !strings.Contains(err.Error(), "data.ignore=Name,Ticket,Cabin") {
		t.Errorf("titanic with its names: %v", err)
	}
	small, err := os.ReadFile(filepath.Join(dir, "penguins.csv"))
	if err != nil {
		t.Fatal(err)
	}
	agree(t, small, csv.Options{Label: "species"}, 16)
}
