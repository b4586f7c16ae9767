package app

import (
	"fmt"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/spec"
)

// sparsify makes 0 of the weights that sparsity.* says, and tells how many are,
// where the configuration or the optimizer is after zeros.
func (s *session) sparsify() (share *float64, err error) {
	if s.cfg.Sparsity == (config.Sparsity{}) && nameIn(s.cfg.Optim) != "ftrl" {
		return nil, nil
	}
	set := s.trainer.Params
	before, _ := set.Sparsity()
	if err := set.ZeroBelow(spec.Or(s.cfg.Sparsity.Below, 0)); err != nil {
		return nil, usage("sparsity.below: %v", err)
	}
	if err := set.Prune(spec.Or(s.cfg.Sparsity.Share, 0)); err != nil {
		return nil, usage("sparsity.share: %v", err)
	}
	zeros, all := set.Sparsity()
	is, was := float64(zeros)/float64(max(1, all)), float64(before)/float64(max(1, all))
	text := fmt.Sprintf("sparsity: %.1f %% of the %s weights of the kernels are 0", 100*is, term.Count(int64(all)))
	if zeros > before {
		text += fmt.Sprintf("; training left %.1f %%, the smallest others were made 0", 100*was)
	}
	s.report.Note(text)
	return &is, nil
}
