package data_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// squares is n rows: row i has the input [i, i²] and class i mod 3.
func squares(n int) data.Source {
	x, y := make([]float32, 2*n), make([]int32, n)
	for i := range n {
		x[2*i], x[2*i+1] = float32(i), float32(i*i)
		y[i] = int32(i % 3)
	}
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: []string{"zero", "one", "two"},
	}, []*tensor.Tensor{tensor.Of(x, n, 2)}, []*tensor.Tensor{tensor.Of(y, n)})
	if err != nil {
		panic(err)
	}
	return src
}

// firsts is the first input of every row of a walk, and the sizes of its
// batches.
func firsts(t require, walk iter.Seq2[*data.Batch, error]) (rows []int, sizes []int) {
	t.Helper()
	for b, err := range walk {
		if err != nil {
			t.Fatal(err)
		}
		x, y := b.View()
		if x[0].Shape()[0] != b.N || y[0].Shape()[0] != b.N || len(b.Index) != b.N {
			t.Fatalf("N = %d, but views of %v and %v and %d numbers", b.N, x[0].Shape(), y[0].Shape(), len(b.Index))
		}
		for k := range b.N {
			rows = append(rows, int(x[0].Float32s()[2*k]))
		}
		sizes = append(sizes, b.N)
	}
	return rows, sizes
}

type require interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func TestBatchesIsAPureFunctionOfItsOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, size := rapid.IntRange(0, 40).Draw(t, "n"), rapid.IntRange(1, 12).Draw(t, "size")
		o := data.Order{
			Seed:     rapid.Uint64().Draw(t, "seed"),
			Epoch:    rapid.IntRange(0, 5).Draw(t, "epoch"),
			Shuffle:  rapid.Bool().Draw(t, "shuffle"),
			DropLast: rapid.Bool().Draw(t, "drop"),
		}
		all, sizes := firsts(t, data.Batches(squares(n), size, o))
		want := n
		if o.DropLast {
			want -= n % size
		}
		if len(all) != want {
			t.Fatalf("%d rows came, want %d", len(all), want)
		}
		for k, s := range sizes {
			if s != size && k < len(sizes)-1 {
				t.Fatalf("batch sizes %v", sizes)
			}
		}
		seen := slices.Clone(all)
		slices.Sort(seen)
		if len(slices.Compact(seen)) != len(all) {
			t.Fatalf("a row came twice: %v", all)
		}
		if !o.Shuffle && !slices.IsSorted(all) {
			t.Fatalf("not in order: %v", all)
		}
		// Going on from batch k is the rest of the same walk.
		o.Skip = rapid.IntRange(0, len(sizes)+2).Draw(t, "skip")
		rest, _ := firsts(t, data.Batches(squares(n), size, o))
		if tail := all[min(o.Skip*size, len(all)):]; !slices.Equal(rest, tail) {
			t.Fatalf("skipping %d batches of %d gives %v, want %v", o.Skip, size, rest, tail)
		}
	})
}

func TestShuffleDependsOnSeedAndEpoch(t *testing.T) {
	t.Parallel()
	src := squares(100)
	base, _ := firsts(t, data.Batches(src, 7, data.Order{Seed: 1, Shuffle: true}))
	for _, o := range []data.Order{{Seed: 2, Shuffle: true}, {Seed: 1, Epoch: 1, Shuffle: true}} {
		if other, _ := firsts(t, data.Batches(src, 7, o)); slices.Equal(base, other) {
			t.Errorf("%+v gives the order of seed 1, epoch 0", o)
		}
	}
	// Another batch size walks the same order.
	if other, _ := firsts(t, data.Batches(src, 10, data.Order{Seed: 1, Shuffle: true})); !slices.Equal(base, other) {
		t.Error("the batch size changes the order")
	}
}

func TestBatchesRefusesBadSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, skip int }{{0, 0}, {-1, 0}, {1, -1}} {
		n := 0
		for b, err := range data.Batches(squares(3), c.size, data.Order{Skip: c.skip}) {
			n++
			if b != nil || err == nil {
				t.Errorf("size %d skip %d: batch %v, error %v", c.size, c.skip, b, err)
			}
		}
		if n != 1 {
			t.Errorf("size %d skip %d: %d steps, want 1", c.size, c.skip, n)
		}
	}
}

