package csv

import "bytes"

// Load reads content as Open reads a file: from memory, or as a file too large
// for it, with an index of the given entries and samples of so many numbers.
func Load(content []byte, o Options, onDisk bool, entries, numbers int) (*Source, error) {
	b := bounds{memory: int64(len(content)), index: entries, sample: numbers}
	if onDisk {
		b.memory = -1
	}
	return load("t.csv", bytes.NewReader(content), int64(len(content)), o, b)
}

// OpenLarge opens a file as one too large for memory.
func OpenLarge(path string, o Options) (*Source, error) {
	return open(path, o, bounds{memory: 8, index: 8, sample: 1000})
}
