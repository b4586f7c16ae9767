package data

// Steady reports whether row i of src is the same whenever [Batches] reads it:
// false where augmentation changes rows from epoch to epoch.
func Steady(src Source) bool {
	if s, ok := src.(interface{ steady() bool }); ok {
		return s.steady()
	}
	_, ordered := src.(orderReader)
	return !ordered
}

func (s *augmented) steady() bool  { return false }
func (s *subset) steady() bool     { return Steady(s.src) }
func (s *renumbered) steady() bool { return Steady(s.Source) }
