package backend

import "sync"

// Frozen is what plans keep of parameters that do not change: laid out once as their
// loops read it, instead of at every run. It grows with the plans compiled with it and
// is shared by them, also where they run at the same time. The zero Frozen is ready; it must not be
// copied after use.
type Frozen struct {
	mu    sync.Mutex
	made  map[any]any
	bytes int
}

// Once is what make made when it was first called for that key. A key says what is kept
// and of which parameter; bytes is the memory that it takes.
func (f *Frozen) Once(key any, bytes int, make func() any) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.made[key]
	if !ok {
		if f.made == nil {
			f.made = map[any]any{}
		}
		v = make()
		f.made[key] = v
		f.bytes += bytes
	}
	return v
}

// Bytes is the memory of all that is kept.
func (f *Frozen) Bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}
