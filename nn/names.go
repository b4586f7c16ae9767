package nn

// Names are the names that the layers of m get one after the other, those
// included that count the layers of a kind.
func Names(m Sequential) ([]string, error) { return namesOf(m) }
