package torch

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"

	"github.com/nadir-ml/nadir/format/pickle"
	"github.com/nadir-ml/nadir/tensor"
)

// maxRank bounds a tensor's axes, as PyTorch does.
const maxRank = 64

// A storage is a run of bytes in the file.
type storage struct {
	key     string
	elem    elem  // as first named
	size    int64 // bytes
	at      int64 // byte of the file at which it begins, in the legacy format
	entry   *entry
	checked atomic.Bool // whether the checksum has been found right
}

// A typed is a storage, or a part of one, and the type that it is taken for.
type typed struct {
	store *storage
	elem  elem
	begin int64 // in elements
	n     int64 // elements
}

// A view is a tensor as the file describes it.
type view struct {
	store   *storage
	dtype   tensor.DType
	shape   tensor.Shape
	strides []int64 // in elements
	begin   int64   // bytes of the storage before the first element
	span    int64   // bytes from there to the end of the last element
	why     string  // why it cannot be read; else empty
}

// newView makes a view of a storage, checked to lie in it.
func newView(t *typed, e elem, offset int64, size, stride []int64) (*view, error) {
	if len(size) != len(stride) {
		return nil, fmt.Errorf("%d axes with %d strides", len(size), len(stride))
	}
	v := &view{store: t.store, dtype: e.dtype, shape: make(tensor.Shape, len(size)), strides: stride, why: e.why}
	for i, d := range size {
		if d < 0 || d > math.MaxInt || stride[i] < 0 {
			return nil, fmt.Errorf("axis %d has %d elements and stride %d", i, d, stride[i])
		}
		v.shape[i] = int(d)
	}
	n, err := v.shape.Elems()
	if err != nil {
		return nil, err
	}
	if int64(n) > math.MaxInt/max(1, e.size) {
		return nil, fmt.Errorf("shape %v of %s takes more bytes than an int can count", v.shape, e.name)
	}
	if n == 0 {
		return v, nil
	}
	have := t.n // in elements of e
	if t.elem.size != e.size {
		have = t.n * t.elem.size / e.size
	}
	last := offset
	for i, d := range size {
		if offset < 0 || last >= have || d > 1 && stride[i] > (have-1-last)/(d-1) {
			return nil, fmt.Errorf("shape %v with strides %v from element %d on reaches beyond the storage's %d elements", v.shape, stride, offset, have)
		}
		last += (d - 1) * stride[i]
	}
	if offset < 0 || last >= have {
		return nil, fmt.Errorf("element %d lies beyond the storage's %d elements", offset, have)
	}
	v.begin = t.begin*t.elem.size + offset*e.size
	v.span = (last - offset + 1) * e.size
	return v, nil
}

// contiguous reports whether the elements lie in row-major order.
func (v *view) contiguous() bool {
	want := int64(1)
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != want {
			return false
		}
		want *= int64(v.shape[i])
	}
	return true
}

// find says which globals a file may name: what PyTorch's own pickles need, and
// classes that people keep in checkpoints, as mere data.
func (f *File) find(module, name string) (pickle.Constructor, bool) {
	switch module {
	case "torch._utils":
		switch name {
		case "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3":
			return rebuild, true
		case "_rebuild_parameter", "_rebuild_parameter_with_state":
			return first, true
		case "_rebuild_qtensor":
			return refused(quantized), true
		case "_rebuild_sparse_tensor", "_rebuild_sparse_csr_tensor":
			return refused("it is sparse; call to_dense() on it before saving"), true
		case "_rebuild_nested_tensor":
			return refused("it is nested; call to_padded_tensor() on it before saving"), true
		case "_rebuild_meta_tensor_no_storage":
			return refused("it lies on the device \"meta\", which holds no data"), true
		case "_rebuild_device_tensor_from_numpy", "_rebuild_xla_tensor":
			return refused("it is saved by way of NumPy; call cpu() on it before saving"), true
		}
	case "torch._tensor", "torch.tensor":
		if name == "_rebuild_from_type" || name == "_rebuild_from_type_v2" {
			return rebuildType, true
		}
	case "torch.serialization":
		return pickle.Inert, name == "_get_layout"
	case "torch":
		switch name {
		case "Size", "device":
			return pickle.Inert, true
		case "Tensor", "float", "double", "half", "long", "int", "short", "strided", "sparse_coo", "contiguous_format", "channels_last",
			"channels_last_3d", "preserve_format", "per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric":
			return nil, true
		}
		_, isStorage := storageElem(name)
		_, isDType := dtypeElem(name)
		return nil, isStorage || isDType
	case "torch.cuda", "torch.storage":
		_, ok := storageElem(name)
		return nil, ok
	case "torch.jit._pickle":
		switch name {
		case "build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag":
			return firstOf, true
		}
	case "numpy.core.multiarray", "numpy._core.multiarray":
		return pickle.Inert, name == "scalar" || name == "_reconstruct"
	case "numpy":
		return pickle.Inert, name == "dtype" || name == "ndarray"
	case "argparse":
		return pickle.Inert, name == "Namespace"
	case "types":
		return pickle.Inert, name == "SimpleNamespace"
	case "datetime":
		return pickle.Inert, name == "datetime" || name == "date" || name == "time" || name == "timedelta" || name == "timezone"
	case "pathlib", "pathlib._local":
		return pickle.Inert, strings.HasSuffix(name, "Path")
	}
	if strings.HasPrefix(module, "torch.nn.") || strings.HasPrefix(module, "torchvision.models.") || strings.HasPrefix(module, "torchvision.ops.") ||
		f.format == TorchScript && (module == "__torch__" || strings.HasPrefix(module, "__torch__.")) {
		return pickle.Inert, true
	}
	return pickle.Standard(module, name)
}

