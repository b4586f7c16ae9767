package cpu

import "github.com/nadir-ml/nadir/tensor"

// A workspace is memory that the loops of a plan use one after the other: a part
// for each worker, and one that the chunks of an instruction share. Instructions
// say at compile time how much they need, and have it when they run.
type workspace[T float] struct {
	each, all int
	worker    [][]T
	shared    []T
}

// need asks for so many numbers for each worker and for all together.
func (w *workspace[T]) need(each, all int) {
	w.each, w.all = max(w.each, each), max(w.all, all)
}

func (w *workspace[T]) allocate(threads int) {
	w.worker = make([][]T, threads)
	for i := range w.worker {
		w.worker[i] = alignedSlice[T](w.each)
	}
	shared := tensor.New(tensor.TypeOf[T](), w.all)
	largePages(shared.Bytes())
	w.shared = tensor.Data[T](shared)
}
