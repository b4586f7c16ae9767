package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// objects prints one JSON object a line for a program to read, and nothing else
// on the same stream.
type objects struct {
	mu     sync.Mutex
	out    io.Writer
	notes  io.Writer
	err    error
	closed bool
}

func (o *objects) Start(s Start) {
	o.print(struct {
		Event  string          `json:"event"`
		Run    string          `json:"run"`
		Step   int64           `json:"step"`
		Params int64           `json:"params"`
		Config json.RawMessage `json:"config"`
	}{"start", s.Run, s.Step, s.Params, s.Configuration})
}

func (o *objects) Step(Progress) {}

func (o *objects) Epoch(e Epoch) {
	var stage Stage
	if e.Stage != nil {
		stage = *e.Stage
	}
	o.print(struct {
		Event         string   `json:"event"`
		Stage         int      `json:"stage,omitempty"`
		Kind          string   `json:"kind,omitempty"`
		Task          string   `json:"task,omitempty"`
		Layers        string   `json:"layers,omitempty"`
		Epoch         int      `json:"epoch"`
		Step          int64    `json:"step"`
		Seconds       *float64 `json:"seconds"`
		SamplesPerSec *float64 `json:"samples_per_s"`
		LR            *float64 `json:"lr"`
		Train         Values   `json:"train"`
		Val           Values   `json:"val"`
	}{"epoch", stage.Number, stage.Kind, stage.Task, stage.Layers, e.Epoch, e.Step, finite(e.Seconds), finite(e.SamplesPerSec), finite(e.LR), e.Train, e.Val})
}

func (o *objects) Saved(string) {}

func (o *objects) Note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		fmt.Fprintln(o.notes, text)
	}
}

func (o *objects) Done(d Done) {
	var test *testObject
	if d.Test != nil {
		test = &testObject{*d.Test}
	}
	o.print(struct {
		Event    string      `json:"event"`
		Run      string      `json:"run"`
		Model    string      `json:"model"`
		Steps    int64       `json:"steps"`
		Seconds  *float64    `json:"seconds"`
		Best     *Best       `json:"best"`
		Test     *testObject `json:"test"`
		Sparsity *float64    `json:"sparsity,omitempty"`
	}{"done", d.Run, d.Model, d.Steps, finite(d.Seconds), d.Best, test, d.Sparsity})
}

func (o *objects) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return o.err
}

// testObject is a Test as JSON: the values, then the number of rows.
type testObject struct{ Test }

// MarshalJSON appends n to the values.
func (t testObject) MarshalJSON() ([]byte, error) {
	return append(t.Values[:len(t.Values):len(t.Values)], Value{Name: "n", Value: float64(t.N)}).MarshalJSON()
}

// print writes an object and its line end at once, so that a reader never sees
// half a line.
func (o *objects) print(object any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.err != nil {
		return
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if o.err = e.Encode(object); o.err == nil {
		_, o.err = o.out.Write(b.Bytes())
	}
}
