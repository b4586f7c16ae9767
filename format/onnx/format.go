package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

func init() {
	format.Register(format.Format{Name: "onnx", Detect: detect, Open: open})
}

// Operator sets that are read. Set 22 only adds types of elements to the operations of
// 21; of set 6 those that broadcast in the old way are refused.
const oldest, newest = 6, 22

// detect finds a model by its first fields: the version of the format, then who made
// it, the graph or the operator sets.
func detect(p *format.Probe) bool {
	if p.Info == nil || !p.Info.Mode().IsRegular() {
		return false
	}
	h := p.Head
	if len(h) > 3 && h[0] == 0x08 && h[1] > 2 && h[1] < 64 && slices.Contains([]byte{0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42}, h[2]) {
		return true
	}
	return strings.EqualFold(filepath.Ext(p.Path), ".onnx")
}

// maxFile is the largest model that is read: protocol buffers end there, and larger tensors
// belong into files beside it.
const maxFile = 1<<31 - 1

func open(path string) (*format.File, error) {
	var on format.File
	raw, err := on.Map(path, maxFile)
	if err != nil {
		return nil, err
	}
	f, err := parse(raw, filepath.Dir(path))
	if err != nil {
		on.Close()
		return nil, err
	}
	f.Release, f.Forget = on.Release, on.Forget
	return f, nil
}

// parse describes a model whose external data lies in a folder.
func parse(raw []byte, folder string) (*format.File, error) {
	m, err := parseModel(raw)
	if err != nil {
		return nil, damaged(err)
	}
	if m.opset < oldest || m.opset > newest {
		return nil, &format.Unsupported{What: fmt.Sprintf("operator set %d", m.opset), Msg: fmt.Sprintf("sets %d to %d are read; export the model again", oldest, newest)}
	}
	f := &format.File{Format: "onnx"}
	f.Metadata = append(f.Metadata, format.Entry{Key: "ir_version", Value: strconv.FormatInt(m.ir, 10)}, format.Entry{Key: "opset", Value: strconv.Itoa(m.opset)})
	if m.producer != "" {
		f.Metadata = append(f.Metadata, format.Entry{Key: "producer", Value: m.producer})
	}
	f.Metadata = append(f.Metadata, m.meta...)
	scratch, err := newConverter(m, f, folder)
	if err != nil {
		return nil, damaged(err)
	}
	for _, t := range m.graph.tensors {
		x := known(t).tensor()
		x.Bands = t.bands()
		if dtypeOf(t.code) == 0 {
			x.Read = nil
		}
		f.Tensors = append(f.Tensors, x)
	}
	for _, in := range m.graph.inputs {
		if scratch.init[in.name] == nil {
			f.Inputs = append(f.Inputs, format.Node{Name: in.name, Shape: sampleOf(in), Note: note(in)})
		}
	}
	for _, out := range m.graph.outputs {
		f.Outputs = append(f.Outputs, format.Node{Name: out.name, Shape: sampleOf(out)})
	}
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		_, b, err := blueprint(m, f, folder, o)
		return b, err
	}
	return f, nil
}

func sampleOf(v valueInfo) []int {
	if len(v.shape) == 0 {
		return nil
	}
	return v.shape[1:]
}

func note(v valueInfo) string {
	if v.code != 1 {
		return typeName(v.code)
	}
	return ""
}

// damaged makes errors of the wire format ones of the file.
func damaged(err error) error {
	if u, ok := errors.AsType[*format.Unsupported](err); ok {
		return u
	}
	if e, ok := errors.AsType[*bundle.Error](err); ok {
		return &format.Corrupt{Err: fmt.Errorf("the ONNX model is damaged or truncated: %s", e.Msg)}
	}
	return &format.Corrupt{Err: err}
}

