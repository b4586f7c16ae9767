package svg

import (
	"math"
	"strconv"
	"strings"
)

// extreme bounds the magnitude of the values a Scale shows, and its inverse
// that of a logarithmic one, so that the range and its margins are numbers.
const extreme = 1e150

// A Scale maps values in [Lo, Hi] to a fraction in [0, 1]: linearly, or where
// Log is set by their logarithm.
type Scale struct {
	Lo, Hi float64
	Log    bool
}

// Linear is the scale that covers the finite ones of the values, widened by a
// twentieth at each end so that no mark lies on the frame. With no finite value
// it is [0, 1]; of equal values it is an interval around them.
func Linear(values ...[]float64) Scale {
	lo, hi, ok := extent(math.Inf(-1), values)
	switch {
	case !ok:
		return Scale{Lo: 0, Hi: 1}
	case lo == hi:
		pad := math.Abs(lo) / 10
		if pad == 0 {
			pad = 1
		}
		return Scale{Lo: lo - pad, Hi: hi + pad}
	}
	pad := (hi - lo) / 20
	return Scale{Lo: lo - pad, Hi: hi + pad}
}

// Logarithmic is the scale that covers the finite positive ones of the values,
// widened like that of Linear.
func Logarithmic(values ...[]float64) Scale {
	lo, hi, ok := extent(0, values)
	if !ok {
		return Scale{Lo: 1, Hi: 10, Log: true}
	}
	lo, hi = math.Max(lo, 1/extreme), math.Max(hi, 1/extreme)
	r := math.Pow(hi/lo, 0.05)
	if lo == hi {
		r = 1.5
	}
	return Scale{Lo: lo / r, Hi: hi * r, Log: true}
}

// Decades is how many powers of ten the values span, 0 where one of them is
// not positive or none is finite.
func Decades(values ...[]float64) float64 {
	lo, hi, ok := extent(math.Inf(-1), values)
	if !ok || lo <= 0 {
		return 0
	}
	return math.Log10(hi) - math.Log10(lo)
}

// extent is the range of the finite values above floor.
func extent(floor float64, values [][]float64) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, vs := range values {
		for _, v := range vs {
			if finite(v) && v > floor {
				v = math.Max(-extreme, math.Min(extreme, v))
				lo, hi, ok = math.Min(lo, v), math.Max(hi, v), true
			}
		}
	}
	return lo, hi, ok
}

// At is the place of v on the scale, cut to [0, 1]; NaN where v has none.
func (s Scale) At(v float64) float64 {
	if !finite(v) || s.Log && v <= 0 {
		return math.NaN()
	}
	lo, hi := s.Lo, s.Hi
	if s.Log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(v)
	}
	if hi <= lo {
		return 0.5
	}
	return math.Max(0, math.Min(1, (v-lo)/(hi-lo)))
}

// A Tick is a value on an axis and the text that stands at it. A minor tick has
// no text.
type Tick struct {
	Value float64
	Label string
}

// Ticks chooses about n round values: multiples of 1, 2 or 5 times a power of
// ten, on a logarithmic scale powers of ten and, where they are few, their
// doubles and fivefolds.
func (s Scale) Ticks(n int) []Tick {
	n = max(n, 2)
	if s.Log {
		if ticks := s.logTicks(n); len(ticks) >= 2 {
			return ticks
		}
	}
	return s.linearTicks(n, 0)
}

// Integers is Ticks for an axis that counts, on which no fraction is marked.
func (s Scale) Integers(n int) []Tick { return s.linearTicks(max(n, 2), 1) }

