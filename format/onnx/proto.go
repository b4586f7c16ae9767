package onnx

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

// A model is a ModelProto.
type model struct {
	ir       int64
	producer string
	opset    int
	domains  map[string]bool // of operator sets beside ONNX's own
	meta     []format.Entry
	graph    *graph
	size     int // bytes of the file
}

// A graph is a GraphProto.
type graph struct {
	name            string
	nodes           []*node
	tensors         []*tensorProto
	inputs, outputs []valueInfo
}

// A valueInfo is the name and type of an input or output. An axis whose length the
// file leaves open is −1. One of length 0 may stand for that as well.
type valueInfo struct {
	name    string
	code    int64 // of the elements' type
	shape   []int
	shaped  bool // whether there is a shape
	tensor  bool // it is one, and no sequence or map
	symbols []string
}

// A node is a NodeProto.
type node struct {
	name, op, domain string
	in, out          []string
	attrs            map[string]*attr
}

// An attr is an AttributeProto.
type attr struct {
	f       float64
	i       int64
	s       string
	t       *tensorProto
	floats  []float64
	ints    []int
	strings []string
	graph   bool
}

const (
	// maxInts is how many bytes a list of whole numbers in an attribute may take.
	maxInts = 1 << 20
	// maxAxes is how many axes a value may have.
	maxAxes = 16
	// maxDepth is how many operations may follow one another.
	maxDepth = 20000
)

func parseModel(b []byte) (*model, error) {
	m := &model{domains: map[string]bool{}, size: len(b)}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			m.ir = int64(f.Int)
		case 2, 3:
			if len(f.Bytes) > 0 {
				if m.producer != "" {
					m.producer += " "
				}
				m.producer += string(f.Bytes)
			}
		case 7:
			if m.graph != nil {
				return nil, errors.New("it holds two graphs")
			}
			if m.graph, err = parseGraph(f.Bytes); err != nil {
				return nil, err
			}
		case 8:
			domain, version := "", 0
			for g, err := range bundle.Fields(f.Bytes) {
				if err != nil {
					return nil, err
				}
				switch g.Num {
				case 1:
					domain = string(g.Bytes)
				case 2:
					version = int(int64(g.Int))
				}
			}
			if domain == "" || domain == "ai.onnx" {
				m.opset = version
			} else {
				m.domains[domain] = true
			}
		case 14:
			key, value, err := entryOf(f.Bytes)
			if err != nil {
				return nil, err
			}
			m.meta = append(m.meta, format.Entry{Key: key, Value: value})
		}
	}
	if m.graph == nil {
		return nil, errors.New("the ONNX model has no graph: the file is damaged or truncated")
	}
	if m.opset == 0 {
		return nil, errors.New("the ONNX model does not say of which operator set it is: the file is damaged or truncated")
	}
	return m, nil
}

// entryOf reads a StringStringEntryProto.
func entryOf(b []byte) (key, value string, err error) {
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return "", "", err
		}
		switch f.Num {
		case 1:
			key = string(f.Bytes)
		case 2:
			value = string(f.Bytes)
		}
	}
	return key, value, nil
}

func parseGraph(b []byte) (*graph, error) {
	g, most := &graph{}, format.MaxNodes(len(b))
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			n, err := parseNode(f.Bytes)
			if err != nil {
				return nil, err
			}
			if len(g.nodes) >= most {
				return nil, fmt.Errorf("the graph has more than %d nodes in %d bytes", most, len(b))
			}
			g.nodes = append(g.nodes, n)
		case 2:
			g.name = string(f.Bytes)
		case 5:
			t, err := parseTensor(f.Bytes)
			if err != nil {
				return nil, err
			}
			g.tensors = append(g.tensors, t)
		case 11, 12:
			v, err := parseValueInfo(f.Bytes)
			if err != nil {
				return nil, err
			}
			if f.Num == 11 {
				g.inputs = append(g.inputs, v)
			} else {
				g.outputs = append(g.outputs, v)
			}
		case 15:
			return nil, &format.Unsupported{What: "a sparse initializer", Msg: "only dense tensors are read; save the model with dense ones"}
		}
	}
	return g, nil
}

func parseNode(b []byte) (*node, error) {
	n := &node{attrs: map[string]*attr{}}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.Num {
		case 1:
			n.in = append(n.in, string(f.Bytes))
		case 2:
			n.out = append(n.out, string(f.Bytes))
		case 3:
			n.name = string(f.Bytes)
		case 4:
			n.op = string(f.Bytes)
		case 5:
			name, a, err := parseAttr(f.Bytes)
			if err != nil {
				return nil, fmt.Errorf("node %q: %w", n.name, err)
			}
			n.attrs[name] = a
		case 7:
			if n.domain = string(f.Bytes); n.domain == "ai.onnx" {
				n.domain = ""
			}
		}
	}
	if n.op == "" {
		return nil, fmt.Errorf("node %q of the graph has no operation", n.name)
	}
	return n, nil
}