// failing is a source that fails from a row on.
type failing struct {
	data.Source
	from int32
	err  error
}

func (f failing) Read(dst *data.Batch, idx []int32) error {
	if slices.Max(idx) >= f.from {
		return f.err
	}
	return f.Source.Read(dst, idx)
}

func TestBatchesEndsWithTheError(t *testing.T) {
	t.Parallel()
	want := errors.New("bad sector")
	var got []error
	for b, err := range data.Batches(failing{squares(100), 35, want}, 10, data.Order{}) {
		if (b == nil) != (err != nil) {
			t.Fatalf("batch %v with error %v", b, err)
		}
		got = append(got, err)
	}
	if len(got) != 4 || got[3] != want {
		t.Errorf("errors of the walk: %v", got)
	}
}

func TestNoGoroutineOutlivesTheLoop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	src := squares(1000)
	for range 20 {
		for range data.Batches(src, 3, data.Order{Shuffle: true}) {
			break
		}
		func() {
			defer func() { _ = recover() }()
			for range data.Batches(src, 3, data.Order{}) {
				panic("in the loop")
			}
		}()
		for range data.Batches(failing{src, 9, errors.New("bad")}, 3, data.Order{}) {
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func TestBatchesDoesNotAllocateABatch(t *testing.T) {
	src, err := data.Classes(squares(9000), []int{2, 0})
	if err != nil {
		t.Fatal(err)
	}
	src, _, err = data.Split(data.Augmented(src, shift{}), 1000, data.Random, 1)
	if err != nil {
		t.Fatal(err)
	}
	walk := func(skip int) float64 {
		return testing.AllocsPerRun(5, func() {
			for _, err := range data.Batches(src, 4, data.Order{Shuffle: true, Skip: skip}) {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	// 1,250 batches against 5: what a walk costs at its start is the same.
	if long, short := walk(0), walk(1245); long > short+5 {
		t.Errorf("1,245 further batches allocate %v times", long-short)
	}
}

func TestReadFromManyGoroutines(t *testing.T) {
	t.Parallel()
	src := data.Subset(data.Subset(squares(50), []int32{40, 30, 20, 10}), []int32{3, 1})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b := data.NewBatch(src.Schema(), 2)
			for range 100 {
				if err := src.Read(b, []int32{0, 1}); err != nil {
					t.Error(err)
				}
				if x := b.X[0].Float32s(); x[0] != 10 || x[2] != 30 || b.Y[0].Int32s()[0] != 1 {
					t.Errorf("rows %v", x)
				}
			}
		})
	}
	wg.Wait()
}

func TestSplitIsAPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(2, 60).Draw(t, "total")
		n := rapid.IntRange(1, total-1).Draw(t, "n")
		from := rapid.SampledFrom([]data.From{data.End, data.Start, data.Random}).Draw(t, "from")
		seed := rapid.Uint64().Draw(t, "seed")
		train, val, err := data.Split(squares(total), n, from, seed)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := firsts(t, data.Batches(train, 5, data.Order{}))
		b, _ := firsts(t, data.Batches(val, 5, data.Order{}))
		if len(b) != n || !slices.IsSorted(a) || !slices.IsSorted(b) {
			t.Fatalf("%v of %d from %v: %v and %v", n, total, from, a, b)
		}
		if from == data.End && b[0] != total-n || from == data.Start && b[n-1] != n-1 {
			t.Fatalf("%v: %v", from, b)
		}
		both := append(a, b...)
		slices.Sort(both)
		for i, r := range both {
			if i != r {
				t.Fatalf("rows %v", both)
			}
		}
		_, again, _ := data.Split(squares(total), n, from, seed)
		if c, _ := firsts(t, data.Batches(again, 5, data.Order{})); !slices.Equal(b, c) {
			t.Fatalf("the same seed holds out %v, then %v", b, c)
		}
	})
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, 5, 6} {
		if _, _, err := data.Split(squares(5), n, data.End, 0); !isDataError(err) {
			t.Errorf("Split of %d from 5 rows: %v", n, err)
		}
	}
	if _, _, err := data.Split(squares(5), 1, data.From(9), 0); err == nil {
		t.Error("an unknown place was taken")
	}
	train, val, err := data.Split(squares(5), 0, data.End, 0)
	if err != nil || val != nil || train.Len() != 5 {
		t.Errorf("Split of 0: %v, %v, %v", train, val, err)
	}
}