func (s Scale) linearTicks(n int, least float64) []Tick {
	span := s.Hi - s.Lo
	if !finite(span) || span <= 0 {
		return []Tick{{s.Lo, Number(s.Lo)}}
	}
	raw := span / float64(n)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := unit
	for _, m := range []float64{1, 2, 5, 10} {
		if step = unit * m; step >= raw*0.999 {
			break
		}
	}
	step = math.Max(step, least)
	var ticks []Tick
	first, last := math.Ceil(s.Lo/step-1e-9), math.Floor(s.Hi/step+1e-9)
	// So short a range so far from 0 has no room for round numbers.
	// Subnormal steps have too few digits for it.
	if step < 0x1p-1000 || !finite(first, last) || math.Abs(first) > 1e12 || math.Abs(last) > 1e12 {
		return []Tick{{s.Lo, Number(s.Lo)}, {s.Hi, Number(s.Hi)}}
	}
	for k := first; k <= last; k++ {
		v := math.Max(s.Lo, math.Min(s.Hi, k*step)) + 0
		if math.Abs(v-k*step) > span*1e-9 || len(ticks) > 0 && v <= ticks[len(ticks)-1].Value {
			continue
		}
		ticks = append(ticks, Tick{v, stepped(v, step)})
	}
	if len(ticks) == 0 && step > least {
		return s.linearTicks(2*n, least)
	}
	return ticks
}

// logTicks labels every so-many-th decade, as many as leave about n labels and
// at least two. Where even single decades are too few, 2 and 5 are labelled
// too; where those are, the scale is so short that there are no such ticks.
func (s Scale) logTicks(n int) []Tick {
	lo, hi := math.Log10(s.Lo), math.Log10(s.Hi)
	fine := (hi-lo)*3 <= float64(n)+1
	for every := math.Max(1, math.Ceil((hi-lo)/float64(n))); every >= 0; every-- {
		ticks, labels := s.decades(math.Max(1, every), fine || every == 0)
		if labels >= 2 {
			return ticks
		}
	}
	return nil
}

// decades is the ticks of a logarithmic scale and how many of them have a
// label: each every-th power of ten, and where fine is set their doubles and
// fivefolds.
func (s Scale) decades(every float64, fine bool) (ticks []Tick, labels int) {
	lo, hi := math.Log10(s.Lo), math.Log10(s.Hi)
	for e := math.Floor(lo); e <= math.Ceil(hi); e++ {
		for _, m := range []float64{1, 2, 5} {
			v := m * math.Pow(10, e)
			if v < s.Lo || v > s.Hi || m != 1 && every > 1 {
				continue
			}
			label := ""
			if m == 1 && math.Mod(e, every) == 0 || m != 1 && fine {
				label = Number(v)
				labels++
			}
			ticks = append(ticks, Tick{v, label})
		}
	}
	return ticks, labels
}

// stepped writes v with as many decimals as its step has.
func stepped(v, step float64) string {
	if a := math.Max(math.Abs(v), step); a >= 10000 || a < 1e-3 {
		if math.Abs(v) < step/2 {
			return "0"
		}
		return Number(v)
	}
	decimals := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	return minus(strconv.FormatFloat(v, 'f', decimals, 64))
}

// Number writes v shortly, with at most four significant digits: 0.001, 12.5,
// 20k, 1.5M, 2e-5.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return minus(strings.TrimPrefix(strconv.FormatFloat(v, 'g', 4, 64), "+"))
	case a == 0:
		return "0"
	case a >= 9.9995e8 || a < 9.9995e-4:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(round4(v), 'e', -1, 64), "e")
		e, _ := strconv.Atoi(exponent)
		return minus(mantissa) + "e" + strconv.Itoa(e)
	case a >= 999950:
		return minus(strconv.FormatFloat(round4(v/1e6), 'f', -1, 64) + "M")
	case a >= 9999.5:
		return minus(strconv.FormatFloat(round4(v/1e3), 'f', -1, 64) + "k")
	}
	return minus(strconv.FormatFloat(round4(v), 'f', -1, 64))
}

func round4(v float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	return r
}

// minus writes the sign of a mantissa as the minus sign U+2212, which is as
// wide as a digit.
func minus(s string) string {
	if strings.HasPrefix(s, "-") {
		return "−" + s[1:]
	}
	return s
}
