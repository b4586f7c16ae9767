package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed experiments/*.yaml
var files embed.FS

// An Experiment is one row, or a few, of the recorded figures.
type Experiment struct {
	ID     string `yaml:"id"`
	Title  string `yaml:"title"`
	Source string `yaml:"source"` // where the figures were recorded
	Note   string `yaml:"note"`   // where this run differs from that one
	// Seeds is how many there are; 3 by default.
	Seeds int `yaml:"seeds"`
	// Tolerance is by how much the median may fall short of a figure that is to be
	// reached.
	Tolerance float64 `yaml:"tolerance"`
	Runs      []Run   `yaml:"runs"`
	Claims    []Claim `yaml:"claims"`

	config []byte
}

// A Run is one configuration of an experiment.
type Run struct {
	Name string `yaml:"name"`
	// Verb is train, by default, or pretrain.
	Verb string `yaml:"verb"`
	// Keys are laid over the configuration, as words of the command.
	Keys []string `yaml:"keys"`
	// From names the run whose model is reused, of this experiment or, as R13/clipped,
	// of another.
	From     string   `yaml:"from"`
	Recorded []Figure `yaml:"recorded"`
}

// A Figure is a recorded number.
type Figure struct {
	// Of is what was measured: val/accuracy, train/accuracy or test/accuracy, of
	// the stages before training stage/val/accuracy.
	Of string `yaml:"of"`
	// Epoch counts from 1; 0 is the last one, -1 the best one.
	Epoch int     `yaml:"epoch"`
	Value float64 `yaml:"value"`
	// Reach says that the median is to come up to it, within the tolerance.
	Reach bool `yaml:"reach"`
}

// A Claim is something that holds between runs.
type Claim struct {
	Text string `yaml:"text"`
	// Better and Than name runs: the number Of of the first is to be greater, by By
	// at least, in four seeds of five. With Gap it is the difference of training to
	// validation that is to be smaller.
	Better string  `yaml:"better"`
	Than   string  `yaml:"than"`
	By     float64 `yaml:"by"`
	Gap    bool    `yaml:"gap"`
	// Spread names runs whose medians are to lie no further apart than AtMost, or
	// at least AtLeast.
	Spread  []string `yaml:"spread"`
	AtMost  float64  `yaml:"at_most"`
	AtLeast float64  `yaml:"at_least"`
	// Order names runs whose medians are to rise from each to the next.
	Order []string `yaml:"order"`
	// Same names runs whose every number is to be the same.
	Same []string `yaml:"same"`
	// Reaches names a run whose median is to be at least AtLeast, Stays one whose
	// median is to be at most AtMost.
	Reaches string `yaml:"reaches"`
	Stays   string `yaml:"stays"`
	// Rates and Against name runs that are the same but for a learning rate, from low
	// to high: the highest rate that still learns, to Works at least, is to be Times
	// as high for the first.
	Rates   map[string]float64 `yaml:"rates"`
	Against map[string]float64 `yaml:"against"`
	Works   float64            `yaml:"works"`
	Times   float64            `yaml:"times"`
	// Of is the number that is compared; val/accuracy by default. Epoch is that of
	// a Figure.
	Of    string `yaml:"of"`
	Epoch int    `yaml:"epoch"`
}

// load reads the experiments, in the order of their numbers.
func load(fsys fs.FS) ([]*Experiment, error) {
	names, err := fs.Glob(fsys, "experiments/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []*Experiment
	var errs []error
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		e, err := parse(text)
		if err == nil && e.ID != strings.TrimSuffix(path.Base(name), ".yaml") {
			err = fmt.Errorf("its id is %q", e.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *Experiment) int { return natural(a.ID, b.ID) })
	for _, e := range out {
		for _, r := range e.Runs {
			if r.From != "" && find(out, e, r.From) == nil {
				errs = append(errs, fmt.Errorf("%s/%s: no run is called %q", e.ID, r.Name, r.From))
			}
		}
	}
	return out, errors.Join(errs...)
}

// parse reads a header and the configuration behind it.
func parse(text []byte) (*Experiment, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	head, config, ok := bytes.Cut(text, []byte("\n---\n"))
	if !ok {
		return nil, errors.New("there is no line --- between header and configuration")
	}
	e := &Experiment{Seeds: 3, Tolerance: 0.005, config: config}
	if err := yaml.UnmarshalWithOptions(head, e, yaml.Strict()); err != nil {
		return nil, err
	}
	return e, e.validate()
}

func (e *Experiment) validate() error {
	var names []string
	for _, r := range e.Runs {
		if r.Name == "" || slices.Contains(names, r.Name) {
			return fmt.Errorf("run %q has no name of its own", r.Name)
		}
		names = append(names, r.Name)
		if r.Verb != "" && r.Verb != "train" && r.Verb != "pretrain" {
			return fmt.Errorf("run %s: verb %q is neither train nor pretrain", r.Name, r.Verb)
		}
		for _, f := range r.Recorded {
			if part, _, ok := strings.Cut(f.Of, "/"); !ok || !slices.Contains([]string{"val", "train", "test", "stage"}, part) {
				return fmt.Errorf("run %s: %q is nothing that is recorded", r.Name, f.Of)
			}
		}
	}
	for _, c := range e.Claims {
		if c.Text == "" {
			return errors.New("a claim without a text")
		}
		for _, n := range c.runs() {
			if !slices.Contains(names, n) {
				return fmt.Errorf("claim %q: no run is called %q", c.Text, n)
			}
		}
		if len(c.runs()) == 0 {
			return fmt.Errorf("claim %q is about no run", c.Text)
		}
	}
	switch {
	case e.ID == "" || e.Title == "" || e.Source == "":
		return errors.New("it needs id, title and source")
	case len(e.Runs) == 0:
		return errors.New("it has no runs")
	case e.Seeds < 1:
		return errors.New("it needs a seed")
	}
	return nil
}

// runs names what a claim is about.
func (c Claim) runs() []string {
	out := slices.Concat(c.Spread, c.Order, c.Same)
	for _, n := range []string{c.Better, c.Than, c.Reaches, c.Stays} {
		if n != "" {
			out = append(out, n)
		}
	}
	for _, m := range []map[string]float64{c.Rates, c.Against} {
		for n := range m {
			out = append(out, n)
		}
	}
	return out
}

// A place is a run of an experiment.
type place struct {
	e *Experiment
	r *Run
}

// find is the run that from names in experiment e.
func find(all []*Experiment, e *Experiment, from string) *place {
	id, name, other := strings.Cut(from, "/")
	if !other {
		id, name = e.ID, from
	}
	for _, x := range all {
		for i := range x.Runs {
			if x.ID == id && x.Runs[i].Name == name {
				return &place{x, &x.Runs[i]}
			}
		}
	}
	return nil
}

// natural orders R2 before R10.
func natural(a, b string) int {
	pad := func(s string) string {
		i := strings.IndexAny(s, "0123456789")
		if i < 0 {
			return s
		}
		digits := s[i:]
		if j := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); j >= 0 {
			digits = digits[:j]
		}
		return s[:i] + strings.Repeat("0", max(0, 6-len(digits))) + s[i:]
	}
	return strings.Compare(pad(a), pad(b))
}
