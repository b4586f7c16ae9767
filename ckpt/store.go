package ckpt

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Store is a directory of checkpoints. One process at a time may save to it,
// which a [Lock] ensures.
type Store struct {
	Dir    string  // made by the first save; the directory that holds it must be there
	Keep   int     // how many of the newest whole checkpoints stay; 0 means 3, below 0 all
	Pinned []int64 // steps whose checkpoints stay as well, such as the best
	FS     FS      // nil means the operating system's
}

// A File is one file to be saved.
type File struct {
	Name  string // plain: letters, digits, dot, - and _
	Write func(io.Writer) error
}

// A Checkpoint is one that was saved, or that was found whole.
type Checkpoint struct {
	Step int64
	Dir  string

	fsys  FS
	files []entry
}

// Names lists the files.
func (c *Checkpoint) Names() []string {
	names := make([]string, len(c.files))
	for i, e := range c.files {
		names[i] = e.Name
	}
	return names
}

// Open opens a file and says how many bytes it has.
func (c *Checkpoint) Open(name string) (ReadableFile, int64, error) {
	for _, e := range c.files {
		if e.Name == name {
			f, err := c.fsys.Open(filepath.Join(c.Dir, name))
			if err != nil {
				return nil, 0, &Error{Path: c.Dir, Err: err}
			}
			return f, e.Size, nil
		}
	}
	return nil, 0, &Damage{Path: c.Dir, Msg: fmt.Sprintf("it has no file %q but %q", name, c.Names())}
}

// ReadFile reads a whole file.
func (c *Checkpoint) ReadFile(name string) ([]byte, error) {
	f, size, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, &Error{Path: filepath.Join(c.Dir, name), Err: err}
	}
	return b, nil
}

// The names in a store. A name that begins with temporary is nobody's and may
// be removed at any time. A replaced checkpoint waits under its step's name
// with the ending old until the one in its place is durable.
const (
	stepPrefix = "step-"
	oldSuffix  = ".old"
	temporary  = ".tmp-"
)

func stepName(step int64) string { return stepPrefix + strconv.FormatInt(step, 10) }

// A place is a name in the store that holds a checkpoint, whole or not.
type place struct {
	name string
	step int64
	old  bool
}

func parsePlace(name string) (place, bool) {
	digits, isStep := strings.CutPrefix(name, stepPrefix)
	digits, old := strings.CutSuffix(digits, oldSuffix)
	step, err := strconv.ParseInt(digits, 10, 64)
	if !isStep || err != nil || step < 0 || strconv.FormatInt(step, 10) != digits {
		return place{}, false
	}
	return place{name, step, old}, true
}

// places lists the checkpoints, newest first, and the left-overs of a crash.
func (s Store) places() (found []place, leftOver []string, err error) {
	entries, err := orOS(s.FS).ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), temporary) {
			leftOver = append(leftOver, e.Name())
		} else if p, ok := parsePlace(e.Name()); ok && e.IsDir() {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b place) int {
		if a.step != b.step {
			return cmp.Compare(b.step, a.step)
		}
		return cmp.Compare(len(a.name), len(b.name)) // the replaced one last
	})
	return found, leftOver, nil
}

// Steps lists the steps that have a checkpoint, whole or not, in rising order.
func (s Store) Steps() ([]int64, error) {
	found, _, err := s.places()
	if err != nil {
		return nil, &Error{Path: s.Dir, Err: err}
	}
	var steps []int64
	for _, p := range slices.Backward(found) {
		steps = append(steps, p.step)
	}
	return slices.Compact(steps), nil
}

// Open verifies the checkpoint of a step. A [*Damage] says why it is not whole;
// ErrNone that it is not there.
func (s Store) Open(step int64) (*Checkpoint, error) {
	found, _, err := s.places()
	if err != nil {
		return nil, &Error{Path: s.Dir, Err: err}
	}
	for _, p := range found {
		if p.step != step {
			continue
		}
		c, why := s.verify(p, true)
		if why == nil {
			return c, nil
		}
		if err == nil {
			err = why
		}
	}
	if err == nil {
		err = fmt.Errorf("%s: %w", filepath.Join(s.Dir, stepName(step)), ErrNone)
	}
	return nil, err
}

// Latest is the newest checkpoint that is whole. Newer ones that are not are
// named in damaged. Where there is none at all the error is ErrNone; where none
// is whole it wraps the newest one's [*Damage].
func (s Store) Latest() (latest *Checkpoint, damaged []*Damage, err error) {
	found, _, err := s.places()
	if err != nil {
		return nil, nil, &Error{Path: s.Dir, Err: err}
	}
	for _, p := range found {
		c, err := s.verify(p, true)
		if err == nil {
			return c, damaged, nil
		}
		d, ok := errors.AsType[*Damage](err)
		if !ok { // what cannot be read serves no better than what is wrong
			d = &Damage{Path: filepath.Join(s.Dir, p.name), Msg: err.Error(), Err: err}
		}
		damaged = append(damaged, d)
	}
	if len(damaged) == 0 {
		return nil, nil, fmt.Errorf("%s: %w", s.Dir, ErrNone)
	}
	return nil, damaged, fmt.Errorf("none of %d checkpoints is whole: %w", len(damaged), damaged[0])
}

// verify checks a checkpoint against its manifest: names and sizes, and where
// deep is set the SHA-256 of every file. The error is a *Damage, or an *Error
// where it could not be read.
func (s Store) verify(p place, deep bool) (*Checkpoint, error) {
	fsys := orOS(s.FS)
	dir := filepath.Join(s.Dir, p.name)
	damage := func(name, format string, args ...any) error {
		return &Damage{Path: filepath.Join(dir, name), Msg: fmt.Sprintf(format, args...)}
	}
	failure := func(err error) error { return &Error{Path: dir, Err: err} }

	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, failure(err)
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, failure(err)
		}
		if info.Mode().IsRegular() {
			sizes[e.Name()] = info.Size()
		}
	}
	if _, ok := sizes[manifestName]; !ok {
		return nil, damage("", "it has no %s", manifestName)
	}
	f, err := fsys.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, failure(err)
	}
	m, err := readManifest(f)
	f.Close()
	if bad, ok := errors.AsType[malformedManifest](err); ok {
		return nil, damage(manifestName, "%v", bad)
	}
	if err != nil {
		return nil, failure(err)
	}
	if m.Step != p.step {
		return nil, damage(manifestName, "it is of step %d", m.Step)
	}
	for _, e := range m.Files {
		size, ok := sizes[e.Name]
		switch {
		case !ok:
			return nil, damage(e.Name, "the file is missing")
		case size != e.Size:
			return nil, damage(e.Name, "it has %d bytes, and the manifest says %d", size, e.Size)
		case !deep:
			continue
		}
		sum, err := sumOf(fsys, filepath.Join(dir, e.Name))
		if err != nil {
			return nil, failure(err)
		}
		if sum != e.SHA256 {
			return nil, damage(e.Name, "its SHA-256 is %s, and the manifest says %s", sum, e.SHA256)
		}
	}
	return &Checkpoint{Step: p.step, Dir: dir, fsys: fsys, files: m.Files}, nil
}

func sumOf(fsys FS, path string) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A summer passes bytes on and keeps their count and SHA-256.
type summer struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

func (s *summer) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.hash.Write(b[:n])
	s.size += int64(n)
	return n, err
}
