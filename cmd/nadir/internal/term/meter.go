package term

import "time"

// A meter measures how fast a count grows: over the last seconds, as people
// read it, and over the whole time, from which an end is foretold.
type meter struct {
	began time.Time
	total int64
	marks []mark
}

// A mark is the count at a time.
type mark struct {
	at    time.Time
	total int64
}

// A meter looks back over at most markCount marks, each markEvery after the
// other.
const (
	markEvery = 500 * time.Millisecond
	markCount = 11
)

func newMeter(now time.Time) meter {
	return meter{began: now, marks: append(make([]mark, 0, markCount+1), mark{now, 0})}
}

func (m *meter) add(n int64, now time.Time) {
	m.total += n
	if now.Sub(m.marks[len(m.marks)-1].at) < markEvery {
		return
	}
	m.marks = append(m.marks, mark{now, m.total})
	if len(m.marks) > markCount {
		m.marks = append(m.marks[:0], m.marks[1:]...)
	}
}

// rate is the growth per second of late, 0 before it is known.
func (m *meter) rate(now time.Time) float64 {
	from := m.marks[0]
	dt := now.Sub(from.at).Seconds()
	if dt <= 0 {
		return 0
	}
	return float64(m.total-from.total) / dt
}

// left foretells how long until n more are counted, going on as on average so
// far.
func (m *meter) left(n int64, now time.Time) (time.Duration, bool) {
	if m.total <= 0 {
		return 0, false
	}
	s := now.Sub(m.began).Seconds() / float64(m.total) * float64(max(n, 0))
	if s > 1e9 {
		return 0, false
	}
	return time.Duration(s * float64(time.Second)), true
}
