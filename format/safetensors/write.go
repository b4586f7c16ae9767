package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/tensor"
)

// Write writes the tensors and the metadata. Equal arguments give equal bytes:
// the header keeps the order of tensors, metadata keys are sorted.
//
// The header is padded to 8 bytes and data is laid out by falling element
// size, so that every tensor is aligned in the file, as mapping readers want.
func Write(w io.Writer, tensors []Named, meta map[string]string) error {
	header, layout, err := encode(tensors, meta)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: write header: %w", err)
	}
	for _, t := range layout {
		if _, err := w.Write(t.Tensor.Bytes()); err != nil {
			return fmt.Errorf("safetensors: write tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// encode makes the file's bytes before the data, and the order of the data.
func encode(tensors []Named, meta map[string]string) (header []byte, layout []Named, err error) {
	layout = slices.Clone(tensors)
	slices.SortStableFunc(layout, func(a, b Named) int {
		return cmp.Compare(b.Tensor.DType().Size(), a.Tensor.DType().Size())
	})
	begin := make(map[string]int64, len(layout))
	at := int64(0)
	for _, t := range layout {
		switch _, twice := begin[t.Name]; {
		case twice:
			return nil, nil, fmt.Errorf("safetensors: two tensors are named %q", t.Name)
		case t.Name == metadataKey:
			return nil, nil, fmt.Errorf("safetensors: no tensor may be named %q, the format keeps this name", t.Name)
		case !utf8.ValidString(t.Name):
			return nil, nil, fmt.Errorf("safetensors: tensor name %q is not valid UTF-8", t.Name)
		case len(t.Tensor.Shape()) > maxRank:
			return nil, nil, fmt.Errorf("safetensors: tensor %q has %d axes; at most %d are read", t.Name, len(t.Tensor.Shape()), maxRank)
		}
		begin[t.Name] = at
		size := int64(len(t.Tensor.Bytes()))
		if at > math.MaxInt64-size {
			return nil, nil, fmt.Errorf("safetensors: tensor %q ends beyond what a file can hold", t.Name)
		}
		at += size
	}

	var b bytes.Buffer
	b.Write(make([]byte, 8))
	b.WriteByte('{')
	sep := ""
	if len(meta) > 0 {
		b.WriteString(`"` + metadataKey + `":{`)
		for _, key := range slices.Sorted(maps.Keys(meta)) {
			if !utf8.ValidString(key) || !utf8.ValidString(meta[key]) {
				return nil, nil, fmt.Errorf("safetensors: metadata %q is not valid UTF-8", key)
			}
			b.WriteString(sep + quote(key) + ":" + quote(meta[key]))
			sep = ","
		}
		b.WriteByte('}')
		sep = ","
	}
	for _, t := range tensors {
		shape := t.Tensor.Shape()
		if shape == nil {
			shape = tensor.Shape{}
		}
		axes, err := json.Marshal(shape)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		fmt.Fprintf(&b, `%s%s:{"dtype":"%s","shape":%s,"data_offsets":[%d,%d]}`, sep, quote(t.Name),
			codes[t.Tensor.DType()], axes, begin[t.Name], begin[t.Name]+int64(len(t.Tensor.Bytes())))
		sep = ","
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	n := b.Len() - 8
	if n > maxHeader {
		return nil, nil, fmt.Errorf("safetensors: the header takes %d bytes; at most %d are allowed", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(n))
	return b.Bytes(), layout, nil
}

// quote writes a valid string as JSON, leaving <, > and & as they are.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, and a Buffer takes every write
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
