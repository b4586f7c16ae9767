package deflate

import (
	"encoding/binary"
	"errors"
	"io"
)

// errCorrupt is of bits that are not what deflate writes.
var errCorrupt = errors.New("the compressed data is corrupt")

const (
	inSize  = 1 << 16
	slack   = 16 // zeros after the end of what is read, to be looked at without harm
	history = 1 << 15
	outSize = history + 1<<17
	// full is where the output has room for nothing more: for two literal bytes and a
	// match of 258 bytes, copied in words.
	full = outSize - 2 - 258 - 8
)

// bitstream is the compressed bytes as bits, the lowest of each byte first.
type bitstream struct {
	src  io.Reader
	in   []byte // of inSize + slack
	pos  int    // of the first byte whose bits are not in acc
	end  int    // of what was read
	last bool   // src has no more: zeros follow
	err  error  // why src has no more, unless it is at its end
	acc  uint64 // bits not taken yet, n of them; those above are the same as at pos
	n    uint
}

// more makes at least eight bytes at pos readable. Past the end of src they are zeros, until
// so many were taken that the caller must see it.
func (b *bitstream) more() error {
	if b.pos+8 <= b.end {
		return nil
	}
	for tries := 0; !b.last && b.pos+8 > b.end; tries++ {
		done := max(0, b.pos-8) // align may go back by what is in acc
		copy(b.in, b.in[done:b.end])
		b.pos, b.end = b.pos-done, b.end-done
		got, err := b.src.Read(b.in[b.end:inSize])
		b.end += got
		if err == nil && tries > 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			b.last = true
			clear(b.in[b.end : b.end+slack])
			if err != io.EOF {
				b.err = err
			}
		}
	}
	if b.pos > b.end+8 {
		return b.cut()
	}
	return nil
}

// cut is what a stream that ends too early is.
func (b *bitstream) cut() error {
	if b.err != nil {
		return b.err
	}
	return io.ErrUnexpectedEOF
}

// over reports whether bits were taken that src does not have.
func (b *bitstream) over() bool { return b.pos*8-int(b.n) > b.end*8 }

// refill brings at least 56 bits into acc.
func (b *bitstream) refill() error {
	if err := b.more(); err != nil {
		return err
	}
	b.acc |= binary.LittleEndian.Uint64(b.in[b.pos:]) << (b.n & 63)
	b.pos += int((63 - b.n) >> 3)
	b.n |= 56
	return nil
}

// take is the next k ≤ 32 bits.
func (b *bitstream) take(k uint) (uint32, error) {
	if b.n < k {
		if err := b.refill(); err != nil {
			return 0, err
		}
	}
	v := uint32(b.acc & (1<<k - 1))
	b.acc >>= k
	b.n -= k
	if b.last && b.over() {
		return 0, b.cut()
	}
	return v, nil
}

// align passes over the bits up to the next byte, and has the bytes that follow begin at
// pos.
func (b *bitstream) align() {
	b.pos -= int(b.n / 8)
	b.acc, b.n = 0, 0
}

// An inflater unpacks deflated data into a window, the last part of which what follows may
// repeat.
type inflater struct {
	bitstream
	out      [outSize]byte
	low      int // where the data begins in out, as far as it is kept
	from, to int // what is unpacked and was not given out yet

	unpack func() error // is fill, or that and what it is checked by
	given  error        // what Read ends with

	block  func(*inflater) error // goes on with the block, until it ends or out is full
	ended  bool                  // the block has ended
	final  bool                  // it was the last one
	stored int                   // bytes of a stored block that are left

	lit     [litRoom]entry
	dist    [distRoom]entry
	fixed   bool // lit and dist are those of the fixed codes
	lengths [litSymbols + distSymbols]uint8
}

// open has it read from src, and Read what unpack makes of that.
func (f *inflater) open(src io.Reader, unpack func() error) {
	f.src, f.in, f.unpack = src, make([]byte, inSize+slack), unpack
}

// Read unpacks into p.
func (f *inflater) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for f.from == f.to {
		if f.given != nil {
			return 0, f.given
		}
		f.given = f.unpack()
	}
	n := copy(p, f.out[f.from:f.to])
	f.from += n
	return n, nil
}

