package app

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/cmd/nadir/internal/term"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// A candidate is one way to reuse a model, or to do without.
type candidate struct {
	name     string // in words
	transfer config.Transfer
	scratch  bool // the same net with fresh weights
}

// words are the keys that stand for it on a command line.
func (k candidate) words() string {
	if k.scratch {
		return ""
	}
	var out []string
	for _, w := range []struct{ key, value string }{
		{"reuse", k.transfer.Reuse}, {"add", k.transfer.Add.Text}, {"freeze", k.transfer.Freeze}, {"unfreeze", k.transfer.Unfreeze},
	} {
		if w.value != "" {
			out = append(out, w.key+"="+shellWord(w.value))
		}
	}
	return strings.Join(out, " ")
}

// An attempt is what a candidate came to.
type attempt struct {
	candidate
	epoch, epochs int          // the best one, of how many
	val           train.Values // of the best epoch
	loss          float64
	seconds       float64 // to the end, and
	toBest        float64 // to the best epoch
	history       []train.Epoch
	test          train.Values // nil without a test part
}

// A search tries candidates on the same rows, from the same seed, for as long.
type search struct {
	*command
	cfg   *config.Config
	data  *dataset
	cache train.Cache
	tried []attempt
	quiet *command

	reused []string // layers
	names  []string // those of them with a kernel, from below
	units  []int    // theirs
	rate   float64  // the optimizer's
}

// newSearch opens what is searched on. Without early stopping of the user's own
// there is one, since what is compared is the best epoch of each.
func (c *command) newSearch(ctx context.Context, keys []string) (*search, error) {
	cfg, err := c.load("", os.Environ(), keys)
	if err != nil {
		return nil, err
	}
	if err := later(cfg); err != nil {
		return nil, err
	}
	if cfg.Epochs.Add || cfg.Steps > 0 {
		return nil, usage("what is tried is trained for epochs=N, not for steps")
	}
	if _, own := given(cfg, "model"); own {
		return nil, usage("model: the candidates' layers are made of those of transfer.from; leave the key out")
	}
	if cfg.EarlyStop == nil {
		cfg.EarlyStop = &config.EarlyStop{Monitor: "val/loss", Patience: max(3, cfg.Epochs.N/4), RestoreBest: true}
		v, err := spec.Encode(*cfg.EarlyStop)
		if err != nil {
			return nil, err
		}
		cfg.Tree = cfg.Tree.With("early_stop", v)
	}
	s := &search{command: c, cfg: cfg, quiet: &command{out: c.out, err: c.err, quiet: true}}
	if s.data, err = c.openData(ctx, cfg, openOptions{}); err != nil {
		return nil, err
	}
	for _, n := range s.data.notes {
		c.note(n)
	}
	if s.data.val == nil {
		s.data.Close()
		return nil, usage("what is tried is compared on validation rows, and there are none; set data.val")
	}
	s.cache = newCache(cfg, c.note).Cache
	return s, nil
}

// with is the configuration of a candidate.
func (s *search) with(k candidate) *config.Config {
	cfg := *s.cfg
	cfg.Transfer = k.transfer
	cfg.Transfer.From, cfg.Transfer.Cache = s.cfg.Transfer.From, s.cfg.Transfer.Cache
	return &cfg
}

// build makes the trainer of a candidate.
func (s *search) build(k candidate, d *dataset) (*built, error) {
	cfg := s.with(k)
	b, err := s.quiet.newTrainer(cfg, d, nil)
	if err != nil || !k.scratch {
		return b, err
	}
	defer b.trainer.Close()
	set, err := settings(cfg, d)
	if err != nil {
		return nil, err
	}
	set.Preprocess = b.trainer.Preprocess()
	tr, err := train.New(b.trainer.Model, set)
	if err != nil {
		return nil, err
	}
	return &built{trainer: tr, fresh: true}, nil
}

