package pretrain

import (
	"fmt"
	"slices"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/spec"
)

// Jigsaw is the task in which order the tiles of a picture lie (Noroozi and
// Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw
// Puzzles", ECCV 2016; Doersch, Gupta and Efros, "Unsupervised Visual
// Representation Learning by Context Prediction", ICCV 2015, for two tiles). The
// label is the number of the permutation. What height and width leave beyond
// whole tiles stays where it is.
type Jigsaw struct {
	Tiles        int // a side; 2 by default
	Permutations int // that are told apart; all there are, 64 at most, by default
}

// Validate refuses puzzles without tiles.
func (j Jigsaw) Validate() error {
	switch {
	case j.Tiles != 0 && (j.Tiles < 2 || j.Tiles > 8):
		return spec.Field("tiles", "want 2 to 8 tiles a side, got %d", j.Tiles)
	case j.Permutations != 0 && j.Permutations < 2:
		return spec.Field("permutations", "want 2 or more, got %d", j.Permutations)
	case j.Permutations > most(j.tiles()*j.tiles()):
		return spec.Field("permutations", "want %d at most, got %d", most(j.tiles()*j.tiles()), j.Permutations)
	}
	return nil
}

// most is how many permutations n tiles are told apart by at most.
func most(n int) int {
	p := 1
	for i := 2; i <= n && p < 1000; i++ {
		p *= i
	}
	return min(p, 1000)
}

func (j Jigsaw) tiles() int {
	if j.Tiles == 0 {
		return 2
	}
	return j.Tiles
}

// Samples is 1.
func (Jigsaw) Samples() int { return 1 }

// Orders lists the permutations, the first being none: each next one of 64 drawn
// ones that differs most from all before it, as in the paper.
func (j Jigsaw) Orders() [][]int32 {
	n := j.tiles() * j.tiles()
	count := j.Permutations
	if count == 0 {
		count = min(most(n), 64)
	}
	first := make([]int32, n)
	for i := range first {
		first[i] = int32(i)
	}
	out := [][]int32{first}
	r := rng.New(rng.Key(0, fmt.Sprint("pretrain/jigsaw/", n)), 0)
	same := func(a, b []int32) bool { return slices.Equal(a, b) }
	for len(out) < count {
		var best []int32
		far := -1
		for tries := 0; tries < 64 || best == nil; tries++ {
			p := make([]int32, n)
			r.Perm(p)
			least := n
			for _, q := range out {
				if same(p, q) {
					least = -1
					break
				}
				differ := 0
				for i := range p {
					if p[i] != q[i] {
						differ++
					}
				}
				least = min(least, differ)
			}
			if least > far {
				best, far = p, least
			}
		}
		out = append(out, best)
	}
	return out
}

// Rows puts the tiles of every row of src in another order.
func (j Jigsaw) Rows(src data.Source) (data.Source, error) {
	if err := j.Validate(); err != nil {
		return nil, err
	}
	s, err := samples("jigsaw", src)
	if err != nil {
		return nil, err
	}
	h, w, pixel, err := s.picture()
	if err != nil {
		return nil, err
	}
	n := j.tiles()
	if h < n || w < n {
		return nil, &data.Error{Msg: fmt.Sprintf("task jigsaw: pictures of %d×%d pixels have no %d×%d tiles", w, h, n, n)}
	}
	th, tw := h/n, w/n
	orders := j.Orders()
	return data.Generated(s.schema(1, label, numbered(len(orders))), src.Len(), func(dst *data.Batch, idx []int32, seed uint64, epoch int) error {
		d := s.draw(seed, epoch)
		defer d.done()
		if err := d.read(dst, idx); err != nil {
			return err
		}
		for k, i := range idx {
			r := d.random(i)
			which := r.IntN(len(orders))
			dst.Y[0].Int32s()[k] = int32(which)
			x := s.sample(dst, k)
			was := d.keep(x)
			for to, from := range orders[which] {
				for y := range th {
					a := (to/n*th+y)*w + to%n*tw
					b := (int(from)/n*th+y)*w + int(from)%n*tw
					copy(x[a*pixel:(a+tw)*pixel], was[b*pixel:])
				}
			}
		}
		return nil
	}), nil
}
