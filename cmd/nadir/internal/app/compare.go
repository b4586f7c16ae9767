package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/backend/cpu"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/train"
	"github.com/nadir-ml/nadir/tune"
)

// comparing is what cv and compare say alike.
const comparing = `The rows left for training, validation rows included, are parted into k folds, in
which each class is spread evenly; each candidate is trained k times, one fold held
out and measured on, from the same seeds and in the same order. Trials run side by
side, one thread each.

Shown are means over the folds, the difference to the best in pairs of folds with
its 95 % interval and p-value (the corrected resampled t-test of Nadeau and Bengio,
2003, since folds share rows), the p-value adjusted for all pairs (Holm, 1979), and
what a prediction takes, measured alone, afterwards.

  k=5         folds
  seeds=1     how often all is repeated, or the seeds: 42,43
  target=     a value of the metric, such as 0.97, that is timed
  out=        where results are kept

What is done stays done: stopped and called again, in the same folder, only what
is missing is trained.`

func cvVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "cv [FILE] vary=KEY:V1,V2… [k=5] [seeds=1] [target=…] [out=…] [key=value …]",
		Short: "Cross-validate: try the values of a key on the same folds",
		Long: `Cross-validate a configuration with each value of a key. vary= may be repeated, for
all combinations. KEY is a dotted path such as optim.lr, or activation or
initializer, which set every hidden layer; an initializer that is not set follows
its activation.

` + comparing,
		Example: `  nadir cv data=mnist data.limit=5000 vary=activation:relu,elu,leaky_relu,rrelu,prelu
  nadir cv exp.yaml vary=optim.lr:0.1,0.01,0.001 k=10
  nadir cv exp.yaml vary=activation:relu,elu vary=initializer:he_normal,glorot_uniform target=0.95
  nadir cv exp.yaml vary=optim:sgd,adam,nadam seeds=3 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, words, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			s, err := studyOf("cv", words)
			switch {
			case err != nil:
				return err
			case len(s.ways) > 0:
				return usage("ways= is for compare: nadir compare %s ways=all", shellWord(file))
			case len(s.vary) == 0:
				return usage("vary= says what is tried, such as vary=activation:relu,elu,leaky_relu")
			}
			if s.entries, err = c.varying(file, s); err != nil {
				return err
			}
			return c.compete(cmd.Context(), s)
		},
	}
}

func compareVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "compare FILE FILE… [ways=all] [k=5] [seeds=1] [target=…] [out=…] [key=value …]",
		Short: "Which configuration is better? On the same folds, with intervals",
		Long: `Compare whole configurations on the same rows. FILE is a configuration, a list of
layers or the name of a preset; keys are laid over each.

` + comparing + `