// try trains a candidate on rows and measures it. Epochs and patience are so many
// times those of the configuration.
func (s *search) try(ctx context.Context, k candidate, d *dataset, times int) (*attempt, error) {
	b, err := s.build(k, d)
	if err != nil {
		return nil, err
	}
	defer b.trainer.Close()
	if b.fresh {
		if err := b.trainer.Adapt(ctx, d.train); err != nil {
			return nil, err
		}
	}
	rows, err := augmented(s.cfg, d.train)
	if err != nil {
		return nil, err
	}
	run := train.Run{Train: rows, Val: d.val, Batch: s.cfg.Data.Batch, Epochs: times * s.cfg.Epochs.N, Cache: s.cache}
	e := s.cfg.EarlyStop
	hooks := []train.Hook{train.EarlyStopping{Monitor: e.Monitor, Patience: times * max(1, e.Patience), RestoreBest: true}.Hook(b.trainer, nil)}
	if b.reuse != nil {
		hooks = append(hooks, b.reuse.freezing.Hook(b.trainer, nil))
	}
	a := &attempt{candidate: k, loss: math.Inf(1)}
	began := time.Now()
	if err := train.Fit(b.trainer.Steps(ctx, run), append(hooks, train.TerminateOnNaN())...); err != nil {
		if !is[*train.Diverged](err) || len(b.trainer.History()) == 0 {
			return nil, err
		}
	}
	a.seconds = time.Since(began).Seconds()
	a.history = b.trainer.History()
	spent := 0.0
	for _, h := range a.history {
		spent += h.Seconds
		if l, ok := h.Val.Get("loss"); ok && l < a.loss {
			a.loss, a.epoch, a.val, a.toBest = l, h.Epoch, h.Val, spent
		}
	}
	a.epochs = len(a.history)
	b.trainer.RestoreBest()
	if d.test != nil {
		res, err := b.trainer.Evaluate(ctx, d.test)
		if err != nil {
			return nil, err
		}
		a.test = res.Values
	}
	return a, nil
}

// look finds the reused layers, and those of them that have a kernel.
func (s *search) look() error {
	b, err := s.build(candidate{transfer: s.cfg.Transfer}, s.data)
	if err != nil {
		return err
	}
	defer b.trainer.Close()
	s.rate = b.trainer.LR()
	s.reused, _ = b.reuse.layers()
	s.names = b.reuse.kernels()
	for _, name := range s.names {
		for _, m := range b.reuse.table {
			if strings.HasPrefix(m.Name, name+"/") && len(m.Shape) > 1 {
				s.units = append(s.units, m.Shape[len(m.Shape)-1])
				break
			}
		}
	}
	if len(s.names) == 0 {
		return usage("no reused layer has a kernel: there is nothing to search among")
	}
	return nil
}

// best is the attempt with the lowest validation loss among those of a part of
// the search; the one from scratch is only there to be compared with.
func (s *search) best(from int) int {
	best := -1
	for i := from; i < len(s.tried); i++ {
		if a := s.tried[i]; !a.scratch && (best < 0 || a.loss < s.tried[best].loss) {
			best = i
		}
	}
	return best
}