// begin makes ready for a stream that starts here.
func (f *inflater) begin() {
	f.low, f.ended, f.final = f.to, true, false
}

// fill unpacks more, once everything was given out. What came before an error is there with
// it, as is what came before io.EOF, the end.
func (f *inflater) fill() error {
	if f.to >= full {
		kept := copy(f.out[:], f.out[f.to-history:f.to])
		f.low = max(0, f.low-(f.to-kept))
		f.to = kept
	}
	f.from = f.to
	for f.to < full {
		if f.ended {
			if f.final {
				return io.EOF
			}
			if err := f.header(); err != nil {
				return err
			}
		}
		if err := f.block(f); err != nil {
			return err
		}
	}
	return nil
}

// header reads what stands before a block.
func (f *inflater) header() error {
	h, err := f.take(3)
	if err != nil {
		return err
	}
	f.final, f.ended = h&1 != 0, false
	switch h >> 1 {
	case 0:
		f.align()
		size, err := f.take(32)
		if err != nil {
			return err
		}
		if size&0xffff != ^size>>16 {
			return errCorrupt
		}
		f.align()
		f.stored, f.block = int(size&0xffff), (*inflater).copied
		return nil
	case 1:
		f.block = (*inflater).coded
		return f.fixedCodes()
	case 2:
		f.block = (*inflater).coded
		return f.codes()
	}
	return errCorrupt
}

// copied goes on with a stored block.
func (f *inflater) copied() error {
	for f.stored > 0 {
		room := full - f.to
		if room <= 0 {
			return nil
		}
		if f.pos >= f.end {
			if err := f.more(); err != nil {
				return err
			}
			if f.pos >= f.end {
				return f.cut()
			}
		}
		k := copy(f.out[f.to:f.to+min(room, f.stored)], f.in[f.pos:f.end])
		f.to, f.pos, f.stored = f.to+k, f.pos+k, f.stored-k
	}
	f.ended = true
	return nil
}

func (f *inflater) fixedCodes() error {
	if f.fixed {
		return nil
	}
	for i := range f.lengths {
		switch {
		case i < 144:
			f.lengths[i] = 8
		case i < 256:
			f.lengths[i] = 9
		case i < 280:
			f.lengths[i] = 7
		case i < litSymbols:
			f.lengths[i] = 8
		default:
			f.lengths[i] = 5
		}
	}
	build(f.lit[:], litBits, litMeaning[:], f.lengths[:litSymbols])
	build(f.dist[:], distBits, distMeaning[:], f.lengths[litSymbols:])
	f.fixed = true
	return nil
}

