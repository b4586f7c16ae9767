package pretrain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/format/safetensors"
	"github.com/nadir-ml/nadir/param"
)

// The files of a checkpoint beside those of the trainer of the part.
const (
	stateFile    = "pretrain.json"
	netFile      = "net.safetensors"
	extrasFile   = "extras.safetensors"
	stateVersion = 1
)

// saved is the state as a checkpoint holds it.
type saved struct {
	Version int    `json:"version"`
	Parts   string `json:"parts"`   // what is trained, part by part
	Trainer bool   `json:"trainer"` // a part has begun
	progress
}

// Save writes a checkpoint: the net's parameters, what is over, and the whole
// state of the part that is trained. Its number is that of the steps taken.
func (p *Pretraining) Save(store ckpt.Store) (*ckpt.Checkpoint, error) {
	text, err := json.Marshal(saved{stateVersion, p.text(), p.now != nil, p.state})
	if err != nil {
		return nil, err
	}
	files := []ckpt.File{
		{Name: stateFile, Write: func(w io.Writer) error { _, err := w.Write(text); return err }},
		{Name: netFile, Write: func(w io.Writer) error { return writeSet(w, p.net.Params) }},
		{Name: extrasFile, Write: func(w io.Writer) error { return writeSet(w, p.extras) }},
	}
	if p.now != nil {
		more, err := p.now.trainer.Snapshot()
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return store.Save(p.Taken(), files...)
}

// text names the parts.
func (p *Pretraining) text() string {
	out := ""
	for _, at := range p.parts {
		out += fmt.Sprintf("%d %s; ", at.stage, strings.Join(strings.Fields(at.kind+" "+at.task+" "+at.layers), " "))
	}
	return out
}

// Restore puts the pretraining into the state that a checkpoint holds. Net and
// stages must be those that it was saved with.
func (p *Pretraining) Restore(ctx context.Context, c *ckpt.Checkpoint) error {
	damage := func(err error, format string, args ...any) error {
		return &ckpt.Damage{Path: c.Dir, Msg: fmt.Sprintf(format, args...), Err: err}
	}
	text, err := c.ReadFile(stateFile)
	if err != nil {
		return err
	}
	s, err := parseState(text)
	if err != nil {
		return damage(err, "%s %v", stateFile, err)
	}
	if s.Parts != p.text() || s.Part > len(p.parts) {
		return fmt.Errorf("the stages are no longer those of the run (%s, was %s); begin anew with them", p.text(), s.Parts)
	}
	net, err := readSet(c, netFile, p.net.Params)
	if err != nil {
		return err
	}
	if err := p.net.Params.CopyFrom(net, param.Slot); err != nil {
		return damage(err, "its parameters are not this net's: %v", err)
	}
	if p.extras, err = readSet(c, extrasFile, param.NewSet(p.net.Params.Float())); err != nil {
		return err
	}
	p.state = s.progress
	for _, at := range p.parts[:s.Part] {
		for _, n := range at.norms {
			p.begun[n] = true
		}
	}
	if !s.Trainer || p.Over() {
		return nil
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	return p.now.trainer.Restore(c, false)
}

// parseState reads the file that Save calls pretrain.json.
func parseState(text []byte) (saved, error) {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("is not what a run writes: %w", err)
	}
	if s.Version != stateVersion {
		return s, fmt.Errorf("is of version %d, this program reads %d", s.Version, stateVersion)
	}
	if s.Part < 0 || s.Steps < 0 {
		return s, fmt.Errorf("is not what a run writes: a count is below 0")
	}
	return s, nil
}

func writeSet(w io.Writer, s *param.Set) error {
	var ts []safetensors.Named
	for p := range s.All() {
		if p.Kind != param.Slot {
			ts = append(ts, safetensors.Named{Name: p.Name, Tensor: p.Value})
		}
	}
	return safetensors.Write(w, ts, nil)
}

// readSet reads a set whose parameters are of the kinds that like has.
func readSet(c *ckpt.Checkpoint, name string, like *param.Set) (*param.Set, error) {
	f, size, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := safetensors.Read(f, size)
	if err != nil {
		return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be read", Err: err}
	}
	all, err := st.All()
	if err != nil {
		return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be read", Err: err}
	}
	out := param.NewSet(like.Float())
	for _, n := range all {
		kind := param.Weight
		if p := like.Get(n.Name); p != nil {
			kind = p.Kind
		}
		p, err := out.Add(n.Name, kind, n.Tensor.Shape())
		if err == nil {
			err = p.Value.CopyFrom(n.Tensor)
		}
		if err != nil {
			return nil, &ckpt.Damage{Path: c.Dir, Msg: name + " cannot be used", Err: err}
		}
	}
	return out, nil
}
