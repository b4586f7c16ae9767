package deflate

import "math/bits"

// An entry is what the next bits mean:
//
//	bits 0–5    how many of them it takes, the extra bits of a length or distance included
//	bit 6       with rare: the code is longer than the table's index, look on in another table
//	bit 7       rare: neither a literal byte nor a length or distance
//	bits 8–11   how many the code takes alone; of a link, the bits that index its table
//	bit 12      with rare: the end of the block
//	bits 16–30  the byte, the base of the length or distance, or where the link's table is
//	bit 31      it is a literal byte
type entry uint32

const (
	literal entry = 1 << 31
	rare    entry = 1 << 7
	link    entry = rare | 1<<6
	stop    entry = rare | 1<<12
	bad     entry = rare // no code begins so, or it is one without a meaning
)

// takes is how many bits an entry takes, as a number to shift by.
func (e entry) takes() uint { return uint(e & 63) }

// alone is how many bits its code takes, as a number to shift by.
func (e entry) alone() uint { return uint(e>>8) & 15 }

// value is its byte, base or place.
func (e entry) value() int { return int(e>>16) & 0x7fff }

// valued is the meaning of a symbol that stands for a number and that plus what some
// extra bits say.
func valued(value, extra int) entry { return entry(value)<<16 | entry(extra) }

const (
	maxCode     = 15 // bits of the longest code
	litSymbols  = 288
	distSymbols = 32
	preSymbols  = 19 // of the code that the lengths of codes are written in

	// A table is indexed with so many bits at first. Longer codes are rare.
	litBits  = 11
	distBits = 8
	preBits  = 7

	// The most entries that a code of so many symbols can need, second tables included:
	// what zlib's program enough finds for 288 symbols and 32.
	litRoom  = 2342
	distRoom = 402
)

// What the symbols of the three codes mean (RFC 1951, 3.2.5 and 3.2.7).
var (
	litMeaning  = litMeanings()
	distMeaning = distMeanings()
	preMeaning  = preMeanings()
)

func litMeanings() (m [litSymbols]entry) {
	for i := range m {
		switch {
		case i < 256:
			m[i] = literal | valued(i, 0)
		case i == 256:
			m[i] = stop
		case i < 265:
			m[i] = valued(i-254, 0)
		case i < 285:
			extra := (i - 261) / 4
			m[i] = valued((4+(i-265)%4)<<extra+3, extra)
		case i == 285:
			m[i] = valued(258, 0)
		default:
			m[i] = bad
		}
	}
	return m
}

func distMeanings() (m [distSymbols]entry) {
	for i := range m {
		switch {
		case i < 4:
			m[i] = valued(i+1, 0)
		case i < 30:
			extra := i/2 - 1
			m[i] = valued((2+i%2)<<extra+1, extra)
		default:
			m[i] = bad
		}
	}
	return m
}

func preMeanings() (m [preSymbols]entry) {
	for i := range m {
		m[i] = valued(i, 0)
	}
	return m
}

// build fills a table for the canonical code in which symbol i has lengths[i] bits, 0 for
// none. index is how many bits the table is indexed with at first. It reports whether
// these are the lengths of a code that is complete, or of one that zlib writes though it is
// not: that of no symbol, and that of one with a single bit.
func build(table []entry, index int, meaning []entry, lengths []uint8) bool {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	used, open, longest := 0, 1<<maxCode, 0
	for n, c := range count {
		used += c
		open -= c << (maxCode - n)
		if c > 0 {
			longest = n
		}
	}
	if open != 0 {
		if used > 1 || used == 1 && longest > 1 {
			return false
		}
		for i := range table[:1<<index] {
			table[i] = bad
		}
	}
	// The symbols in the order of their codes: by length, then by number.
	var next [maxCode + 2]int
	for n := 1; n <= maxCode; n++ {
		next[n+1] = next[n] + count[n]
	}
	var sorted [litSymbols]uint16
	for i, n := range lengths {
		if n > 0 {
			sorted[next[n]] = uint16(i)
			next[n]++
		}
	}
	code, symbols := 0, sorted[:used]
	room := 1 << index // entries so far
	prefix := -1       // index of the link to the second table that is being filled
	second := table[:0]
	for n := 1; n <= longest; n++ {
		for left := count[n]; left > 0; left-- {
			m := meaning[symbols[0]]
			symbols = symbols[1:]
			// A stream has the first bit of a code lowest.
			at := int(bits.Reverse16(uint16(code)) >> (16 - n))
			code++
			if n <= index {
				e := m + entry(n) + entry(n)<<8
				for i := at; i < 1<<index; i += 1 << n {
					table[i] = e
				}
				continue
			}
			rest := n - index
			if low := at & (1<<index - 1); low != prefix {
				// Another second table, as wide as all codes that begin so make it.
				prefix = low
				wide := rest
				for filled := left; filled < 1<<wide; filled = 2*filled + count[index+wide] {
					wide++
				}
				second = table[room : room+1<<wide]
				table[low] = link | entry(room)<<16 | entry(wide)<<8 | entry(index)
				room += 1 << wide
			}
			e := m + entry(rest) + entry(rest)<<8
			for i := at >> index; i < len(second); i += 1 << rest {
				second[i] = e
			}
		}
		code <<= 1
	}
	return true
}