func parseAttr(b []byte) (string, *attr, error) {
	name, a := "", &attr{}
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return "", nil, err
		}
		switch f.Num {
		case 1:
			name = string(f.Bytes)
		case 2:
			a.f = float64(math.Float32frombits(uint32(f.Int)))
		case 3:
			a.i = int64(f.Int)
		case 4:
			a.s = string(f.Bytes)
		case 5:
			if a.t, err = parseTensor(f.Bytes); err != nil {
				return "", nil, err
			}
		case 6, 11:
			a.graph = true
		case 7:
			if f.Type == protowire.Fixed32Type {
				a.floats = append(a.floats, float64(math.Float32frombits(uint32(f.Int))))
				continue
			}
			if len(f.Bytes)%4 != 0 {
				return "", nil, fmt.Errorf("attribute %q is no list of numbers", name)
			}
			for p := f.Bytes; len(p) > 0; p = p[4:] {
				v, _ := protowire.ConsumeFixed32(p)
				a.floats = append(a.floats, float64(math.Float32frombits(v)))
			}
		case 8:
			if len(f.Bytes) > maxInts {
				return "", nil, fmt.Errorf("attribute %q has a list of %d bytes; at most %d are read", name, len(f.Bytes), maxInts)
			}
			list, err := f.Ints(nil)
			if err != nil {
				return "", nil, err
			}
			for _, v := range list {
				a.ints = append(a.ints, int(v))
			}
		case 9:
			a.strings = append(a.strings, string(f.Bytes))
		case 21:
			return "", nil, fmt.Errorf("attribute %q refers to that of a function", name)
		}
	}
	return name, a, nil
}

func parseValueInfo(b []byte) (v valueInfo, err error) {
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return v, err
		}
		switch f.Num {
		case 1:
			v.name = string(f.Bytes)
		case 2:
			for t, err := range bundle.Fields(f.Bytes) {
				if err != nil {
					return v, err
				}
				if t.Num != 1 {
					continue
				}
				v.tensor = true
				if err := v.parseType(t.Bytes); err != nil {
					return v, err
				}
			}
		}
	}
	return v, nil
}

func (v *valueInfo) parseType(b []byte) error {
	for f, err := range bundle.Fields(b) {
		if err != nil {
			return err
		}
		switch f.Num {
		case 1:
			v.code = int64(f.Int)
		case 2:
			v.shaped = true
			for d, err := range bundle.Fields(f.Bytes) {
				if err != nil {
					return err
				}
				if d.Num != 1 {
					continue
				}
				n, symbol := -1, ""
				for e, err := range bundle.Fields(d.Bytes) {
					if err != nil {
						return err
					}
					switch e.Num {
					case 1:
						if n = int(int64(e.Int)); n < 0 || n > math.MaxInt32 {
							n = -1
						}
					case 2:
						symbol = string(e.Bytes)
					}
				}
				if len(v.shape) == maxAxes {
					return fmt.Errorf("%q has more than %d axes", v.name, maxAxes)
				}
				v.shape, v.symbols = append(v.shape, n), append(v.symbols, symbol)
			}
		}
	}
	return nil
}

// Attributes with their defaults.

func (n *node) int(key string, otherwise int) int {
	if a := n.attrs[key]; a != nil {
		return int(a.i)
	}
	return otherwise
}

func (n *node) float(key string, otherwise float64) float64 {
	if a := n.attrs[key]; a != nil {
		return short(a.f)
	}
	return otherwise
}

// short is what a float32 holds of a number as a person would write it: 0.01 and
// not 0.009999999776.
func short(v float64) float64 {
	w, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', -1, 32), 64)
	if err != nil {
		return v
	}
	return w
}

func (n *node) text(key, otherwise string) string {
	if a := n.attrs[key]; a != nil {
		return a.s
	}
	return otherwise
}

func (n *node) ints(key string) []int {
	if a := n.attrs[key]; a != nil {
		return a.ints
	}
	return nil
}

// input is the name of an input, empty where it is left out.
func (n *node) input(i int) string {
	if i < len(n.in) {
		return n.in[i]
	}
	return ""
}

// what names a node for an error.
func (n *node) what() string {
	name := n.name
	if name == "" && len(n.out) > 0 {
		name = n.out[0]
	}
	op := n.op
	if n.domain != "" {
		op = n.domain + "." + op
	}
	return fmt.Sprintf("node %q (%s)", name, op)
}
