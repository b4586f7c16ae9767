package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/nadir-ml/nadir/format/pickle"
	"github.com/nadir-ml/nadir/tensor"
)

// An Object is an array or a number in a file of Python objects, and where among them it
// is.
type Object struct {
	Name  string // the keys that lead to it, such as conv1/weights
	DType tensor.DType
	Type  string // Python's, of a text or None: then DType is Invalid
	Shape tensor.Shape

	header Header
	raw    string
}

// Tensor is the array as a new tensor.
func (o Object) Tensor() (*tensor.Tensor, error) {
	if o.DType == tensor.Invalid {
		return nil, fmt.Errorf("%q is of type %s; want numbers", o.Name, o.Type)
	}
	t, err := tensor.TryNew(o.DType, o.Shape...)
	if err != nil {
		return nil, err
	}
	copy(t.Bytes(), o.raw)
	return o.header.settle(t), nil
}

// maxObjects is how many values a file of objects may hold.
const maxObjects = 1 << 16

// ReadObjects lists the arrays and numbers of a file that holds Python objects: one, such
// as the dict of dicts of arrays that caffe-tensorflow writes, or an array of them. Dicts,
// lists and tuples are walked. The pickle in it is read as data: nothing is run, and what is
// none of these, no text and not None is refused.
func ReadObjects(r io.Reader, size int64) ([]Object, error) {
	h, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	if n, err := h.Shape.Elems(); !h.objects || err != nil || n > maxObjects {
		return nil, fmt.Errorf("npy array of shape %v: want Python objects", h.Shape)
	}
	d := pickle.NewDecoder(r, size-int64(h.size))
	d.Find = findNumPy
	v, err := d.Decode()
	if err != nil {
		return nil, err
	}
	if d.Offset() != size-int64(h.size) {
		return nil, fmt.Errorf("the file goes on after its pickle of %d bytes", d.Offset())
	}
	if a, ok := v.(*ndarray); ok {
		list, ok := a.data.(*pickle.List)
		if n, err := h.Shape.Elems(); !ok || err != nil || len(list.Items) != n || !a.header.Shape.Equal(h.Shape) {
			return nil, fmt.Errorf("the pickle holds no array of shape %v of objects", h.Shape)
		}
		if v = any(list); len(h.Shape) == 0 {
			v = list.Items[0]
		}
	}
	switch v.(type) {
	case *pickle.Dict, *pickle.List, pickle.Tuple:
	default:
		return nil, fmt.Errorf("the object is of type %s; want a dict or list of arrays", pickle.TypeName(v))
	}
	w := &walker{left: size}
	if err := w.walk("", v, 0); err != nil {
		return nil, err
	}
	return w.found, nil
}

// A walker finds the arrays of containers. Two names of one array count twice: their bytes
// may not come to more than the file has.
type walker struct {
	found []Object
	seen  int
	left  int64
}

