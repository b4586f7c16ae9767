package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/tensor"
)

// alignment is that of each storage in the file, as PyTorch has it, for readers that map
// files into memory.
const alignment = 64

// Write writes a state dict, an OrderedDict of contiguous CPU tensors in the order given, as
// a zip archive that torch.load reads, with weights_only, too. Equal arguments give equal
// bytes. Names may repeat no other; uint16, uint32 and uint64 are refused, for few
// versions of PyTorch have them.
func Write(w io.Writer, tensors []Named) error {
	text, err := encode(tensors)
	if err != nil {
		return err
	}
	z := &writer{count: countWriter{w: w}}
	z.zip = zip.NewWriter(&z.count)
	if err := z.entry("data.pkl", text); err != nil {
		return err
	}
	if err := z.entry("byteorder", []byte("little")); err != nil {
		return err
	}
	for i, t := range tensors {
		if err := z.entry(fmt.Sprintf("data/%d", i), t.Tensor.Bytes()); err != nil {
			return fmt.Errorf("torch: write tensor %q: %w", t.Name, err)
		}
	}
	if err := z.entry("version", []byte("3\n")); err != nil {
		return err
	}
	if err := z.zip.Close(); err != nil {
		return fmt.Errorf("torch: write: %w", err)
	}
	return nil
}

// A writer writes entries whose bytes begin on an alignment.
type writer struct {
	count countWriter
	zip   *zip.Writer
}

// entry adds a stored file of the archive.
func (z *writer) entry(name string, data []byte) error {
	// What the zip writer holds back is to be counted.
	if err := z.zip.Flush(); err != nil {
		return fmt.Errorf("torch: write: %w", err)
	}
	name = "archive/" + name
	begin := z.count.n + sizeLocal + int64(len(name)) + 4
	pad := (alignment - begin%alignment) % alignment
	extra := append(binary.LittleEndian.AppendUint16([]byte("FB"), uint16(pad)), bytes.Repeat([]byte("Z"), int(pad))...)
	w, err := z.zip.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, Extra: extra, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data))})
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("torch: write: %w", err)
	}
	return nil
}

type countWriter struct {
	w io.Writer
	n int64
}

func (c *countWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// encode makes the pickle, in protocol 2 as torch.save does.
func encode(tensors []Named) ([]byte, error) {
	p := &pickler{memo: map[string]byte{}}
	p.WriteString("\x80\x02")
	p.once(orderedDict)
	p.WriteString(")R(")
	seen := map[string]bool{}
	for i, t := range tensors {
		name, dt, shape := t.Name, t.Tensor.DType(), t.Tensor.Shape()
		e, ok := elemOf(dt)
		switch {
		case seen[name]:
			return nil, fmt.Errorf("torch: two tensors are named %q", name)
		case !utf8.ValidString(name) || len(name) >= maxName:
			return nil, fmt.Errorf("torch: tensor name %.80q is not valid UTF-8 of less than %d bytes", name, maxName)
		case len(shape) > maxRank:
			return nil, fmt.Errorf("torch: tensor %q has %d axes; PyTorch has at most %d", name, len(shape), maxRank)
		case !ok || e.storage == "":
			return nil, fmt.Errorf("torch: tensor %q is of type %v, which few versions of PyTorch have; convert it to int32 or int64", name, dt)
		}
		seen[name] = true
		p.str(name)
		p.once("ctorch._utils\n_rebuild_tensor_v2\n")
		p.WriteString("((")
		p.once("X\x07\x00\x00\x00storage")
		p.once("ctorch\n" + e.storage + "Storage\n")
		p.str(strconv.Itoa(i))
		p.once("X\x03\x00\x00\x00cpu")
		p.int(int64(t.Tensor.Len()))
		p.WriteString("tQK\x00(")
		for _, d := range shape {
			p.int(int64(d))
		}
		p.WriteString("t(")
		for _, s := range rowMajor(shape) {
			p.int(s)
		}
		p.WriteString("t\x89")
		p.once(orderedDict)
		p.WriteString(")RtR")
	}
	p.WriteString("u.")
	return p.Bytes(), nil
}

// rowMajor are the strides of a contiguous tensor. Axes without elements count as one,
// as in PyTorch.
func rowMajor(shape tensor.Shape) []int64 {
	strides := make([]int64, len(shape))
	n := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= int64(max(1, shape[i]))
	}
	return strides
}

const orderedDict = "ccollections\nOrderedDict\n"

// A pickler writes what every tensor has but once.
type pickler struct {
	bytes.Buffer
	memo map[string]byte
}

// once writes the opcodes of a value, or refers to it where they have been written before.
func (p *pickler) once(opcodes string) {
	if i, ok := p.memo[opcodes]; ok {
		p.Write([]byte{'h', i})
		return
	}
	i := byte(len(p.memo))
	p.memo[opcodes] = i
	p.WriteString(opcodes)
	p.Write([]byte{'q', i})
}

func (p *pickler) str(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) int(n int64) {
	switch {
	case n >= 0 && n < 1<<8:
		p.Write([]byte{'K', byte(n)})
	case n >= 0 && n <= math.MaxInt32:
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	default:
		p.WriteString("\x8a\x08")
		p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
	}
}
