package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/tensor"
)

// maxRank bounds the axes of a shape, as NumPy and PyTorch do.
const maxRank = 64

const metadataKey = "__metadata__"

// codes are the format's names of the element types.
var codes = map[tensor.DType]string{
	tensor.Float64: "F64", tensor.Float32: "F32", tensor.Float16: "F16", tensor.BFloat16: "BF16",
	tensor.Int64: "I64", tensor.Int32: "I32", tensor.Int16: "I16", tensor.Int8: "I8",
	tensor.Uint64: "U64", tensor.Uint32: "U32", tensor.Uint16: "U16", tensor.Uint8: "U8",
	tensor.Bool: "BOOL",
}

func dtypeOf(code string) tensor.DType {
	for dt, c := range codes {
		if c == code {
			return dt
		}
	}
	return tensor.Invalid
}

// A parser walks the header's JSON token by token, because decoding into maps
// would hide a name that is there twice. It takes no shape but the format's,
// so that nothing nests deeper than three levels.
type parser struct {
	file  *File
	text  []byte
	dec   *json.Decoder
	name  string // of the tensor being read
	infos []Info
	meta  map[string]string
}

func (p *parser) parse() error {
	if !utf8.Valid(p.text) {
		return p.file.errorf("", 8, "the header is not valid UTF-8")
	}
	p.dec = json.NewDecoder(bytes.NewReader(p.text))
	p.dec.UseNumber()
	seen := map[string]bool{}
	err := p.object(func(key string) error {
		if seen[key] {
			return p.errorf("the name %q is there twice", key)
		}
		seen[key] = true
		if key == metadataKey {
			return p.metadata()
		}
		p.name = key
		defer func() { p.name = "" }()
		return p.tensor()
	})
	if err != nil {
		return err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return p.errorf("the header goes on after its JSON object")
	}
	return nil
}

func (p *parser) metadata() error {
	p.meta = map[string]string{}
	return p.object(func(key string) error {
		if _, twice := p.meta[key]; twice {
			return p.errorf("the metadata key %q is there twice", key)
		}
		text, err := p.str("metadata " + strconv.Quote(key))
		p.meta[key] = text
		return err
	})
}

func (p *parser) tensor() error {
	info := Info{Name: p.name}
	var code string
	var shape, offsets []int64
	err := p.object(func(key string) (err error) {
		switch {
		case key == "dtype" && code == "":
			code, err = p.str("dtype")
			if info.DType = dtypeOf(code); err == nil && info.DType == tensor.Invalid {
				return p.errorf("dtype %q is not known; known are F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL", code)
			}
		case key == "shape" && shape == nil:
			shape, err = p.ints("shape", maxRank)
		case key == "data_offsets" && offsets == nil:
			offsets, err = p.ints("data_offsets", 2)
		case key == "dtype" || key == "shape" || key == "data_offsets":
			return p.errorf("%s is there twice", key)
		default:
			return p.errorf("unknown field %q; want dtype, shape and data_offsets", key)
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case code == "" || shape == nil || offsets == nil:
		return p.errorf("its entry lacks dtype, shape or data_offsets")
	case len(offsets) != 2:
		return p.errorf("data_offsets has %d numbers, want 2", len(offsets))
	}
	info.Begin, info.End = offsets[0], offsets[1]
	if info.Begin > info.End {
		return p.errorf("its data begins at %d, after its end at %d", info.Begin, info.End)
	}
	info.Shape = make(tensor.Shape, len(shape))
	for i, d := range shape {
		if d > math.MaxInt {
			return p.errorf("axis %d of %d elements is too long for this machine", i, d)
		}
		info.Shape[i] = int(d)
	}
	n, err := info.Shape.Elems()
	if err != nil {
		return p.errorf("%v", err)
	}
	size := info.DType.Size()
	if n > math.MaxInt/size {
		return p.errorf("shape %v of %s takes more bytes than an int can count", info.Shape, code)
	}
	if int64(n*size) != info.End-info.Begin {
		return p.errorf("shape %v of %s takes %d bytes, but its data has %d", info.Shape, code, n*size, info.End-info.Begin)
	}
	p.infos = append(p.infos, info)
	return nil
}

// object reads an object and calls member at the value of each key.
func (p *parser) object(member func(key string) error) error {
	if tok, err := p.token(); err != nil {
		return err
	} else if tok != json.Delim('{') {
		return p.errorf("%s stands where an object is wanted", describe(tok))
	}
	for p.dec.More() {
		tok, err := p.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return p.errorf("%s stands where a name is wanted", describe(tok))
		}
		if err := member(key); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

func (p *parser) str(what string) (string, error) {
	tok, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := tok.(string)
	if !ok {
		return "", p.errorf("%s is %s; want a string", what, describe(tok))
	}
	return s, nil
}

// ints reads a list of at most n numbers, none of them negative.
func (p *parser) ints(what string, n int) ([]int64, error) {
	if tok, err := p.token(); err != nil {
		return nil, err
	} else if tok != json.Delim('[') {
		return nil, p.errorf("%s is %s; want a list of numbers", what, describe(tok))
	}
	list := []int64{}
	for p.dec.More() {
		tok, err := p.token()
		if err != nil {
			return nil, err
		}
		number, ok := tok.(json.Number)
		v, err := strconv.ParseUint(string(number), 10, 63)
		if !ok || err != nil {
			return nil, p.errorf("%s holds %s; want whole numbers from 0 to 2^63-1", what, describe(tok))
		}
		if len(list) == n {
			return nil, p.errorf("%s has more than %d numbers", what, n)
		}
		list = append(list, int64(v))
	}
	_, err := p.token()
	return list, err
}

func (p *parser) token() (json.Token, error) {
	tok, err := p.dec.Token()
	if err == nil {
		return tok, nil
	}
	if errors.Is(err, io.EOF) {
		return nil, p.errorf("the header's JSON ends early")
	}
	return nil, p.errorf("the header's JSON is damaged: %v", err)
}

func (p *parser) errorf(format string, args ...any) error {
	return p.file.errorf(p.name, 8+p.dec.InputOffset(), format, args...)
}

func describe(tok json.Token) string {
	switch v := tok.(type) {
	case json.Delim:
		if v == '{' {
			return "an object"
		}
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "the number " + string(v)
	case bool:
		return strconv.FormatBool(v)
	default:
		return "null"
	}
}
