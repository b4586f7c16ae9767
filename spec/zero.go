package spec

// Zero stands for a real 0 in a float64 field whose Go zero value means the
// default. It is the smallest denormal number, so that arithmetic which forgets
// to resolve it is still right. It is written to text as 0.
const Zero = 0x1p-1074

// Or is the number that v stands for: def for 0, 0 for [Zero], otherwise v.
func Or(v, def float64) float64 {
	switch v {
	case 0:
		return def
	case Zero:
		return 0
	}
	return v
}
