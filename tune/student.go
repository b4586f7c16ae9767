package tune

import "math"

// studentTail is the probability that Student's t with df degrees of freedom
// lies further from 0 than t, on either side, by the finite series of Abramowitz
// and Stegun (1964), 26.7.3 and 26.7.4. It is right to 1e-14 or so, and not by its
// digits where it is smaller than that.
func studentTail(t float64, df int) float64 {
	if math.IsNaN(t) || df < 1 {
		return math.NaN()
	}
	n := float64(df)
	theta := math.Atan(math.Abs(t) / math.Sqrt(n))
	sin, cos := math.Sincos(theta)
	// The series runs over every second power of the cosine, from 0 where df is
	// even and from 1 where it is odd.
	sum, term := 0.0, 1.0
	first := 2.0
	if df%2 == 1 {
		term, first = cos, 3
	}
	for k := first; k <= n; k += 2 {
		sum += term
		term *= cos * cos * (k - 1) / k
	}
	within := sin * sum
	if df%2 == 1 {
		within = 2 / math.Pi * (theta + within)
	}
	return max(0, min(1, 1-within))
}

// studentQuantile is the t that is exceeded on either side with probability
// alpha, by bisection.
func studentQuantile(alpha float64, df int) float64 {
	lo, hi := 0.0, 1.0
	for studentTail(hi, df) > alpha {
		lo, hi = hi, 2*hi
	}
	for range 60 { // to the last bits of a float64
		if mid := (lo + hi) / 2; studentTail(mid, df) > alpha {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}
