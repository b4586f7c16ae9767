package graph

import (
	"fmt"
	"strconv"

	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/tensor"
)

// RandomAttr names a stream of random numbers. A number is a pure function of
// (the run's seed, the run's step, the stream, its place in the tensor).
type RandomAttr struct {
	Stream uint64
	shape  dims
}

func init() {
	for _, name := range []string{"random_uniform", "random_normal"} {
		Register(Op{Name: name, Type: func(_ []Type, attr any) (Type, error) {
			return Type{Float, attr.(RandomAttr).shape.slice()}, nil
		}})
	}
}

func (b *Builder) random(op string, shape []int) Node {
	s, ok := dimsOf(shape)
	if !ok {
		return b.Fail("%s: %v has more than %d axes", op, shape, tensor.MaxRank)
	}
	if _, err := tensor.Shape(shape).Elems(); err != nil {
		return b.Fail("%s: %w", op, err)
	}
	// The stream goes by layer and by the count within it, so that a change in
	// one layer leaves the random numbers of the others alone.
	n := b.streams[b.path]
	b.streams[b.path] = n + 1
	return b.Apply(op, RandomAttr{rng.Key(uint64(n), b.path), s})
}

// Uniform is fresh random numbers in [0, 1) at every run.
func (b *Builder) Uniform(shape ...int) Node { return b.random("random_uniform", shape) }

// Normal is fresh standard normal random numbers at every run.
func (b *Builder) Normal(shape ...int) Node { return b.random("random_normal", shape) }

// String describes the stream for dumps.
func (a RandomAttr) String() string {
	return fmt.Sprintf("stream %s", strconv.FormatUint(a.Stream, 16))
}
