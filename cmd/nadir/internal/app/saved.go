package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/cmd/nadir/internal/config"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// A subject is the saved model that a verb is about, and what it is told beside.
type subject struct {
	*format.Model
	path    string         // of the file
	made    *format.Report // what became what
	run     string         // directory of the run that it belongs to, or ""
	cfg     *config.Config
	outputs []nn.Port  // what its outputs are called, where that was changed for predictions
	table   *csv.Table // how rows of a table are encoded, or nil
}

// openSubject opens a model file or the model of a run. The configuration of
// the run is what keys are laid over.
func (c *command) openSubject(verb, target string, keys []string) (*subject, error) {
	path, card, err := c.ofZoo(target)
	if err != nil {
		return nil, err
	}
	if card != nil {
		return c.openCardAt(verb, *card, path, keys)
	}
	s := &subject{}
	if s.path, s.run, err = locate(verb, target); err != nil {
		return nil, err
	}
	file := ""
	if s.run != "" {
		file = filepath.Join(s.run, configFile)
	}
	if s.cfg, err = c.load(file, os.Environ(), keys); err != nil {
		return nil, err
	}
	if err := c.bring(verb, s, keys); err != nil {
		return nil, err
	}
	if text := s.Extra["table"]; text != "" {
		s.table = &csv.Table{}
		if err := json.Unmarshal([]byte(text), s.table); err != nil {
			return nil, &format.Corrupt{Err: err}
		}
	}
	return s, nil
}

// locate finds the file of a model and the run that it belongs to.
func locate(verb, target string) (path, run string, err error) {
	if target == "" {
		return "", "", usage("%s wants a model: a file such as runs/digits/%s, or the directory of a run", verb, modelFile)
	}
	if name, ok := strings.CutPrefix(target, zooPrefix); ok && !exists(target) {
		return "", "", usage("%s takes a file; make one of %s first: nadir zoo get %s -o %s.safetensors", verb, target, name, name)
	}
	info, err := os.Stat(target)
	if err != nil && format.Known(target) { // what the files of a checkpoint are called by
		return target, "", nil
	}
	if err != nil {
		return "", "", usage("no file or folder is called %q%s", target, nearFiles(target))
	}
	dir := filepath.Clean(target)
	if !info.IsDir() {
		if dir = filepath.Dir(target); filepath.Base(target) != modelFile || !isRun(dir) {
			dir = ""
		}
		return target, dir, nil
	}
	path = filepath.Join(dir, modelFile)
	switch {
	case !isRun(dir) && format.Known(target):
		return target, "", nil
	case !isRun(dir):
		return "", "", usage("%s is neither a model file nor the directory of a run", target)
	case !exists(path):
		return "", "", usage("%s has no %s yet: the run is not done; go on with: %s", target, modelFile, resumeLine(dir))
	}
	return path, dir, nil
}

func isRun(dir string) bool {
	return exists(filepath.Join(dir, runFile)) && exists(filepath.Join(dir, configFile))
}

// said is the value of a key where the user gave it now: not in the run's
// configuration, and not as a default.
func (s *subject) said(path ...string) (spec.Value, bool) {
	v := s.cfg.Tree
	for i, key := range path {
		x, ok := v.Get(key)
		if !ok && i == len(path)-1 && key == "name" && v.Kind == spec.String {
			x, ok = v, true // data=NAME
		}
		if !ok {
			return x, false
		}
		v = x
	}
	own := s.run != "" && v.Pos.File == filepath.Join(s.run, configFile)
	return v, !own && v.Pos.File != config.BuiltIn
}

// meant refuses keys that a verb makes nothing of; one that ends in .* stands
// for all below it. The words are of the command line: the environment is for
// all verbs.
func meant(verb string, words []string, keys ...string) error {
	known := config.Keys()
	for _, word := range words {
		key, _, _ := strings.Cut(word, "=")
		top, _, _ := strings.Cut(key, ".")
		switch {
		case contains(keys, key), contains(keys, top+".*"):
		case contains(known, key), contains(known, top+".*"):
			return usage("%s: %s has no meaning for %s; it takes %s", word, key, verb, strings.Join(keys, ", "))
		}
	}
	return nil
}

