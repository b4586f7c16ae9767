package deflate

import (
	"testing"

	"pgregory.net/rapid"
)

// TestBuild: every complete code fits its table, whose every entry of a code says that
// code's symbol; lengths that are no code are refused.
func TestBuild(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := struct {
			index, room, symbols int
			meaning              []entry
		}{litBits, litRoom, litSymbols, litMeaning[:]}
		if rapid.Bool().Draw(t, "distances") {
			k.index, k.room, k.symbols, k.meaning = distBits, distRoom, distSymbols, distMeaning[:]
		}
		// A code of one bit, leaves of which are split.
		leaves := []uint8{1, 1}
		deep := rapid.Bool().Draw(t, "deep")
		for range rapid.IntRange(0, k.symbols-2).Draw(t, "splits") {
			at := len(leaves) - 1
			if !deep || leaves[at] == maxCode {
				at = rapid.IntRange(0, len(leaves)-1).Draw(t, "leaf")
			}
			if leaves[at] < maxCode {
				leaves[at]++
				leaves = append(leaves, leaves[at])
			}
		}
		lengths := make([]uint8, k.symbols)
		for i, at := range rapid.Permutation(upTo(k.symbols)).Draw(t, "symbols")[:len(leaves)] {
			lengths[at] = leaves[i]
		}
		table := make([]entry, k.room)
		if !build(table, k.index, k.meaning, lengths) {
			t.Fatalf("%v is refused", lengths)
		}
		code := 0
		for n := 1; n <= maxCode; n++ {
			for symbol, l := range lengths {
				if int(l) != n {
					continue
				}
				back := 0 // the code with its first bit lowest
				for i := range n {
					back |= code >> i & 1 << (n - 1 - i)
				}
				e, left := table[back&(1<<k.index-1)], n
				if e&literal == 0 && e&link == link {
					left -= k.index
					e = table[e.value()+back>>k.index&(1<<e.alone()-1)]
				}
				if want := k.meaning[symbol] + entry(left) + entry(left)<<8; e != want {
					t.Fatalf("%v: symbol %d with code %0*b: %x, want %x", lengths, symbol, n, code, e, want)
				}
				code++
			}
			code <<= 1
		}
		at := 0
		for lengths[at] == 0 {
			at++
		}
		for _, n := range []uint8{lengths[at] - 1, lengths[at] + 1} {
			lengths[at] = n
			if n <= maxCode && build(table, k.index, k.meaning, lengths) && !(n == 0 && len(leaves) == 2) {
				t.Fatalf("%v are no code", lengths)
			}
		}
	})
}

func upTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}