func (w *walker) walk(name string, v any, depth int) error {
	if w.seen++; w.seen > maxObjects || depth > 8 {
		return fmt.Errorf("the dict holds more than %d values, or more than 8 containers in one another", maxObjects)
	}
	sub := func(key string) string {
		if name == "" {
			return key
		}
		return name + "/" + key
	}
	switch v := v.(type) {
	case *pickle.Dict:
		taken := map[string]bool{}
		for _, e := range v.Entries {
			var key string
			switch k := e.Key.(type) {
			case string:
				key = k
			case pickle.Bytes:
				key = string(k)
			default:
				return fmt.Errorf("%q has a key of type %s; want texts", name, pickle.TypeName(k))
			}
			if taken[key] {
				return fmt.Errorf("%q is there twice", sub(key))
			}
			taken[key] = true
			if err := w.walk(sub(key), e.Value, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *pickle.List:
		return w.items(sub, v.Items, depth)
	case pickle.Tuple:
		return w.items(sub, v, depth)
	case bool, int64, float64, string, pickle.Bytes, nil:
		w.found = append(w.found, plainObject(name, v))
		return nil
	case *ndarray:
		if list, ok := v.data.(*pickle.List); ok && v.header.objects {
			return w.items(sub, list.Items, depth)
		}
		raw, ok := bytesOf(v.data)
		h := v.header
		if !ok || h.objects || h.DType == tensor.Invalid {
			return fmt.Errorf("array %q holds no numbers", name)
		}
		n, err := h.Shape.Elems()
		if err != nil || int64(n)*int64(h.DType.Size()) != int64(len(raw)) {
			return fmt.Errorf("array %q: %v of shape %v, but %d bytes", name, h.DType, h.Shape, len(raw))
		}
		if w.left -= int64(len(raw)); w.left < 0 {
			return errors.New("the arrays come to more bytes than the file has")
		}
		w.found = append(w.found, Object{Name: name, DType: h.DType, Shape: h.Shape, header: h, raw: raw})
		return nil
	}
	return fmt.Errorf("%q is of type %s; want an array, or a dict or list of arrays", name, pickle.TypeName(v))
}

// plainObject is a number, or what is listed but has none.
func plainObject(name string, v any) Object {
	o := Object{Name: name, Type: pickle.TypeName(v), Shape: tensor.Shape{}}
	switch v := v.(type) {
	case bool:
		if o.DType, o.raw = tensor.Bool, "\x00"; v {
			o.raw = "\x01"
		}
	case int64:
		o.DType, o.raw = tensor.Int64, string(binary.NativeEndian.AppendUint64(nil, uint64(v)))
	case float64:
		o.DType, o.raw = tensor.Float64, string(binary.NativeEndian.AppendUint64(nil, math.Float64bits(v)))
	}
	o.header = Header{DType: o.DType, Shape: o.Shape}
	return o
}

func (w *walker) items(sub func(string) string, items []any, depth int) error {
	for i, v := range items {
		if err := w.walk(sub(strconv.Itoa(i)), v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// bytesOf are the bytes of a str of Python 2 or a bytes object.
func bytesOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case pickle.Bytes:
		return string(v), true
	}
	return "", false
}

// findNumPy allows what a pickled array is made of.
func findNumPy(module, name string) (pickle.Constructor, bool) {
	switch module {
	case "numpy.core.multiarray", "numpy._core.multiarray":
		if name == "_reconstruct" {
			return func(*pickle.Global, pickle.Tuple) (any, error) { return &ndarray{}, nil }, true
		}
		if name == "scalar" {
			return newScalar, true
		}
	case "numpy.core.numeric", "numpy._core.numeric":
		if name == "_frombuffer" {
			return fromBuffer, true
		}
	case "numpy":
		switch name {
		case "ndarray":
			return nil, true
		case "dtype":
			return newType, true
		}
	}
	return pickle.Standard(module, name)
}

// A dtype is a pickled type of elements.
type dtype struct {
	code string
	big  bool
}

func newType(_ *pickle.Global, args pickle.Tuple) (any, error) {
	if len(args) < 1 {
		return nil, errors.New("a dtype without a code")
	}
	code, ok := bytesOf(args[0])
	if !ok || len(code) > 16 {
		return nil, errors.New("a dtype whose code is no text")
	}
	return &dtype{code: code}, nil
}

// newScalar is one number: its dtype and its bytes.
func newScalar(_ *pickle.Global, args pickle.Tuple) (any, error) {
	a := &ndarray{}
	if len(args) != 2 {
		return nil, errors.New("a number without a dtype or its bytes")
	}
	return a, a.Build(pickle.Tuple{nil, pickle.Tuple{}, args[0], false, args[1]})
}

// fromBuffer is an array as the newest protocol has it: bytes, dtype, shape and order.
func fromBuffer(_ *pickle.Global, args pickle.Tuple) (any, error) {
	a := &ndarray{}
	if len(args) != 4 {
		return nil, errors.New("an array that is not of bytes, dtype, shape and order")
	}
	order, _ := args[3].(string)
	return a, a.Build(pickle.Tuple{nil, args[2], args[1], order == "F", args[0]})
}

// Build takes the order of the bytes.
func (d *dtype) Build(state any) error {
	s, ok := state.(pickle.Tuple)
	if !ok || len(s) < 2 {
		return errors.New("the state of a dtype is no tuple")
	}
	order, _ := bytesOf(s[1])
	d.big = order == ">"
	return nil
}

// An ndarray is a pickled array.
type ndarray struct {
	header Header
	data   any
}

// Build takes version, shape, dtype, whether the order is Fortran's, and the elements.
func (a *ndarray) Build(state any) error {
	s, ok := state.(pickle.Tuple)
	if !ok || len(s) != 5 {
		return errors.New("the state of an array is no tuple of five")
	}
	shape, ok := s[1].(pickle.Tuple)
	if !ok || len(shape) > 64 {
		return errors.New("the shape of an array is no tuple of at most 64 numbers")
	}
	h := Header{Shape: tensor.Shape{}}
	for _, v := range shape {
		n, ok := v.(int64)
		if !ok || n < 0 || n > 1<<40 {
			return fmt.Errorf("the shape of an array has an axis of %v", v)
		}
		h.Shape = append(h.Shape, int(n))
	}
	if _, err := h.Shape.Elems(); err != nil {
		return err
	}
	t, ok := s[2].(*dtype)
	if !ok {
		return errors.New("the type of an array is no dtype")
	}
	if err := h.setType(t.code); err != nil {
		return err
	}
	h.big = t.big
	if h.columns, ok = s[3].(bool); !ok {
		return errors.New("the order of an array is neither True nor False")
	}
	a.header, a.data = h, s[4]
	return nil
}