// walk tries what the procedure for reusing layers says, in its order: freeze
// all; set one or two of the uppermost free, and with more data more; where that
// is not enough, drop the uppermost or put others in their place, or add some.
func (s *search) walk(ctx context.Context, tell func(*attempt)) error {
	if err := s.look(); err != nil {
		return err
	}
	names, units := s.names, s.units
	try := func(k candidate) (*attempt, error) {
		s.note(fmt.Sprintf("%d: %s", len(s.tried)+1, k.name))
		a, err := s.try(ctx, k, s.data, 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		s.tried = append(s.tried, *a)
		tell(a)
		return a, nil
	}
	base := s.cfg.Transfer
	all := candidate{name: "all reused layers frozen", transfer: config.Transfer{Head: base.Head, Add: base.Add, Reuse: base.Reuse, Freeze: "*"}}
	if _, err := try(all); err != nil {
		return err
	}
	full := strconv.FormatFloat(s.rate, 'g', -1, 64)
	later := max(2, s.cfg.Epochs.N/3)
	// Set free one of the uppermost, two, …, as long as it helps.
	for n := 1; n <= len(names); n++ {
		k := all
		k.name = fmt.Sprintf("%d of %d layers free", n, len(names))
		if k.transfer.Unfreeze = fmt.Sprintf("top%d@1:%s", n, full); n == len(names) {
			k.name, k.transfer.Freeze, k.transfer.Unfreeze = "all layers free", "", ""
		}
		before := s.best(0)
		a, err := try(k)
		if err != nil {
			return err
		}
		if n >= 2 && a.loss > s.tried[before].loss && n < len(names) {
			// More did not help; all of them is still to be seen.
			k.name, k.transfer.Freeze, k.transfer.Unfreeze = "all layers free", "", ""
			if _, err := try(k); err != nil {
				return err
			}
			break
		}
	}
	// The best of these, its layers set free later and at a tenth of the rate.
	if k := s.tried[s.best(0)].candidate; k.transfer.Unfreeze != "" || k.transfer.Freeze == "" {
		top, _, _ := strings.Cut(k.transfer.Unfreeze, "@")
		if top == "" {
			top = "*"
		}
		k.name += fmt.Sprintf(", from epoch %d on and at a tenth of the rate", later)
		k.transfer.Freeze, k.transfer.Unfreeze = "*", fmt.Sprintf("%s@%d", top, later)
		if s.cfg.Epochs.N >= later {
			if _, err := try(k); err != nil {
				return err
			}
		}
	}
	// Without the uppermost, as long as it helps; the rest as in the best.
	for n := 1; n < len(names); n++ {
		before := s.best(0)
		k := s.without(n, s.tried[before].candidate)
		k.name = fmt.Sprintf("%d of %d layers dropped, %s", n, len(names), how(k))
		a, err := try(k)
		if err != nil {
			return err
		}
		if a.loss > s.tried[before].loss {
			break
		}
	}
	// Others in the place of the uppermost, and one more.
	if n := len(names); n > 1 && base.Add.Kind == spec.Null {
		k := s.without(1, s.tried[s.best(0)].candidate)
		k.transfer.Add = spec.Str(strconv.Itoa(units[n-1]))
		k.name = fmt.Sprintf("%s replaced by a new layer, %s", names[n-1], how(k))
		if _, err := try(k); err != nil {
			return err
		}
		k = s.tried[s.best(0)].candidate
		if k.transfer.Add.Kind == spec.Null {
			k.transfer.Add = spec.Str(strconv.Itoa(units[n-1]))
			k.name = "a layer more on top, " + how(k)
			if _, err := try(k); err != nil {
				return err
			}
		}
	}
	scratch := all
	scratch.name, scratch.scratch, scratch.transfer.Freeze = "from scratch, for comparison", true, ""
	_, err := try(scratch)
	return err
}

// how says what of a candidate is trained.
func how(k candidate) string {
	switch {
	case k.transfer.Freeze == "":
		return "all free"
	case k.transfer.Unfreeze == "":
		return "the rest frozen"
	}
	return "unfreeze=" + k.transfer.Unfreeze
}

// without is a candidate that does not reuse the n uppermost layers with a
// kernel, nor what stands above them. What would have been set free of them is
// no more.
func (s *search) without(n int, like candidate) candidate {
	k := candidate{transfer: like.transfer}
	lowest := s.names[len(s.names)-n]
	at := slices.IndexFunc(s.reused, func(l string) bool { return l == lowest || strings.HasPrefix(l, lowest+"/") })
	k.transfer.Reuse = strings.Join(s.reused[:at], ",")
	if top, rest, ok := strings.Cut(strings.TrimPrefix(k.transfer.Unfreeze, "top"), "@"); ok && strings.HasPrefix(k.transfer.Unfreeze, "top") {
		if have, err := strconv.Atoi(top); err == nil {
			k.transfer.Unfreeze = fmt.Sprintf("top%d@%s", min(have, len(s.names)-n), rest)
		}
	}
	return k
}

// transferSearch tries how much to reuse, and trains the best way to the end as
// a run of its own.
func (c *command) transferSearch(ctx context.Context, keys []string) error {
	s, err := c.newSearch(ctx, keys)
	if err != nil {
		return err
	}
	defer s.data.Close()
	n := 0
	if err := s.walk(ctx, func(a *attempt) {
		n++
		if c.json {
			_ = c.printJSON(append(object{{"event", "candidate"}, {"number", n}}, a.members()...))
			return
		}
		c.note(fmt.Sprintf("   %s in epoch %d, %.1f s", valuesText(a.val), a.epoch, a.seconds))
	}); err != nil {
		return err
	}
	best := s.best(0)
	if err := s.report(best); err != nil {
		return err
	}
	cfg := s.with(s.tried[best].candidate)
	t := spec.Value{Kind: spec.Map}
	old, _ := s.cfg.Tree.Get("transfer")
	for _, e := range old.Entries {
		if contains([]string{"from", "cache", "head"}, e.Key) {
			t = t.With(e.Key, e.Value)
		}
	}
	for _, w := range []struct {
		key   string
		value spec.Value
	}{{"reuse", spec.Str(cfg.Transfer.Reuse)}, {"add", cfg.Transfer.Add}, {"freeze", spec.Str(cfg.Transfer.Freeze)}, {"unfreeze", spec.Str(cfg.Transfer.Unfreeze)}} {
		if w.value.Kind != spec.Null && (w.value.Text != "" || len(w.value.Items) > 0) {
			t = t.With(w.key, w.value)
		}
	}
	cfg.Tree = s.cfg.Tree.With("transfer", t)
	s.data.Close()
	return c.startWith(ctx, "", cfg, false)
}

// members are an attempt as an object.
func (a *attempt) members() []member {
	keys := object{}
	for _, w := range []struct{ key, value string }{
		{"reuse", a.transfer.Reuse}, {"add", a.transfer.Add.Text}, {"freeze", a.transfer.Freeze}, {"unfreeze", a.transfer.Unfreeze},
	} {
		if w.value != "" {
			keys = append(keys, member{w.key, w.value})
		}
	}
	return []member{{"name", a.name}, {"scratch", a.scratch}, {"transfer", keys}, {"epoch", a.epoch}, {"epochs", a.epochs},
		{"seconds", a.seconds}, {"seconds_to_best", a.toBest}, {"val", a.val}, {"test", a.test}}
}

// report prints what was tried, the best first.
func (s *search) report(best int) error {
	order := make([]int, len(s.tried))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch a, b := s.tried[i].loss, s.tried[j].loss; {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	if s.json {
		return s.printJSON(object{{"event", "search"}, {"best", best + 1}, {"tried", len(s.tried)}, {"name", s.tried[best].name}, {"words", s.tried[best].words()},
			{"order", plusOne(order)}})
	}
	return s.print(func(w *bufio.Writer) {
		g := grid{align: "rlrrrrl"}
		g.add("", "", "val loss", "accuracy", "epoch", "seconds", "")
		for _, i := range order {
			a := s.tried[i]
			acc, mark := "", ""
			if v, ok := a.val.Get("accuracy"); ok {
				acc = fmt.Sprintf("%.4f", v)
			}
			if i == best {
				mark = "best"
			}
			g.add(strconv.Itoa(i+1), a.name, measure(a.loss), acc, fmt.Sprintf("%d/%d", a.epoch, a.epochs), fmt.Sprintf("%.2f", a.toBest), mark)
		}
		g.write(w, "")
		fmt.Fprintf(w, "\nbest: %s\n", s.tried[best].name)
		if text := s.tried[best].words(); text != "" {
			fmt.Fprintf(w, "as words: %s\n", text)
		}
	})
}

func plusOne(list []int) []int {
	out := make([]int, len(list))
	for i, v := range list {
		out[i] = v + 1
	}
	return out
}

func valuesText(v train.Values) string {
	var parts []string
	for _, x := range v {
		parts = append(parts, fmt.Sprintf("val %s %s", x.Name, measure(x.Value)))
	}
	return strings.Join(parts, ", ")
}

// curveSizes are the examples of a class that a learning curve goes through.
var curveSizes = []int{3, 10, 30, 100, 300, 1000, 3000}

// transferCurve trains with and without the reused layers on more and more
// examples.
func (c *command) transferCurve(ctx context.Context, keys []string) error {
	s, err := c.newSearch(ctx, keys)
	if err != nil {
		return err
	}
	defer s.data.Close()
	labels, err := classesOf(s.data.train)
	if err != nil {
		return err
	}
	most := 0
	for _, rows := range labels {
		most = max(most, len(rows))
	}
	base := s.cfg.Transfer
	reuse := candidate{name: "transfer", transfer: config.Transfer{Reuse: base.Reuse, Head: base.Head, Add: base.Add, Freeze: base.Freeze, Unfreeze: base.Unfreeze}}
	scratch := reuse
	scratch.name, scratch.scratch, scratch.transfer.Freeze, scratch.transfer.Unfreeze = "scratch", true, "", ""
	g := grid{align: "rrrrrrrrr"}
	g.add("a class", "rows", "transfer", "scratch", "gain", "epochs", "scratch", "seconds", "scratch")
	steps := func(rows int) int { return (rows + s.cfg.Data.Batch - 1) / s.cfg.Data.Batch }
	for i, n := range curveSizes {
		if i > 0 && curveSizes[i-1] >= most {
			break
		}
		var rows []int32
		for _, of := range labels {
			rows = append(rows, of[:min(n, len(of))]...)
		}
		if len(rows) < 2 {
			continue
		}
		slices.Sort(rows)
		d := *s.data
		d.train = data.Subset(s.data.train, rows)
		// Few rows make few steps an epoch: they get more epochs.
		times := min(mostTimes, max(1, steps(s.data.train.Len())/steps(len(rows))))
		with, err := s.try(ctx, reuse, &d, times)
		if err != nil {
			return err
		}
		without, err := s.try(ctx, scratch, &d, times)
		if err != nil {
			return err
		}
		key := "accuracy"
		if _, ok := with.score(key); !ok {
			key = "loss"
		}
		x, _ := with.score(key)
		y, _ := without.score(key)
		gain := x - y
		if key == "loss" {
			gain = -gain
		}
		epochs, seconds := with.until(without.loss)
		if c.json {
			reached := object{{"epochs", nil}, {"seconds", nil}}
			if epochs > 0 {
				reached = object{{"epochs", epochs}, {"seconds", seconds}}
			}
			if err := c.printJSON(object{{"event", "point"}, {"per_class", n}, {"rows", len(rows)}, {"measure", key}, {"transfer", finite(x)}, {"scratch", finite(y)}, {"gain", finite(gain)},
				{"scratch_best", object{{"epochs", without.epoch}, {"seconds", without.toBest}}}, {"transfer_reaches_it", reached}}); err != nil {
				return err
			}
			continue
		}
		c.note(fmt.Sprintf("%d a class: %s %s with transfer, %s from scratch", n, key, measure(x), measure(y)))
		reached := [2]string{"–", "–"}
		if epochs > 0 {
			reached = [2]string{strconv.Itoa(epochs), fmt.Sprintf("%.2f", seconds)}
		}
		g.add(strconv.Itoa(n), term.Count(int64(len(rows))), measure(x), measure(y), fmt.Sprintf("%+.4f", gain), reached[0], strconv.Itoa(without.epoch), reached[1], fmt.Sprintf("%.2f", without.toBest))
	}
	if c.json {
		return nil
	}
	return c.print(func(w *bufio.Writer) {
		g.write(w, "")
		fmt.Fprintln(w, "\nepochs and seconds: what scratch takes to its best validation loss, and transfer to that loss")
	})
}

// mostTimes is how many times the epochs that small parts of a learning curve get
// at most.
const mostTimes = 10

// until is when an attempt was first as good as a validation loss: after how many
// epochs and seconds; 0 where it never was.
func (a *attempt) until(loss float64) (epochs int, seconds float64) {
	for i, e := range a.history {
		seconds += e.Seconds
		if l, ok := e.Val.Get("loss"); ok && l <= loss {
			return i + 1, seconds
		}
	}
	return 0, 0
}

// score is a measured number: on the test part where there is one.
func (a *attempt) score(name string) (float64, bool) {
	if a.test != nil {
		return a.test.Get(name)
	}
	return a.val.Get(name)
}

// classesOf lists the rows of each class; all rows where there are no classes.
func classesOf(src data.Source) ([][]int32, error) {
	if !src.Schema().Classification() {
		rows := make([]int32, src.Len())
		for i := range rows {
			rows[i] = int32(i)
		}
		return [][]int32{rows}, nil
	}
	labels, err := data.Labels(src)
	if err != nil {
		return nil, asData(err)
	}
	out := make([][]int32, len(src.Schema().Classes))
	for i, l := range labels {
		out[l] = append(out[l], int32(i))
	}
	return out, nil
}