// rebuild makes a view. Its arguments are storage, offset, size and strides; v2 adds
// requires_grad, hooks and metadata, v3 a dtype before the metadata.
func rebuild(class *pickle.Global, args pickle.Tuple) (any, error) {
	if len(args) < 4 || len(args) > 8 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	t, isTyped := args[0].(*typed)
	offset, isInt := args[1].(int64)
	size, sizeErr := ints(args[2])
	stride, strideErr := ints(args[3])
	if !isTyped || !isInt || sizeErr != nil || strideErr != nil {
		return nil, errors.New("want a storage, an offset, a shape and strides")
	}
	e, rest := t.elem, args[4:]
	if class.Name == "_rebuild_tensor_v3" {
		if len(rest) < 3 {
			return nil, fmt.Errorf("%d arguments; the dtype is missing", len(args))
		}
		g, _ := rest[2].(*pickle.Global)
		if g == nil || g.Module != "torch" {
			return nil, fmt.Errorf("its dtype is a %s", pickle.TypeName(rest[2]))
		}
		var ok bool
		if e, ok = dtypeElem(g.Name); !ok {
			return nil, fmt.Errorf("%s is no dtype", g)
		}
		rest = append(append(pickle.Tuple{}, rest[:2]...), rest[3:]...)
	}
	v, err := newView(t, e, offset, size, stride)
	if err != nil {
		return nil, err
	}
	if len(rest) > 2 && rest[2] != nil {
		bits, ok := rest[2].(*pickle.Dict)
		if !ok {
			return nil, fmt.Errorf("its metadata is a %s", pickle.TypeName(rest[2]))
		}
		if neg, _ := bits.Get("neg"); neg == true {
			v.why = "its numbers are to be negated; call resolve_neg() on it before saving"
		}
	}
	return v, nil
}

// rebuildType makes what a tensor of a class of its own is made of.
func rebuildType(_ *pickle.Global, args pickle.Tuple) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("%d arguments; want 4", len(args))
	}
	fn, _ := args[0].(*pickle.Global)
	inner, ok := args[2].(pickle.Tuple)
	// Not every function of torch._utils: one that comes here again could nest without end.
	if fn == nil || !ok || fn.Module != "torch._utils" || fn.New == nil {
		return nil, errors.New("it is not made as tensors are")
	}
	return fn.New(fn, inner)
}

// first is the tensor that a parameter is.
func first(_ *pickle.Global, args pickle.Tuple) (any, error) {
	if len(args) > 0 {
		if v, ok := args[0].(*view); ok {
			return v, nil
		}
	}
	return nil, errors.New("it is a parameter without a tensor")
}

// firstOf is the value that TorchScript tags with a type.
func firstOf(_ *pickle.Global, args pickle.Tuple) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("no arguments")
	}
	return args[0], nil
}

// refused makes a tensor that says why it cannot be read.
func refused(why string) pickle.Constructor {
	return func(*pickle.Global, pickle.Tuple) (any, error) { return &view{why: why}, nil }
}

// ints are those of a tuple or list of at most maxRank.
func ints(v any) ([]int64, error) {
	var items []any
	switch v := v.(type) {
	case pickle.Tuple:
		items = v
	case *pickle.List:
		items = v.Items
	default:
		return nil, fmt.Errorf("a %s is no list of ints", pickle.TypeName(v))
	}
	if len(items) > maxRank {
		return nil, fmt.Errorf("%d axes; at most %d are read", len(items), maxRank)
	}
	list := make([]int64, len(items))
	for i, it := range items {
		n, ok := it.(int64)
		if !ok {
			return nil, fmt.Errorf("a %s is no int", pickle.TypeName(it))
		}
		list[i] = n
	}
	return list, nil
}
