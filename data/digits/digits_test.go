package digits_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
)

func Example() {
	train, test := digits.New(42, digits.DefaultTrain, digits.DefaultTest)
	b := data.NewBatch(train.Schema(), 10)
	if err := train.Read(b, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}); err != nil {
		fmt.Println(err)
	}
	labels := slices.Clone(b.Y[0].Int32s())
	slices.Sort(labels)
	fmt.Println(train.Len(), test.Len(), b.X[0].DType(), b.X[0].Shape(), labels)
	// Output: 20000 5000 uint8 [10 28 28] [0 1 2 3 4 5 6 7 8 9]
}

func read(t testing.TB, src data.Source, idx ...int32) (images []byte, labels []int32) {
	t.Helper()
	b := data.NewBatch(src.Schema(), len(idx))
	if err := src.Read(b, idx); err != nil {
		t.Fatal(err)
	}
	return b.X[0].Bytes(), b.Y[0].Int32s()
}

func upTo(n int) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	return p
}

// The bytes are the same on every machine, and stay so.
func TestGolden(t *testing.T) {
	t.Parallel()
	const want = "c5d23e6ed596775c3b72bfdddfe3a49d5c974e54b15b5c9f7b3385b23e35d23c"
	train, _ := digits.New(42, 100, 0)
	images, labels := read(t, train, upTo(100)...)
	h := sha256.New()
	h.Write(images)
	for _, l := range labels {
		h.Write([]byte{byte(l)})
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		t.Errorf("the first 100 images of seed 42 hash to\n%s, want\n%s", got, want)
	}
}

// An image depends on the seed, the part and its number, not on how many there
// are nor on what was read before.
func TestPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		n := rapid.IntRange(1, 60).Draw(rt, "n")
		few, test := digits.New(seed, n, n)
		many, _ := digits.New(seed, n+37, 3)
		all, labels := read(t, many, upTo(n+37)...)
		for _, i := range rapid.SliceOfN(rapid.Int32Range(0, int32(n-1)), 1, 8).Draw(rt, "rows") {
			for range 2 { // made, then kept
				image, label := read(t, few, i)
				if !bytes.Equal(image, all[i*784:(i+1)*784]) || label[0] != labels[i] {
					rt.Fatalf("row %d of %d differs from row %d of %d", i, n, i, n+37)
				}
			}
			if other, _ := read(t, test, i); bytes.Equal(other, all[i*784:(i+1)*784]) {
				rt.Fatalf("row %d is the same in both parts", i)
			}
		}
	})
}

func TestSeedsDiffer(t *testing.T) {
	t.Parallel()
	a, _ := digits.New(1, 20, 0)
	b, _ := digits.New(2, 20, 0)
	x, _ := read(t, a, upTo(20)...)
	y, _ := read(t, b, upTo(20)...)
	for i := range 20 {
		if bytes.Equal(x[i*784:(i+1)*784], y[i*784:(i+1)*784]) {
			t.Errorf("image %d is the same under seeds 1 and 2", i)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	train, _ := digits.New(7, 1005, 0)
	labels, err := data.Labels(train)
	if err != nil {
		t.Fatal(err)
	}
	if _, direct := train.(data.Labeler); !direct {
		t.Error("labels are read by making the images")
	}
	_, want := read(t, train, upTo(1005)...)
	if !slices.Equal(labels, want) {
		t.Error("Labels and Read disagree")
	}
	var count [10]int
	for _, l := range labels[:1000] {
		count[l]++
	}
	if count != [10]int{100, 100, 100, 100, 100, 100, 100, 100, 100, 100} {
		t.Errorf("the classes of 1000 rows are not balanced: %v", count)
	}
	if slices.Equal(labels[:10], labels[10:20]) && slices.Equal(labels[10:20], labels[20:30]) {
		t.Errorf("the order repeats: %v", labels[:30])
	}
}

// Readers at the same time all get whole images.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	const n = 200
	train, _ := digits.New(3, n, 0)
	fresh, _ := digits.New(3, n, 0)
	want, _ := read(t, fresh, upTo(n)...)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b := data.NewBatch(train.Schema(), n)
			for range 2 {
				if err := train.Read(b, upTo(n)); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(b.X[0].Bytes(), want) {
					t.Error("images differ between readers")
				}
			}
		})
	}
	wg.Wait()
}

// Every image shows ink: a digit is never drawn outside the frame.
func TestInk(t *testing.T) {
	t.Parallel()
	const n = 2000
	train, _ := digits.New(11, n, 0)
	images, labels := read(t, train, upTo(n)...)
	for i := range n {
		bright := 0
		for _, v := range images[i*784 : (i+1)*784] {
			if v >= 100 {
				bright++
			}
		}
		if bright < 10 || bright > 400 {
			t.Errorf("image %d, a %d, has %d bright pixels", i, labels[i], bright)
		}
	}
}

func TestRowOutOfRange(t *testing.T) {
	t.Parallel()
	train, test := digits.New(1, 5, 0)
	b := data.NewBatch(train.Schema(), 1)
	for _, i := range []int32{-1, 5} {
		if train.Read(b, []int32{i}) == nil {
			t.Errorf("row %d of 5 was read", i)
		}
	}
	if test.Len() != 0 || test.Read(b, []int32{0}) == nil {
		t.Error("a row of an empty part was read")
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	train, _ := digits.New(1, 320, 0)
	b := data.NewBatch(train.Schema(), 32)
	idx := upTo(32)
	if n := testing.AllocsPerRun(20, func() { _ = train.Read(b, idx) }); n != 0 {
		t.Errorf("reading a batch again allocates %v times", n)
	}
}

// BenchmarkMake is the time of one image that is made, BenchmarkKept of one
// that was made before.
func BenchmarkMake(b *testing.B) {
	train, _ := digits.New(42, digits.MaxLen, 0)
	batch := data.NewBatch(train.Schema(), 1)
	for i := int32(1 << 30); b.Loop(); i++ { // beyond those that are kept
		if err := train.Read(batch, []int32{i}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKept(b *testing.B) {
	train, _ := digits.New(42, 1, 0)
	batch := data.NewBatch(train.Schema(), 1)
	idx := []int32{0}
	for b.Loop() {
		if err := train.Read(batch, idx); err != nil {
			b.Fatal(err)
		}
	}
}