// blueprint makes the model of the outputs that are asked for. A graph that takes the first
// axis for something else than samples of a batch, and whose inputs have fixed shapes, is
// taken to compute with one sample.
func blueprint(m *model, f *format.File, folder string, o format.Options) (*converter, *format.Blueprint, error) {
	c, b, err := blueprintOf(m, f, folder, o, false)
	if _, ok := errors.AsType[*format.Unsupported](err); ok {
		if c, b, again := blueprintOf(m, f, folder, o, true); again == nil {
			b.Warnings = append(b.Warnings, "the graph has no axis for a batch: what it takes is one sample, and what it gives, too")
			return c, b, nil
		}
	}
	return c, b, err
}

func blueprintOf(m *model, f *format.File, folder string, o format.Options, whole bool) (*converter, *format.Blueprint, error) {
	c, err := newConverter(m, f, folder)
	if err != nil {
		return nil, nil, err
	}
	c.whole = whole
	c.told = o.Inputs
	if o.Input != "" {
		if _, isIn := c.in[o.Input]; !isIn && c.made[o.Input] == nil {
			var have []string
			for _, n := range f.Inputs {
				have = append(have, n.Name)
			}
			return nil, nil, &format.Choice{Key: "input.node", Msg: fmt.Sprintf("input.node=%s: the graph has no value of this name", o.Input), Have: have}
		}
		c.from = o.Input
	}
	var names []string
	for _, out := range m.graph.outputs {
		names = append(names, out.name)
	}
	wanted := names
	if o.Output != "" {
		name := o.Output
		for _, n := range m.graph.nodes { // a node is as good as what it makes
			if n.name == name && c.made[name] == nil && len(n.out) > 0 {
				name = n.out[0]
			}
		}
		if c.made[name] == nil {
			return nil, nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output.node=%s: the graph has no value of this name", o.Output), Have: names}
		}
		wanted = []string{name}
	}
	if len(wanted) == 0 {
		return nil, nil, &format.Corrupt{Err: errors.New("the graph has no outputs")}
	}
	var outs []string
	made, inputs := map[string]bool{}, map[string]bool{}
	width := 0 // of the last output
	for _, name := range wanted {
		v, err := c.value(name)
		if err != nil {
			return nil, nil, err
		}
		if !v.isAct() {
			return nil, nil, &format.Unsupported{What: fmt.Sprintf("output %q", name), Msg: "it is computed of no input of the graph"}
		}
		if v.each > 0 || v.joined != nil {
			return nil, nil, &format.Unsupported{What: fmt.Sprintf("output %q", name), Msg: "its samples are steps of the input's samples"}
		}
		if v = c.unflat(&node{}, v); made[v.layer] {
			return nil, nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output %q is another one by a second name: choose one with output.node=", name), Have: names}
		}
		for _, f := range c.sketch.Inputs[len(inputs):] {
			inputs[f.Name] = true
		}
		if inputs[v.layer] { // a model has a layer
			v = c.emit(&node{name: name}, activation, format.Map("activation", "linear"), v)
		}
		if v.perm[0] == 0 && !slices.Equal(v.perm, channelsLast(v.rank())) { // only images keep theirs
			if v, err = c.arrange(&node{}, v, natural(v.rank())); err != nil {
				return nil, nil, err
			}
		}
		if !slices.Equal(v.perm, natural(v.rank())) && v.rank() > 2 {
			c.warn("output %q comes in another order of axes than the graph has it", name)
		}
		if v.shared != sole {
			c.warn("output %q is one for all samples of a batch: each of them has it", name)
		}
		c.shared[name] = v.shared
		c.orders["output:"+name] = v.perm
		made[v.layer] = true
		outs, width = append(outs, v.layer), v.shape[v.perm[v.rank()-1]]
	}
	c.sketch.Fuse(outs)
	if len(c.sketch.Inputs) == 0 {
		return nil, nil, &format.Unsupported{What: "the graph", Msg: "it has no input"}
	}
	b, err := c.sketch.Blueprint(outs)
	if err != nil {
		return nil, nil, err
	}
	b.Warnings = append(b.Warnings, c.warnings...)
	for _, e := range m.meta { // as it is written here
		var classes []string
		if e.Key == labelsKey && json.Unmarshal([]byte(e.Value), &classes) == nil && len(classes) == width {
			b.Model.Data.Classes = classes
		}
	}
	return c, b, nil
}
