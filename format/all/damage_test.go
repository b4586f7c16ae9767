package all_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/formattest"
	"github.com/nadir-ml/nadir/tensor"
)

var every = flag.Bool("every", false, "turn every bit of every sample, which takes minutes; else a thousand of each")

// A bench is where a sample's files lie.
type bench struct {
	sample
	dir  *formattest.Folder
	path string
	o    format.Options
}

func lay(t testing.TB, s sample) *bench {
	b := &bench{sample: s, dir: formattest.NewFolder(t)}
	for name, text := range s.files {
		b.dir.Write(name, text)
	}
	b.path = filepath.Join(b.dir.Dir, s.open)
	if s.bare {
		b.o = format.Options{Net: net(), Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{2}}}}
	}
	return b
}

// use reads and runs all there is. A panic becomes an error of its own type.
func (b *bench) use() (r formattest.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	if b.data {
		return rows(b.path)
	}
	return formattest.Digest(b.path, b.o)
}

type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }

// rows reads a set of data.
func rows(path string) (r formattest.Result, err error) {
	s, err := sets.OpenPath(path, sets.Options{})
	if err != nil {
		return r, err
	}
	if c, ok := s.Train.(interface{ Close() error }); ok {
		defer c.Close()
	}
	n := s.Train.Len()
	if r.Numbers = n * s.Train.Schema().Inputs[0].Shape.Len(); r.Numbers > 1<<20 {
		return r, nil
	}
	batch := data.NewBatch(s.Train.Schema(), n)
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(i)
	}
	if err := s.Train.Read(batch, index); err != nil {
		return r, err
	}
	for _, x := range slices.Concat(batch.X, batch.Y) {
		for _, v := range append([]byte(fmt.Sprint(x.Shape())), x.Bytes()...) {
			r.Sum = r.Sum*1099511628211 + uint64(v) + 1
		}
	}
	return r, nil
}

// size is that of all files.
func (b *bench) size() (n int) {
	for _, f := range b.files {
		n += len(f)
	}
	return n
}

// limit is the most memory that may be taken, in bytes, where so many numbers were read.
func limit(size, numbers int) uint64 {
	return 64<<20 + 2*uint64(size) + 13*4*uint64(numbers)/10
}

// allocated is how many bytes were taken from the heap since the program began.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// bounded runs use and holds it to what it may take. What does not end in a minute ends
// the tests, saying what it was.
func (b *bench) bounded(t *testing.T, what string) (formattest.Result, error) {
	t.Helper()
	alarm := time.AfterFunc(time.Minute, func() { panic(b.name + ", " + what + ": it does not end") })
	defer alarm.Stop()
	before := allocated()
	r, err := b.use()
	// Of what is not packed no more numbers are there than bytes, whatever a file says.
	numbers := min(r.Numbers, b.size()) + b.inflates
	if took := allocated() - before; took > limit(b.size(), numbers) {
		t.Errorf("%s: %d bytes of memory for %d of files and %d numbers", what, took, b.size(), r.Numbers)
	}
	if err != nil {
		b.told(t, what, err)
	}
	return r, err
}

// told holds an error to be one of the file's contents, for a person.
func (b *bench) told(t *testing.T, what string, err error) {
	t.Helper()
	var (
		p       *panicked
		corrupt *format.Corrupt
		cannot  *format.Unsupported
		choice  *format.Choice
		misfit  *format.Misfit
	)
	switch {
	case errors.As(err, &p):
		t.Errorf("%s: %v", what, err)
	case b.data:
		formattest.Told(t, err)
	case errors.Is(err, format.ErrBare):
	case !errors.As(err, &corrupt) && !errors.As(err, &cannot) && !errors.As(err, &choice) && !errors.As(err, &misfit):
		t.Errorf("%s: %v (%T) is of no type that says what is to blame", what, err, err)
	case !strings.Contains(err.Error(), b.dir.Dir):
		t.Errorf("%s: %v: does not name the file", what, err)
	case errors.Is(err, fs.ErrNotExist):
		t.Errorf("%s: %v: is about another file", what, err)
	}
	if text := err.Error(); len(text) < 12 || strings.Contains(text, "runtime error") {
		t.Errorf("%s: %q is no error for a person", what, text)
	}
}

// TestDamage cuts the files of every format short at every byte, and turns every bit, or
// many, of each. What a checksum covers may not come out changed; else there is an error or
// a model, in bounded memory. It is not parallel, so that the memory is its own.
func TestDamage(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			b := lay(t, s)
			whole, err := b.bounded(t, "whole")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range slices.Sorted(maps.Keys(s.files)) {
				file := s.files[name]
				step := 1
				if !*every {
					step = 1 + len(file)/500
				}
				for n := 0; n < len(file); n += step {
					b.dir.Write(name, file[:n])
					_, _ = b.bounded(t, fmt.Sprintf("%s, %d bytes", name, n))
				}
				bits := 8 * len(file)
				if step = 1; !*every && bits > 1000 {
					step = bits/1000 | 1 // odd: all bits of a byte get their turn
				}
				turned := bytes.Clone(file)
				for i := 0; i < bits; i += step {
					turned[i/8] ^= 1 << (i % 8)
					b.dir.Write(name, turned)
					what := fmt.Sprintf("%s, bit %d of byte %d", name, i%8, i/8)
					r, err := b.bounded(t, what)
					if err == nil && r.Sum != whole.Sum && s.sums != nil && s.sums(name, i/8) {
						t.Errorf("%s: the numbers are others, though there is a checksum", what)
					}
					turned[i/8] = file[i/8]
				}
				b.dir.Write(name, file)
				if t.Failed() {
					return
				}
			}
		})
	}
}