// sourceKeys say what rows there are.
func sourceKeys(more ...string) []string {
	return append([]string{"data", "data.name", "data.url", "data.feature", "data.label", "data.ignore", "data.classes", "data.limit", "sample_weight", "seed"}, more...)
}

// reading is the configuration that data is opened with. What input.* asks for
// is done behind it. Where the data is not the run's own, what the run said of
// its columns does not hold.
func (s *subject) reading(other bool) (*config.Config, error) {
	cfg := *s.cfg
	cfg.Tree = cfg.Tree.Without("input")
	d, _ := cfg.Tree.Get("data")
	for _, key := range []string{"feature", "label", "ignore", "url"} {
		v, now := s.said("data", key)
		if now && s.table != nil && key != "url" {
			return nil, &spec.Error{Pos: v.Pos, Path: "data." + key, Msg: "data." + key + ": the model was saved with the columns that it takes"}
		}
		if other && !now && d.Kind == spec.Map {
			d = d.Without(key)
			switch key {
			case "feature":
				cfg.Data.Feature = nil
			case "label":
				cfg.Data.Label = ""
			case "ignore":
				cfg.Data.Ignore = nil
			case "url":
				cfg.Data.URL = ""
			}
		}
	}
	cfg.Tree = cfg.Tree.With("data", d)
	if _, now := s.said("sample_weight"); other && !now {
		cfg.SampleWeight, cfg.Tree = "", cfg.Tree.Without("sample_weight")
	}
	return &cfg, nil
}

// home is the folder that the run was begun in, from which its paths go.
func (s *subject) home() (string, error) {
	if s.run == "" {
		return "", nil
	}
	info, err := (&runDir{path: s.run}).info()
	return info.Dir, err
}

// net ties the model to rows of a schema, for evaluation and prediction.
func (s *subject) net(set train.Config) (*train.Net, error) {
	set.Preprocess, set.Frozen = s.Preprocess, true
	set.Float, set.Products, set.Threads, set.Seed = floatOf(s.cfg.Precision), productsOf(s.cfg.Precision), s.cfg.Threads, s.cfg.Seed
	if set.Loss == nil && set.Losses == nil && len(s.Losses) > 0 {
		set.Losses = map[string]train.OutputLoss{}
		for _, o := range s.Losses {
			set.Losses[o.Name] = train.OutputLoss{Loss: o.Loss, Weight: o.Weight}
		}
	}
	return train.NewNet(s.Net, s.Params, set)
}

// loss is that of the first output, nil where it is not known.
func (s *subject) loss() loss.Loss {
	if len(s.Losses) == 0 {
		return nil
	}
	return s.Losses[0].Loss
}

// prepared reports whether the model has preprocessing of numbers, before it or as
// its first layers.
func (s *subject) prepared() bool {
	verdict, open := prepares(s.Preprocess)
	if open {
		verdict, _ = prepares(s.Net)
	}
	return verdict
}

// prepares reports whether numbers are scaled or centered before anything else is done
// with them, and whether what comes out is still as it went in.
func prepares(m nn.Model) (verdict, open bool) {
	f, ok := m.(nn.Functional)
	if layers, chain := m.(nn.Sequential); chain {
		for _, l := range layers {
			f.Layers = append(f.Layers, nn.Entry{Layer: l})
		}
	} else if !ok {
		return false, false
	}
	raw := map[string]bool{} // values that are the input's
	ins, _ := m.Ports()
	for _, p := range ins {
		raw[p.Name] = true
	}
	open = true // of the layer before
	for _, e := range f.Layers {
		if len(e.Inputs) > 0 {
			open = slices.ContainsFunc(e.Inputs, func(name string) bool { return raw[name] })
		}
		if !open {
			continue
		}
		switch e.Layer.(type) {
		case nn.Rescale, nn.Standardize:
			return true, false
		case nn.Input, nn.Flatten, nn.Reshape, nn.Permute, nn.Reverse:
			raw[nn.NameOf(e.Layer)] = true
		default:
			open = false
		}
	}
	return false, open
}
