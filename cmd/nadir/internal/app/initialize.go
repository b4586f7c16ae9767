package app

import (
	"context"
	"fmt"

	"github.com/nadir-ml/nadir/diag"
)

// lsuvRows are the rows that init=lsuv looks at.
const lsuvRows = 512

// initialize does to the first weights what the configuration asks for beyond
// their initializers. drawn says that they are fresh.
func (s *session) initialize(ctx context.Context, drawn bool) error {
	if !drawn || s.cfg.Init != "lsuv" {
		return nil
	}
	batch, err := diag.Sampled(s.data.train, lsuvRows, s.cfg.Seed)
	if err != nil {
		return asData(err)
	}
	done, err := diag.LSUV(ctx, s.trainer.Net, diag.Options{Batch: batch, Seed: s.cfg.Seed, Threads: s.cfg.Threads})
	if err != nil {
		return usage("init=lsuv: %v", err)
	}
	most, lo, hi := 0, 1.0, 1.0
	for _, l := range done {
		most, lo, hi = max(most, l.Iterations), min(lo, l.Variance), max(hi, l.Variance)
	}
	s.note(fmt.Sprintf("init=lsuv: %d kernels are orthonormal and scaled by what %d rows show, at most %d times each: variances before the activations %.2f to %.2f",
		len(done), batch.N, most, lo, hi))
	return nil
}
