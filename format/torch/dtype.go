package torch

import (
	"strings"

	"github.com/nadir-ml/nadir/tensor"
)

// An elem is a type of elements that PyTorch knows.
type elem struct {
	name    string       // as torch.dtype calls it
	storage string       // its storage class, without Storage
	dtype   tensor.DType // Invalid where tensors have no such type
	size    int64        // bytes
	why     string       // why it has none, and how to mend it
}

const (
	quantized = "it is quantized; call dequantize() on it before saving"
	complexed = "its numbers are complex; save torch.view_as_real of it"
	tiny      = "its floating-point numbers have 8 bits; convert it to bfloat16 before saving"
)

// elems are the types that can be told, each under one name.
var elems = []elem{
	{"float32", "Float", tensor.Float32, 4, ""},
	{"float64", "Double", tensor.Float64, 8, ""},
	{"float16", "Half", tensor.Float16, 2, ""},
	{"bfloat16", "BFloat16", tensor.BFloat16, 2, ""},
	{"int64", "Long", tensor.Int64, 8, ""},
	{"int32", "Int", tensor.Int32, 4, ""},
	{"int16", "Short", tensor.Int16, 2, ""},
	{"int8", "Char", tensor.Int8, 1, ""},
	{"uint8", "Byte", tensor.Uint8, 1, ""},
	{"uint16", "", tensor.Uint16, 2, ""},
	{"uint32", "", tensor.Uint32, 4, ""},
	{"uint64", "", tensor.Uint64, 8, ""},
	{"bool", "Bool", tensor.Bool, 1, ""},
	{"complex32", "ComplexHalf", tensor.Invalid, 4, complexed},
	{"complex64", "ComplexFloat", tensor.Invalid, 8, complexed},
	{"complex128", "ComplexDouble", tensor.Invalid, 16, complexed},
	{"qint8", "QInt8", tensor.Invalid, 1, quantized},
	{"quint8", "QUInt8", tensor.Invalid, 1, quantized},
	{"qint32", "QInt32", tensor.Invalid, 4, quantized},
	{"quint4x2", "QUInt4x2", tensor.Invalid, 1, quantized},
	{"quint2x4", "QUInt2x4", tensor.Invalid, 1, quantized},
	{"float8_e4m3fn", "", tensor.Invalid, 1, tiny},
	{"float8_e4m3fnuz", "", tensor.Invalid, 1, tiny},
	{"float8_e5m2", "", tensor.Invalid, 1, tiny},
	{"float8_e5m2fnuz", "", tensor.Invalid, 1, tiny},
}

// untyped is what a storage without a type counts in.
var untyped = elem{name: "bytes", storage: "Untyped", dtype: tensor.Uint8, size: 1}

// storageElem is the type of a storage class such as FloatStorage.
func storageElem(class string) (elem, bool) {
	kind, ok := strings.CutSuffix(class, "Storage")
	if !ok || kind == "" {
		return elem{}, false
	}
	if kind == untyped.storage {
		return untyped, true
	}
	for _, e := range elems {
		if e.storage == kind {
			return e, true
		}
	}
	return elem{}, false
}

// dtypeElem is the type of a torch.dtype such as float32.
func dtypeElem(name string) (elem, bool) {
	for _, e := range elems {
		if e.name == name {
			return e, true
		}
	}
	return elem{}, false
}

// elemOf is the type that holds a tensor's elements.
func elemOf(dt tensor.DType) (elem, bool) {
	for _, e := range elems {
		if e.dtype == dt && dt != tensor.Invalid {
			return e, true
		}
	}
	return elem{}, false
}