// preOrder is the order that the lengths of the lengths' codes are written in.
var preOrder = [preSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codes reads the codes of a block (RFC 1951, 3.2.7).
func (f *inflater) codes() error {
	h, err := f.take(14)
	if err != nil {
		return err
	}
	lits, dists, pres := int(h&31)+257, int(h>>5&31)+1, int(h>>10)+4
	if lits > 286 || dists > 30 {
		return errCorrupt
	}
	f.fixed = false
	var pre [preSymbols]uint8
	for _, at := range preOrder[:pres] {
		n, err := f.take(3)
		if err != nil {
			return err
		}
		pre[at] = uint8(n)
	}
	table := f.lit[:1<<preBits]
	if !build(table, preBits, preMeaning[:], pre[:]) {
		return errCorrupt
	}
	lengths := f.lengths[:lits+dists]
	for i := 0; i < len(lengths); {
		if err := f.refill(); err != nil {
			return err
		}
		e := table[f.acc&(1<<preBits-1)]
		if e&rare != 0 {
			if f.last && f.over() {
				return f.cut()
			}
			return errCorrupt
		}
		if _, err := f.take(e.takes()); err != nil {
			return err
		}
		symbol := e.value()
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		var again uint8
		least, extra := 3, uint(3)
		switch symbol {
		case 16:
			if i == 0 {
				return errCorrupt
			}
			again, extra = lengths[i-1], 2
		case 18:
			least, extra = 11, 7
		}
		x, err := f.take(extra)
		if err != nil {
			return err
		}
		k := least + int(x)
		if k > len(lengths)-i {
			return errCorrupt
		}
		for ; k > 0; k-- {
			lengths[i] = again
			i++
		}
	}
	if !build(f.lit[:], litBits, litMeaning[:], lengths[:lits]) || !build(f.dist[:], distBits, distMeaning[:], lengths[lits:]) {
		return errCorrupt
	}
	return nil
}

// coded goes on with a block of literal bytes and matches.
func (f *inflater) coded() error {
	for !f.ended && f.to < full {
		if err := f.more(); err != nil {
			return err
		}
		limit, until, before := f.end-8, full, f.to
		if f.last && f.pos > limit {
			// The zeros after the end are no data: step by step, to see when one is
			// made of them.
			limit, until = f.end+8, f.to+1
		}
		err := f.symbols(limit, until)
		if f.last && f.over() {
			f.to = before
			return f.cut()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// symbols unpacks symbols while pos is no higher than limit, so that it can refill, and to
// lower than until. A code takes 15 bits at most, a length with its distance 48.
func (f *inflater) symbols(limit, until int) error {
	const litMask, distMask = 1<<litBits - 1, 1<<distBits - 1
	in, out := f.in, &f.out
	pos, to, acc, n := f.pos, f.to, f.acc, f.n
	lit, dist := &f.lit, &f.dist
	var err error
	for pos <= limit && to < until {
		acc |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (n & 63)
		pos += int((63 - n) >> 3)
		n |= 56
		e := lit[acc&litMask]
		if e&literal != 0 {
			acc >>= e.takes()
			n -= e.takes()
			out[to] = byte(e >> 16)
			to++
			e = lit[acc&litMask]
			if e&literal != 0 {
				acc >>= e.takes()
				n -= e.takes()
				out[to] = byte(e >> 16)
				to++
				e = lit[acc&litMask]
				if e&literal != 0 {
					acc >>= e.takes()
					n -= e.takes()
					out[to] = byte(e >> 16)
					to++
					continue
				}
			}
			if n < 48 {
				if pos > limit {
					continue
				}
				acc |= binary.LittleEndian.Uint64(in[pos:pos+8]) << (n & 63)
				pos += int((63 - n) >> 3)
				n |= 56
			}
		}
		if e&rare != 0 {
			if e&link == link {
				acc >>= e.takes()
				n -= e.takes()
				e = lit[e.value()+int(acc&(1<<e.alone()-1))]
			}
			if e&literal != 0 {
				acc >>= e.takes()
				n -= e.takes()
				out[to] = byte(e >> 16)
				to++
				continue
			}
			if e&rare != 0 {
				acc >>= e.takes()
				n -= e.takes()
				if e&stop == stop {
					f.ended = true
				} else {
					err = errCorrupt
				}
				break
			}
		}
		length := e.value() + int(acc&(1<<e.takes()-1)>>e.alone())
		acc >>= e.takes()
		n -= e.takes()
		e = dist[acc&distMask]
		if e&rare != 0 {
			if e&link == link {
				acc >>= e.takes()
				n -= e.takes()
				e = dist[e.value()+int(acc&(1<<e.alone()-1))]
			}
			if e&rare != 0 {
				err = errCorrupt
				break
			}
		}
		back := e.value() + int(acc&(1<<e.takes()-1)>>e.alone())
		acc >>= e.takes()
		n -= e.takes()
		at := to - back
		if at < f.low {
			err = errCorrupt
			break
		}
		end := to + length
		switch {
		case back >= 8:
			for ; to < end; to, at = to+8, at+8 {
				binary.LittleEndian.PutUint64(out[to:to+8], binary.LittleEndian.Uint64(out[at:at+8]))
			}
		case back == 1:
			word := uint64(out[at]) * 0x0101010101010101
			for ; to < end; to += 8 {
				binary.LittleEndian.PutUint64(out[to:to+8], word)
			}
		default:
			for ; to < end; to, at = to+1, at+1 {
				out[to] = out[at]
			}
		}
		to = end
	}
	f.pos, f.to, f.acc, f.n = pos, to, acc, n
	return err
}