func isDataError(err error) bool {
	_, ok := errors.AsType[*data.Error](err)
	return ok
}

func TestClassesKeepsAndRenumbers(t *testing.T) {
	t.Parallel()
	src, err := data.Classes(squares(9), []int{2, 1})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"two", "one"}, src.Schema().Classes); diff != "" {
		t.Error(diff)
	}
	rows, _ := firsts(t, data.Batches(src, 2, data.Order{}))
	if diff := cmp.Diff([]int{1, 2, 4, 5, 7, 8}, rows); diff != "" {
		t.Error(diff)
	}
	want := []int32{1, 0, 1, 0, 1, 0}
	labels, err := data.Labels(src)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
	var read []int32
	for b, err := range data.Batches(src, 4, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, b.Y[0].Int32s()[:b.N]...)
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Error(diff)
	}
}

func TestClassesRefuses(t *testing.T) {
	t.Parallel()
	for _, keep := range [][]int{nil, {3}, {-1}, {1, 1}} {
		if _, err := data.Classes(squares(9), keep); !isDataError(err) {
			t.Errorf("Classes %v: %v", keep, err)
		}
	}
	if _, err := data.Classes(squares(1), []int{2}); !isDataError(err) {
		t.Error("a class without a row was kept")
	}
	if _, err := data.Classes(numbers(3), []int{0}); !isDataError(err) {
		t.Error("regression has classes")
	}
}

// numbers is a source of regression.
func numbers(n int) data.Source {
	f := data.Field{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{1}}
	src, err := data.FromTensors(data.Schema{Inputs: []data.Field{f}, Targets: []data.Field{f}},
		[]*tensor.Tensor{tensor.New(tensor.Float32, n, 1)}, []*tensor.Tensor{tensor.New(tensor.Float32, n, 1)})
	if err != nil {
		panic(err)
	}
	return src
}

// plain hides what a source has besides Source.
type plain struct{ data.Source }