ways=all takes one FILE and switches each of five ways to train faster on or off:
initialization, activation, batch_normalization, reuse and optimizer, or those of
them that are named with commas between. It prints how soon each gets to the target,
97 % unless target= says otherwise.`,
		Example: `  nadir compare relu.yaml elu.yaml
  nadir compare chapter plain data=mnist data.limit=10000 epochs=5
  nadir compare a.yaml b.yaml c.yaml k=10 seeds=2 target=0.98 --json
  nadir compare exp.yaml ways=all target=0.95`,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, words, err := words(cmd, args)
			if err != nil {
				return err
			}
			s, err := studyOf("compare", words)
			switch {
			case err != nil:
				return err
			case len(s.vary) > 0:
				return usage("vary= is for cv: nadir cv FILE vary=…")
			case len(s.ways) > 0 && len(files) > 1:
				return usage("ways= takes one file, found %s", strings.Join(files, " "))
			case len(s.ways) > 0:
				s.entries, err = c.switched(files, s)
			case len(files) < 2:
				return usage("compare takes two files or more, or one with ways=all")
			default:
				s.entries = c.filed(files, s)
			}
			if err != nil {
				return err
			}
			return c.compete(cmd.Context(), s)
		},
	}
}

// A study is what cv and compare were told.
type study struct {
	verb    string
	vary    []variation
	ways    []string
	k       int
	count   int      // of seeds, from the configuration's on
	seeds   []uint64 // where they are named
	target  float64  // NaN without
	out     string
	keys    []string // the rest
	entries []contender
}

// studyOf takes the words of a study out of a verb's.
func studyOf(verb string, words []string) (*study, error) {
	s := &study{verb: verb, k: 5, count: 1, target: math.NaN(), out: filepath.Join("runs", verb)}
	seen := map[string]bool{}
	for _, w := range words {
		key, text, _ := strings.Cut(w, "=")
		if key != "vary" && seen[key] {
			return nil, usage("%s is given twice", key)
		}
		seen[key] = true
		var err error
		switch key {
		case "vary":
			var v variation
			if v, err = parseVary(text); err == nil {
				if slices.ContainsFunc(s.vary, func(o variation) bool { return o.key == v.key }) {
					err = usage("vary=%s is given twice", v.key)
				}
				s.vary = append(s.vary, v)
			}
		case "ways":
			s.ways, err = parseWays(text)
		case "k":
			if s.k, err = strconv.Atoi(text); err != nil || s.k < 2 {
				err = usage("k=%s: want a whole number, at least 2 folds", text)
			}
		case "seeds":
			err = s.readSeeds(text)
		case "target":
			if p, ok := strings.CutSuffix(text, "%"); ok {
				s.target, err = strconv.ParseFloat(strings.TrimSpace(p), 64)
				s.target /= 100
			} else {
				s.target, err = strconv.ParseFloat(text, 64)
			}
			if err != nil || math.IsNaN(s.target) || math.IsInf(s.target, 0) {
				err = usage("target=%s: want a number, such as 0.97", text)
			}
		case "out":
			if s.out = text; text == "" {
				err = usage("out=: want a folder")
			}
		case "data.val", "data.val.size", "data.val.from":
			err = usage("%s: %s holds out one fold after the other; k= says how many", w, verb)
		default:
			s.keys = append(s.keys, w)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readSeeds reads how many seeds there are, or which.
func (s *study) readSeeds(text string) error {
	if !strings.Contains(text, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1000 {
			return usage("seeds=%s: want how many, from 1 to 1000, or the seeds with commas between", text)
		}
		s.count = n
		return nil
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(text, ","), ",") {
		n, err := strconv.ParseUint(strings.TrimSpace(part), 10, 64)
		if err != nil || slices.Contains(s.seeds, n) {
			return usage("seeds=%s: want how many, from 1 to 1000, or different seeds with commas between", text)
		}
		s.seeds = append(s.seeds, n)
	}
	return nil
}

// varying makes the candidates of cv.
func (c *command) varying(file string, s *study) ([]contender, error) {
	var out []contender
	for i, ch := range product(s.vary) {
		to := c
		if i > 0 { // the same notes again
			to = &command{out: c.out, err: c.err, quiet: true}
		}
		cfg, err := to.varied(file, os.Environ(), s.keys, s.vary, ch)
		out = append(out, contender{ch.name(s.vary), cfg, err})
	}
	return out, nil
}

// filed makes the candidates of compare.
func (c *command) filed(files []string, s *study) []contender {
	var out []contender
	for _, f := range files {
		cfg, err := c.loadTarget(f, s.keys)
		out = append(out, contender{f, cfg, err})
	}
	return out
}

// loadTarget reads a configuration, or a preset of that name where there is no
// such file.
func (c *command) loadTarget(target string, keys []string) (*config.Config, error) {
	if slices.Contains(config.Presets(), target) && !exists(target) {
		return c.load("", os.Environ(), append([]string{"model=" + target}, keys...))
	}
	return c.load(target, os.Environ(), keys)
}

// compete runs a study and shows what it found.
func (c *command) compete(ctx context.Context, s *study) error {
	var base *config.Config
	var errs []error
	for _, e := range s.entries {
		errs = append(errs, e.err)
		if e.err == nil && base == nil {
			base = e.cfg
		}
	}
	if base == nil {
		return errs[0]
	}
	if _, ok := given(base, "data.val"); ok {
		c.note("data.val is left out: each fold is held out in its turn")
	}
	a, err := c.openArena(ctx, base)
	if err != nil {
		return err
	}
	defer a.Close()
	st, err := s.plan(ctx, c, a)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	lock, err := ckpt.Acquire(filepath.Join(s.out, lockFile))
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	c.orderly.Store(true)
	tell, done := c.progress(s, st)
	st.Tell = tell
	r, err := st.Run(ctx)
	done()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(c.err.W, "stopped; what is done is kept in %s, and the same words go on\n", s.out)
		return err
	}
	if err != nil {
		return err
	}
	if err := s.costs(ctx, a, r); err != nil {
		return err
	}
	return c.show(s, a, r)
}

// plan is the study as the library runs it. Candidates that cannot be trained
// are found here.
func (s *study) plan(ctx context.Context, c *command, a *arena) (*tune.Study, error) {
	if n := a.data.train.Len(); s.k > n {
		return nil, usage("k=%d: more folds than the %d rows of %s that are left for training", s.k, n, a.data.name)
	}
	if s.seeds == nil {
		for i := range s.count {
			s.seeds = append(s.seeds, a.base.Seed+uint64(i))
		}
	}
	st := &tune.Study{Folds: s.k, Seeds: s.seeds, Target: s.target, Checks: !math.IsNaN(s.target), Workers: cores(a.base), Store: tune.Store{Dir: s.out}}
	first := tune.Trial{Folds: s.k, Seed: s.seeds[0]}
	failed, failure := 0, error(nil)
	for i := range s.entries {
		e := &s.entries[i]
		cand := tune.Candidate{Name: e.name, Err: e.err}
		if cand.Err == nil {
			cand.Err = a.check(ctx, e.cfg, first)
		}
		if cand.Err == nil {
			cand.Spec, cand.Err = a.spec(e.cfg)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if e.err = cand.Err; e.err != nil {
			failed++
			if failure == nil {
				failure = e.err
			}
		} else if st.Metric == "" {
			var err error
			if st.Metric, err = a.metric(ctx, e.cfg, first); err != nil {
				return nil, err
			}
		}
		cfg := e.cfg
		cand.Train = func(ctx context.Context, t tune.Trial) (*tune.Outcome, error) { return a.train(ctx, cfg, t) }
		st.Candidates = append(st.Candidates, cand)
	}
	if failed == len(s.entries) {
		return nil, failure
	}
	for _, e := range s.entries {
		if e.err != nil {
			c.note(fmt.Sprintf("%s takes no part: %s", e.name, message(e.err)))
		}
	}
	if err := st.Validate(); err != nil {
		return nil, usage("%v", err)
	}
	return st, nil
}

// cores is how many trials run side by side.
func cores(cfg *config.Config) int {
	if cfg.Threads > 0 {
		return cfg.Threads
	}
	return cpu.Cores()
}

// metric is what candidates are compared by: accuracy, or the root of the mean
// squared error, or the loss where there is neither.
func (a *arena) metric(ctx context.Context, cfg *config.Config, t tune.Trial) (string, error) {
	s, err := a.session(ctx, cfg, t)
	if err != nil {
		return "", err
	}
	defer s.Close()
	names := s.trainer.Measures()
	for _, end := range []string{"accuracy", "rmse"} {
		for _, n := range names {
			if n == end || strings.HasSuffix(n, "/"+end) {
				return n, nil
			}
		}
	}
	return "loss", nil
}

// progress tells of each trial: on a terminal a bar, elsewhere a line.
func (c *command) progress(s *study, st *tune.Study) (tell func(tune.Event), done func()) {
	if c.quiet {
		return nil, func() {}
	}
	var bar *term.Bar
	if c.err.TTY {
		bar = term.NewBar(c.err, "trials", int64(len(st.Candidates)*st.Folds*len(st.Seeds)), term.Count)
	}
	kept := 0
	tell = func(e tune.Event) {
		if e.Kept {
			kept++
		}
		if bar != nil {
			bar.Set(int64(e.Done))
			return
		}
		where := fmt.Sprintf("%d/%d  %s, fold %d of %d", e.Done, e.Of, e.Candidate, e.Trial.Fold+1, e.Trial.Folds)
		if len(st.Seeds) > 1 {
			where += fmt.Sprintf(", seed %d", e.Trial.Seed)
		}
		switch {
		case e.Outcome == nil:
			where += ": " + message(e.Err)
		case e.Outcome.Diverged != "":
			where += ": " + e.Outcome.Diverged
		default:
			where += fmt.Sprintf(": %s %s in %.1f s", st.Metric, measure(e.Outcome.Value(st.Metric)), e.Outcome.Seconds)
		}
		if e.Kept {
			where += " (kept)"
		}
		c.note(where)
	}
	return tell, func() {
		if bar != nil {
			bar.Close()
			if kept > 0 {
				c.note(fmt.Sprintf("%d trials were kept from before in %s", kept, s.out))
			}
		}
	}
}

// costs measures what a prediction takes each candidate.
func (s *study) costs(ctx context.Context, a *arena, r *tune.Report) error {
	var nets []*train.Net
	var of []*tune.Standing
	t := tune.Trial{Folds: s.k, Seed: s.seeds[0]}
	for _, e := range s.entries {
		st := r.Standing(e.name)
		if e.err != nil || st == nil || st.Err != nil {
			continue
		}
		one, err := a.session(ctx, e.cfg, t)
		if err != nil {
			return err
		}
		defer one.Close()
		nets, of = append(nets, one.trainer.Net), append(of, st)
	}
	costs, err := tune.Latency(ctx, a.data.train, nets...)
	if err != nil {
		return err
	}
	for i := range costs {
		of[i].Cost = &costs[i]
	}
	return nil
}
