package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// A Record is what came of a run from one seed.
type Record struct {
	Experiment string             `json:"experiment"`
	Run        string             `json:"run"`
	Seed       int                `json:"seed"`
	Kernel     string             `json:"kernel"`
	Params     int                `json:"params"`
	Seconds    float64            `json:"seconds"`
	Epochs     []Epoch            `json:"epochs"`
	Stages     []Epoch            `json:"stages,omitempty"` // before training
	Test       map[string]float64 `json:"test,omitempty"`
	Diverged   string             `json:"diverged,omitempty"`
}

// An Epoch is what one pass measured.
type Epoch struct {
	Epoch int                `json:"epoch"`
	Stage int                `json:"stage,omitempty"`
	Train map[string]float64 `json:"train"`
	Val   map[string]float64 `json:"val"`
}

// hash is what a record is kept under: all that the outcome depends on.
func (p place) hash(all []*Experiment, seed int) string {
	h := sha256.New()
	fmt.Fprintf(h, "lab/1\n%s\n%s\n%q\nseed %d\n", p.e.config, p.r.Verb, p.r.Keys, seed)
	if p.r.From != "" {
		fmt.Fprintf(h, "from %s\n", find(all, p.e, p.r.From).hash(all, seed))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// A store keeps records as files of a folder.
type store struct{ dir string }

func (s store) file(hash string) string { return filepath.Join(s.dir, hash+".json") }

// load is the record kept under a hash, nil where there is none.
func (s store) load(hash string) (*Record, error) {
	text, err := os.ReadFile(s.file(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it to have it made anew", s.file(hash), err)
	}
	return &r, nil
}

// save writes a record as a whole or not at all.
func (s store) save(hash string, r *Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	return replace(s.file(hash), append(text, '\n'))
}

// replace writes a file under another name and gives it its own when it is whole.
func replace(path string, text []byte) error {
	if err := os.WriteFile(path+".tmp", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// value is a figure's number in a record, NaN where it has none.
func (r *Record) value(of string, epoch int) float64 {
	part, name, _ := strings.Cut(of, "/")
	if part == "test" {
		return get(r.Test, name)
	}
	list := r.Epochs
	if part == "stage" {
		list = r.Stages
		part, name, _ = strings.Cut(name, "/")
	}
	if r.Diverged != "" && epoch <= 0 || len(list) == 0 {
		return math.NaN()
	}
	at := func(e Epoch) float64 {
		if part == "train" {
			return get(e.Train, name)
		}
		return get(e.Val, name)
	}
	switch {
	case epoch == 0:
		return at(list[len(list)-1])
	case epoch < 0:
		best := math.NaN()
		for _, e := range list {
			if v := at(e); math.IsNaN(best) || v > best {
				best = v
			}
		}
		return best
	}
	for _, e := range list {
		if e.Epoch == epoch {
			return at(e)
		}
	}
	return math.NaN()
}

func get(m map[string]float64, name string) float64 {
	if v, ok := m[name]; ok {
		return v
	}
	return math.NaN()
}
