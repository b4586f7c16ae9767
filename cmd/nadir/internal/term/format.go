package term

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes a measurement with four significant digits.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.ToLower(strconv.FormatFloat(v, 'f', -1, 64))
	case a != 0 && (a < 1e-4 || a >= 1e6):
		return strconv.FormatFloat(v, 'e', 2, 64)
	case a < 1:
		return strconv.FormatFloat(v, 'f', 4, 64)
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// short writes a setting such as a learning rate without needless digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// Count writes a number with commas between thousands.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes writes a size in bytes, KiB, MiB or GiB.
func Bytes(n int64) string {
	v := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if math.Abs(v) < 1024 {
			if unit == "B" {
				return fmt.Sprintf("%d B", n)
			}
			return fmt.Sprintf("%.1f %s", v, unit)
		}
		v /= 1024
	}
	return fmt.Sprintf("%.1f GiB", v)
}

// clock writes a duration as 0:42, 1:02:03 or 2d 3:00:00.
func clock(d time.Duration) string {
	s := max(0, int64(d.Round(time.Second)/time.Second))
	h, m, sec := s/3600, s/60%60, s%60
	switch {
	case h >= 24:
		return fmt.Sprintf("%dd %d:%02d:%02d", h/24, h%24, m, sec)
	case h > 0:
		return fmt.Sprintf("%d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%d:%02d", m, sec)
}

// seconds writes the length of an epoch or a run.
func seconds(s float64) string {
	if s < 100 {
		return fmt.Sprintf("%.1fs", s)
	}
	return clock(time.Duration(math.Min(s, 1e9) * float64(time.Second)))
}

// ends writes when something will be over: the time of day, with the date where
// it is another day.
func ends(now time.Time, left time.Duration) string {
	t := now.Add(left)
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("2 Jan 15:04")
}
