package format

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/tensor"
)

// numbered is a tensor whose numbers are all different, and how it is read.
func numbered(shape tensor.Shape) (Tensor, *tensor.Tensor) {
	x := tensor.New(tensor.Float32, shape...)
	for i := range x.Len() {
		x.SetFlat(i, float64(i))
	}
	return Tensor{Name: "w", DType: x.DType(), Shape: shape, Bands: func(size int, use func([]byte)) error {
		for b := range slices.Chunk(x.Bytes(), size) {
			use(bytes.Clone(b)) // no more than the piece itself may be looked at
		}
		return nil
	}}, x
}

// TestStream holds a tensor that is moved while it is read to the one that is read as a
// whole and permuted.
func TestStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shape := tensor.Shape(rapid.SliceOfN(rapid.IntRange(1, 6), 1, 4).Draw(t, "shape"))
		shape[rapid.IntRange(0, len(shape)-1).Draw(t, "long")] = rapid.IntRange(1, 400).Draw(t, "many")
		at := make([]int, len(shape))
		for i := range at {
			at[i] = i
		}
		order := rapid.Permutation(at).Draw(t, "order")
		on, x := numbered(shape)
		want, err := Permute(order...)([]*tensor.Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		m := Reorder(shape, order...)
		if err := m.covers(x.Len()); err != nil {
			t.Fatal(err)
		}
		flat := tensor.Shape{x.Len()} // the result may be of any shape
		whole, err := m.turn(flat)([]*tensor.Tensor{x})
		if err != nil || !bytes.Equal(whole.Bytes(), want.Bytes()) {
			t.Fatalf("%v, order %v: not what Permute makes of it (%v)", shape, order, err)
		}
		if x.Len() == 1 {
			return // is never read in bands
		}
		few := bands{bytes: rapid.IntRange(1, 4000).Draw(t, "bytes"), rows: rapid.IntRange(1, 40).Draw(t, "rows"), most: rapid.IntRange(4, 4000).Draw(t, "most")}
		forgotten := 0
		got, err := m.stream(on, flat, few, func() { forgotten++ })
		if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatalf("%v, order %v, %v: not what Permute makes of it (%v)", shape, order, few, err)
		}
		if len(x.Bytes()) >= 2*few.most && forgotten == 0 {
			t.Fatalf("%v, %v: memory that was read is never given back", shape, few)
		}
	})
}

func TestStreamRefuses(t *testing.T) {
	t.Parallel()
	on, x := numbered(tensor.Shape{20, 30})
	for _, m := range []*Move{
		{tensor.Shape{20, 30}, []int64{30}},
		{tensor.Shape{20, 31}, []int64{30, 1}},
		{tensor.Shape{20, 30}, []int64{1, 1}},
		{tensor.Shape{20, 30}, []int64{30, 0}},
		{tensor.Shape{20, 30}, []int64{30, -1}},
		{tensor.Shape{20, 30}, []int64{2, 20}},
	} {
		if m.covers(x.Len()) == nil {
			t.Errorf("%v is taken for a move of %v", m, x.Shape())
		}
	}
	m := Reorder(on.Shape, 1, 0)
	short := on
	short.Bands = func(size int, use func([]byte)) error { use(x.Bytes()[:len(x.Bytes())/2]); return nil }
	if _, err := m.stream(short, m.Shape, usual, nil); err == nil || !strings.Contains(err.Error(), `"w": 1200 bytes were read`) {
		t.Errorf("half of a tensor: %v", err)
	}
	damaged := errors.New("the checksum is wrong")
	short.Bands = func(size int, use func([]byte)) error { use(x.Bytes()); return damaged }
	if got, err := m.stream(short, m.Shape, usual, nil); got != nil || !errors.Is(err, damaged) {
		t.Errorf("what is damaged: %v, %v", got, err)
	}
}
