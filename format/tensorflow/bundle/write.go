package bundle

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/tensor"
)

// A Named is a tensor under its name, or a text: a string of any bytes.
type Named struct {
	Name   string
	Tensor *tensor.Tensor
	Text   string // where Tensor is nil
}

// codeOf is TensorFlow's DataType of a type, 0 where it has none.
func codeOf(dt tensor.DType) uint64 {
	for code := uint64(1); code < 24; code++ {
		if DType(code) == dt {
			return code
		}
	}
	return 0
}

// Write writes a checkpoint of version 2 with one shard: the index, which is to be called
// NAME.index, and the data, NAME.data-00000-of-00001. Equal tensors give equal bytes.
func Write(index, data io.Writer, tensors []Named) error {
	sorted := slices.Clone(tensors)
	slices.SortFunc(sorted, func(a, b Named) int { return cmp.Compare(a.Name, b.Name) })
	var pairs []pair
	// BundleHeaderProto: one shard, little-endian, of producer version 1.
	head := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	head = protowire.AppendBytes(protowire.AppendTag(head, 3, protowire.BytesType), protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1))
	pairs = append(pairs, pair{nil, head})
	offset := 0
	for i, t := range sorted {
		if t.Name == "" || t.Name[0] == 0 || i > 0 && t.Name == sorted[i-1].Name {
			return fmt.Errorf("TensorFlow checkpoint: the name %q is empty, or stands there twice", t.Name)
		}
		e, raw, err := encode(t, offset)
		if err != nil {
			return err
		}
		if _, err := data.Write(raw); err != nil {
			return err
		}
		offset += len(raw)
		pairs = append(pairs, pair{[]byte(t.Name), e})
	}
	return writeTable(index, pairs)
}

// encode is the BundleEntryProto of a tensor, and its bytes.
func encode(t Named, offset int) (entry, raw []byte, err error) {
	number := func(num protowire.Number, v uint64) {
		if v != 0 {
			entry = protowire.AppendVarint(protowire.AppendTag(entry, num, protowire.VarintType), v)
		}
	}
	code, shape := uint64(TypeString), tensor.Shape{}
	var crc uint32
	if t.Tensor != nil {
		shape = t.Tensor.Shape()
		if code = codeOf(t.Tensor.DType()); code == 0 {
			return nil, nil, fmt.Errorf("TensorFlow checkpoint: tensor %q: there is no type for %v", t.Name, t.Tensor.DType())
		}
		raw = t.Tensor.Bytes()
		crc = crc32.Checksum(raw, castagnoli)
	} else {
		raw = binary.AppendUvarint(nil, uint64(len(t.Text)))
		sum := crc32.Checksum(binary.LittleEndian.AppendUint32(nil, uint32(len(t.Text))), castagnoli)
		check := binary.LittleEndian.AppendUint32(nil, masked(sum))
		crc = crc32.Update(crc32.Update(sum, castagnoli, check), castagnoli, []byte(t.Text))
		raw = append(append(raw, check...), t.Text...)
	}
	number(1, code)
	entry = protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), appendShape(nil, shape))
	number(4, uint64(offset))
	number(5, uint64(len(raw)))
	entry = protowire.AppendFixed32(protowire.AppendTag(entry, 6, protowire.Fixed32Type), masked(crc))
	return entry, raw, nil
}

// appendShape writes a TensorShapeProto.
func appendShape(b []byte, s tensor.Shape) []byte {
	for _, d := range s {
		var dim []byte
		if d != 0 {
			dim = protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(int64(d)))
		}
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), dim)
	}
	return b
}

// blockSize is about how large a block gets, and restartEvery how many entries share
// prefixes of their keys.
const (
	blockSize    = 4096
	restartEvery = 16
)

// writeTable writes sorted keys and values as a table.
func writeTable(w io.Writer, pairs []pair) error {
	var index []pair
	at := 0
	flush := func(block []byte) (blockRef, error) {
		tail := append([]byte{0}, binary.LittleEndian.AppendUint32(nil, masked(crc32.Update(crc32.Checksum(block, castagnoli), castagnoli, []byte{0})))...)
		ref := blockRef{int64(at), int64(len(block))}
		at += len(block) + len(tail)
		_, err := w.Write(append(block, tail...))
		return ref, err
	}
	place := func(r blockRef) []byte {
		return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(r.offset)), uint64(r.size))
	}
	for len(pairs) > 0 {
		n, size := 0, 0
		for n < len(pairs) && (n == 0 || size < blockSize) {
			size += len(pairs[n].key) + len(pairs[n].value)
			n++
		}
		ref, err := flush(block(pairs[:n]))
		if err != nil {
			return err
		}
		index = append(index, pair{pairs[n-1].key, place(ref)})
		pairs = pairs[n:]
	}
	meta, err := flush(block(nil))
	if err != nil {
		return err
	}
	ref, err := flush(block(index))
	if err != nil {
		return err
	}
	end := append(place(meta), place(ref)...)
	end = append(end, make([]byte, footer-8-len(end))...)
	_, err = w.Write(binary.LittleEndian.AppendUint64(end, magic))
	return err
}

// block writes entries, without a trailer.
func block(pairs []pair) []byte {
	var b []byte
	restarts := []uint32{0}
	var last []byte
	for i, p := range pairs {
		shared := 0
		if i%restartEvery != 0 {
			for shared < len(last) && shared < len(p.key) && last[shared] == p.key[shared] {
				shared++
			}
		} else if i > 0 {
			restarts = append(restarts, uint32(len(b)))
		}
		for _, n := range []int{shared, len(p.key) - shared, len(p.value)} {
			b = binary.AppendUvarint(b, uint64(n))
		}
		b = append(append(b, p.key[shared:]...), p.value...)
		last = p.key
	}
	for _, r := range restarts {
		b = binary.LittleEndian.AppendUint32(b, r)
	}
	return binary.LittleEndian.AppendUint32(b, uint32(len(restarts)))
}
