package ckpt

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A crashFS is a file system in memory that counts the calls made to it, fails
// at the one it is told to, and after a crash can be in any state that the calls
// allow: what was not synced may be there, be absent, or be torn.
type crashFS struct {
	root    *node
	calls   int
	log     []string
	crashAt int // the call that does not return; 0: none
	fault   func(call int, op string) error
	crashed bool
}

var (
	errCrash = errors.New("the process was killed")
	errShort = errors.New("write half and say nothing")
)

// A node is a file or a directory. A directory has the entries that are
// visible, those that are durable, and the changes between them.
type node struct {
	entries, durable map[string]*node
	pending          []change

	data, synced []byte
	dirty        bool
}

// A change to a directory is atomic: a rename takes one name away and gives
// another at once.
type change struct {
	remove, add string
	node        *node
}

func (n *node) isDir() bool { return n.entries != nil }

func newDir() *node { return &node{entries: map[string]*node{}, durable: map[string]*node{}} }

func newCrashFS() *crashFS {
	f := &crashFS{root: newDir()}
	f.root.change(change{add: "run", node: newDir()})
	f.settle(f.root)
	return f
}

func (n *node) change(c change) {
	apply(n.entries, c)
	n.pending = append(n.pending, c)
}

func apply(entries map[string]*node, c change) {
	delete(entries, c.remove)
	if c.add != "" {
		entries[c.add] = c.node
	}
}

// settle makes everything durable.
func (f *crashFS) settle(n *node) {
	n.synced, n.dirty = n.data, false
	n.durable, n.pending = maps.Clone(n.entries), nil
	for _, child := range n.entries {
		f.settle(child)
	}
}

func (f *crashFS) find(p string) (parent, n *node, base string) {
	n = f.root
	for _, base = range strings.Split(path.Clean(filepath.ToSlash(p)), "/") {
		if parent = n; parent == nil {
			return nil, nil, base
		}
		n = parent.entries[base]
	}
	return parent, n, base
}

// call is the start of every call. Where it fails the call does nothing.
func (f *crashFS) call(op, p string) error {
	f.calls++
	f.log = append(f.log, op+" "+p)
	if f.crashed || f.calls == f.crashAt {
		f.crashed = true
		return errCrash
	}
	if f.fault != nil {
		if err := f.fault(f.calls, op); err != nil {
			return &fs.PathError{Op: op, Path: p, Err: err}
		}
	}
	return nil
}

func fail(op, p string, err error) error { return &fs.PathError{Op: op, Path: p, Err: err} }

func (f *crashFS) Mkdir(p string) error {
	parent, n, base := f.find(p)
	if n != nil {
		return fail("mkdir", p, fs.ErrExist)
	}
	if err := f.call("mkdir", p); err != nil {
		return err
	}
	parent.change(change{add: base, node: newDir()})
	return nil
}

func (f *crashFS) Create(p string) (WritableFile, error) {
	if err := f.call("create", p); err != nil {
		return nil, err
	}
	parent, n, base := f.find(p)
	if n == nil {
		n = &node{}
		parent.change(change{add: base, node: n})
	}
	n.data, n.dirty = nil, true
	return &handle{fs: f, n: n, path: p}, nil
}

func (f *crashFS) Open(p string) (ReadableFile, error) {
	if err := f.call("open", p); err != nil {
		return nil, err
	}
	_, n, _ := f.find(p)
	if n == nil {
		return nil, fail("open", p, fs.ErrNotExist)
	}
	return &handle{fs: f, n: n, path: p, Reader: bytes.NewReader(n.data)}, nil
}

func (f *crashFS) ReadDir(p string) ([]fs.DirEntry, error) {
	if err := f.call("readdir", p); err != nil {
		return nil, err
	}
	_, n, _ := f.find(p)
	if n == nil {
		return nil, fail("readdir", p, fs.ErrNotExist)
	}
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		list = append(list, fs.FileInfoToDirEntry(info{name, n.entries[name]}))
	}
	return list, nil
}