func TestLabels(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]data.Source{"memory": squares(7), "by reading": plain{squares(7)}, "limited": data.Limit(squares(70), 7)} {
		got, err := data.Labels(src)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int32{0, 1, 2, 0, 1, 2, 0}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, src := range []data.Source{numbers(3), plain{numbers(3)}, data.Limit(numbers(3), 1), data.Augmented(numbers(3), shift{})} {
		if _, err := data.Labels(src); err == nil {
			t.Errorf("%T of regression has labels", src)
		}
	}
	if _, err := data.Labels(data.Subset(squares(3), []int32{5})); err == nil {
		t.Error("a row out of range has a label")
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{-1: 0, 0: 0, 3: 3, 5: 5, 9: 5} {
		if got := data.Limit(squares(5), n).Len(); got != want {
			t.Errorf("Limit %d of 5 rows has %d", n, got)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, src := range []data.Source{squares(4), data.Limit(squares(9), 4), data.Subset(squares(4), []int32{0, 1, 2, 9})} {
		b := data.NewBatch(src.Schema(), 2)
		for _, idx := range [][]int32{{4}, {-1}, {0, 1, 2}} {
			if err := src.Read(b, idx); err == nil {
				t.Errorf("%T read rows %v of 4 into a batch of 2", src, idx)
			}
		}
	}
	if err := data.Subset(squares(4), []int32{9}).Read(data.NewBatch(squares(1).Schema(), 1), []int32{0}); err == nil {
		t.Error("a subset read a row that its source does not have")
	}
}

func TestFromTensorsRefuses(t *testing.T) {
	t.Parallel()
	x := func(dt tensor.DType, shape ...int) []*tensor.Tensor {
		return []*tensor.Tensor{tensor.New(dt, shape...)}
	}
	in := []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}
	out := []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}}
	s := data.Schema{Inputs: in, Targets: out, Classes: []string{"a", "b"}}
	good := x(tensor.Float32, 3, 2)
	for name, c := range map[string]struct {
		s    data.Schema
		x, y []*tensor.Tensor
	}{
		"no input":        {data.Schema{}, nil, nil},
		"no target":       {s, good, nil},
		"type":            {s, x(tensor.Float64, 3, 2), x(tensor.Int32, 3)},
		"sample shape":    {s, x(tensor.Float32, 3, 1), x(tensor.Int32, 3)},
		"scalar":          {s, x(tensor.Float32), x(tensor.Int32, 3)},
		"rows":            {s, good, x(tensor.Int32, 2)},
		"label too large": {s, good, []*tensor.Tensor{tensor.Of([]int32{0, 1, 2}, 3)}},
		"label below 0":   {s, good, []*tensor.Tensor{tensor.Of([]int32{0, -1, 1}, 3)}},
	} {
		if _, err := data.FromTensors(c.s, c.x, c.y); !isDataError(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	b := data.NewBatch(squares(1).Schema(), 4)
	if err := b.Start([]int32{5, 6}); err != nil {
		t.Fatal(err)
	}
	copy(b.Weigh(), []float32{2})
	if diff := cmp.Diff([]float32{2, 1}, b.Weight); diff != "" {
		t.Error(diff)
	}
	if err := b.Start([]int32{7}); err != nil || b.Weight != nil {
		t.Errorf("a new start keeps the weights %v (%v)", b.Weight, err)
	}
}

// shift adds a random number, drawn for the row, to its first input.
type shift struct{}

func (shift) Apply(b *data.Batch, seed uint64, epoch int) {
	x := b.X[0].Float32s()
	for k, i := range b.Index {
		// Philox itself, as a Stream for every row would allocate.
		r := rng.Philox([2]uint32{uint32(seed), uint32(epoch)}, [4]uint32{uint32(i)})
		x[2*k] += float32(r[0]%1000) * 1000
	}
}

func TestAugmentedIsAPureFunctionOfSeedEpochAndRow(t *testing.T) {
	t.Parallel()
	aug := data.Augmented(squares(60), shift{})
	sub, _, err := data.Split(aug, 20, data.Random, 3)
	if err != nil {
		t.Fatal(err)
	}
	classes, err := data.Classes(aug, []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	// rows maps the row's second input, which is not changed, to the first.
	rows := func(src data.Source, size int, o data.Order) map[float32]float32 {
		m := make(map[float32]float32)
		for b, err := range data.Batches(src, size, o) {
			if err != nil {
				t.Fatal(err)
			}
			for k := range b.N {
				m[b.X[0].Float32s()[2*k+1]] = b.X[0].Float32s()[2*k]
			}
		}
		return m
	}
	want := rows(aug, 60, data.Order{Seed: 5, Epoch: 2})
	if cmp.Equal(want, rows(squares(60), 60, data.Order{Seed: 5, Epoch: 2})) {
		t.Fatal("nothing was augmented")
	}
	if cmp.Equal(want, rows(aug, 60, data.Order{Seed: 5, Epoch: 3})) {
		t.Error("another epoch augments alike")
	}
	for name, src := range map[string]data.Source{"whole": aug, "split": sub, "classes": classes} {
		for k, v := range rows(src, 7, data.Order{Seed: 5, Epoch: 2, Shuffle: true}) {
			if want[k] != v {
				t.Errorf("%s: the row of %v became %v, want %v", name, k, v, want[k])
			}
		}
	}
	for _, src := range []data.Source{aug, sub, classes} {
		b := data.NewBatch(src.Schema(), 1)
		if err := src.Read(b, []int32{1}); err != nil {
			t.Fatal(err)
		}
		if x := b.X[0].Float32s(); x[0]*x[0] != x[1] {
			t.Errorf("plain Read of %T augments: %v", src, x)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("unexpected end")
	for want, e := range map[string]*data.Error{
		"a.csv:3:7: no number":            {Path: "a.csv", Line: 3, Col: 7, Msg: "no number"},
		"a.csv:3: ragged":                 {Path: "a.csv", Line: 3, Msg: "ragged"},
		"a.gz: unexpected end":            {Path: "a.gz", Err: cause},
		"a.gz: truncated: unexpected end": {Path: "a.gz", Msg: "truncated", Err: cause},
		"label 7":                         {Msg: "label 7"},
	} {
		if e.Error() != want || e.Err != nil && !errors.Is(e, cause) {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
	}
}

func TestFromString(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprint(data.End, data.Start, data.Random, data.From(9)); got != "end start random from(9)" {
		t.Error(got)
	}
}