func (f *crashFS) Rename(from, to string) error {
	if err := f.call("rename", from+" "+to); err != nil {
		return err
	}
	parent, n, base := f.find(from)
	_, target, newBase := f.find(to)
	switch {
	case n == nil:
		return fail("rename", from, fs.ErrNotExist)
	case target != nil && target.isDir():
		return fail("rename", to, syscall.ENOTEMPTY)
	}
	parent.change(change{remove: base, add: newBase, node: n})
	return nil
}

func (f *crashFS) RemoveAll(p string) error {
	parent, n, base := f.find(p)
	if n == nil {
		return f.call("remove", p)
	}
	for _, name := range slices.Sorted(maps.Keys(n.entries)) {
		if err := f.RemoveAll(p + "/" + name); err != nil {
			return err
		}
	}
	if err := f.call("remove", p); err != nil {
		return err
	}
	parent.change(change{remove: base})
	return nil
}

func (f *crashFS) SyncDir(p string) error {
	if err := f.call("syncdir", p); err != nil {
		return err
	}
	_, n, _ := f.find(p)
	n.durable, n.pending = maps.Clone(n.entries), nil
	return nil
}

// A handle is an open file.
type handle struct {
	*bytes.Reader
	fs   *crashFS
	n    *node
	path string
}

func (h *handle) Read(b []byte) (int, error) {
	if err := h.fs.call("read", h.path); err != nil {
		return 0, err
	}
	return h.Reader.Read(b)
}

// WriteTo hides the Reader's own, which would pass by Read.
func (h *handle) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{h})
}

func (h *handle) Write(b []byte) (int, error) {
	err := h.fs.call("write", h.path)
	if err != nil {
		b = b[:len(b)/2]
	}
	h.n.data = slices.Concat(h.n.data, b)
	h.n.dirty = true
	if errors.Is(err, errShort) {
		err = nil
	}
	return len(b), err
}

func (h *handle) Sync() error {
	if err := h.fs.call("sync", h.path); err != nil {
		return err
	}
	h.n.synced, h.n.dirty = h.n.data, false
	return nil
}

func (h *handle) Close() error {
	if h.Reader != nil {
		return nil
	}
	return h.fs.call("close", h.path)
}

type info struct {
	name string
	n    *node
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return int64(len(i.n.data)) }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.n.isDir() }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.n.isDir() {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// The fates of a file's contents that were not synced.
const (
	lost = iota
	complete
	cut    // half of it
	zeroed // the whole length, the second half zero
	fates
)

// afterCrash is the file system as it may be found after the crash. choose
// picks one of n possibilities, for every change of a directory that was not
// synced and for every file.
func (f *crashFS) afterCrash(choose func(n int) int) *crashFS {
	return &crashFS{root: survive(f.root, choose)}
}

func survive(n *node, choose func(int) int) *node {
	if !n.isDir() {
		data := n.data
		if n.dirty {
			switch half := len(n.data) / 2; choose(fates) {
			case lost:
				data = n.synced
			case cut:
				data = n.data[:half]
			case zeroed:
				data = slices.Concat(n.data[:half], make([]byte, len(n.data)-half))
			}
		}
		return &node{data: data, synced: data}
	}
	entries := maps.Clone(n.durable)
	for _, c := range n.pending {
		if choose(2) == 1 {
			apply(entries, c)
		}
	}
	after := newDir()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		after.entries[name] = survive(entries[name], choose)
	}
	after.durable = maps.Clone(after.entries)
	return after
}

// states calls each for every state that the crash may leave.
func (f *crashFS) states(each func(*crashFS)) {
	var path, widths []int // the choices made, and how many there were at each
	for {
		at := 0
		state := f.afterCrash(func(n int) int {
			if at == len(path) {
				path, widths = append(path, 0), append(widths, n)
			}
			at++
			return path[at-1]
		})
		each(state)
		for len(path) > 0 && path[len(path)-1] == widths[len(path)-1]-1 {
			path, widths = path[:len(path)-1], widths[:len(path)-1]
		}
		if len(path) == 0 {
			return
		}
		path[len(path)-1]++
	}
}
