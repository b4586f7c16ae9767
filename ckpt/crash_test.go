package ckpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// mark names a checkpoint of the tests: a step may be saved more than once.
type mark struct {
	step    int64
	edition int
}

// contents are the files of a checkpoint, one of them longer than a buffer.
func (m mark) contents() map[string]string {
	text := fmt.Sprintf("step %d edition %d\n", m.step, m.edition)
	return map[string]string{
		"state.json":          text,
		"weights.safetensors": strings.Repeat(text, 5000/len(text)),
	}
}

func (m mark) files() []File {
	var files []File
	for _, name := range []string{"weights.safetensors", "state.json"} {
		files = append(files, File{name, func(w io.Writer) error {
			_, err := io.WriteString(w, m.contents()[name])
			return err
		}})
	}
	return files
}

func (m mark) save(s Store) error {
	c, err := s.Save(m.step, m.files()...)
	if (c == nil) != (err != nil) {
		return fmt.Errorf("Save returned %v and %v", c, err)
	}
	return err
}

// which tells what mark a checkpoint is, having read all of it.
func which(c *Checkpoint) (mark, error) {
	text, err := c.ReadFile("state.json")
	if err != nil {
		return mark{}, err
	}
	m := mark{edition: -1}
	if _, err := fmt.Sscanf(string(text), "step %d edition %d\n", &m.step, &m.edition); err != nil {
		return m, err
	}
	for name, want := range m.contents() {
		got, err := c.ReadFile(name)
		if err != nil {
			return m, err
		}
		if string(got) != want {
			return m, fmt.Errorf("%s of %v has other contents", name, m)
		}
	}
	if m.step != c.Step {
		return m, fmt.Errorf("the checkpoint of step %d holds step %d", c.Step, m.step)
	}
	return m, nil
}

// latest is the mark of the newest whole checkpoint, or nothing.
func latest(s Store) (mark, error) {
	c, _, err := s.Latest()
	if errors.Is(err, ErrNone) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	return which(c)
}

// damageFile changes a byte of a file without the file system's calls.
func (f *crashFS) damageFile(path string) {
	_, n, _ := f.find(path)
	n.data = bytes.Clone(n.data)
	n.data[len(n.data)/3] ^= 1
	n.synced = n.data
}

type scenario struct {
	name   string
	before []mark
	damage string
	prev   mark // what Latest finds before the save
	next   mark
	keep   int
}

var scenarios = []scenario{
	{name: "first", next: mark{0, 1}},
	{name: "second", before: []mark{{0, 1}}, prev: mark{0, 1}, next: mark{10, 1}},
	{name: "pruning", before: []mark{{0, 1}, {10, 1}, {20, 1}}, prev: mark{20, 1}, next: mark{30, 1}, keep: 2},
	{name: "keeping one", before: []mark{{0, 1}}, prev: mark{0, 1}, next: mark{10, 1}, keep: 1},
	{name: "same step, the only one", before: []mark{{5, 1}}, prev: mark{5, 1}, next: mark{5, 2}},
	{name: "same step, damaged", before: []mark{{1, 1}, {5, 1}}, damage: "run/ckpt/step-5/state.json",
		prev: mark{1, 1}, next: mark{5, 2}},
	{name: "past a damaged one", before: []mark{{1, 1}, {5, 1}}, damage: "run/ckpt/step-5/weights.safetensors",
		prev: mark{1, 1}, next: mark{3, 1}},
	{name: "past a damaged manifest", before: []mark{{1, 1}, {5, 1}}, damage: "run/ckpt/step-5/manifest.json",
		prev: mark{1, 1}, next: mark{3, 1}, keep: 1},
	{name: "another course", before: []mark{{1, 1}, {5, 1}}, prev: mark{5, 1}, next: mark{3, 1}},
	{name: "after a damaged one", before: []mark{{1, 1}, {5, 1}}, damage: "run/ckpt/step-5/manifest.json",
		prev: mark{1, 1}, next: mark{7, 1}, keep: 2},
}

func (sc scenario) store(f *crashFS) Store { return Store{Dir: "run/ckpt", Keep: sc.keep, FS: f} }

func (sc scenario) prepare(t *testing.T) *crashFS {
	t.Helper()
	f := newCrashFS()
	s := sc.store(f)
	s.Keep = -1
	for _, m := range sc.before {
		if err := m.save(s); err != nil {
			t.Fatal(err)
		}
	}
	f.settle(f.root)
	if sc.damage != "" {
		f.damageFile(sc.damage)
	}
	if got, err := latest(s); err != nil || got != sc.prev {
		t.Fatalf("before the save Latest is %v, %v; want %v", got, err, sc.prev)
	}
	f.calls, f.log = 0, nil
	return f
}

// TestEveryCrash kills a save at every call, and looks at every state that the
// file system may then be in.
func TestEveryCrash(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			total, seen := 0, map[mark]int{}
			for crashAt := 1; ; crashAt++ {
				f := sc.prepare(t)
				f.crashAt = crashAt
				err := sc.next.save(sc.store(f))
				if f.crashed != (err != nil) {
					t.Fatalf("killed at call %d: %t; Save: %v", crashAt, f.crashed, err)
				}
				f.states(func(after *crashFS) {
					total++
					s := sc.store(after)
					got, bad := latest(s)
					if bad != nil || got != sc.next && (got != sc.prev || err == nil) {
						t.Fatalf("killed at call %d (%s), state %d: Latest is %v, %v", crashAt, f.log[len(f.log)-1], total, got, bad)
					}
					seen[got]++
					again := mark{sc.next.step + 1, 3}
					if err := again.save(s); err != nil {
						t.Fatalf("killed at call %d (%s): the next Save fails: %v", crashAt, f.log[crashAt-1], err)
					}
					if got, err := latest(s); err != nil || got != again {
						t.Fatalf("after the next Save Latest is %v, %v", got, err)
					}
					checkTidy(t, after)
				})
				if err == nil {
					break
				}
			}
			if seen[sc.prev] == 0 || seen[sc.next] == 0 {
				t.Errorf("of %d states none shows the checkpoint before, or none the new one: %v", total, seen)
			}
			t.Logf("%d states", total)
		})
	}
}

// checkTidy finds left-overs of a crash.
func checkTidy(t interface{ Fatalf(string, ...any) }, f *crashFS) {
	_, dir, _ := f.find("run/ckpt")
	for name := range dir.entries {
		if p, ok := parsePlace(name); !ok || p.old {
			t.Fatalf("%s is left over", name)
		}
	}
}

// TestEveryFailingCall makes every call of a save fail, once and for good.
func TestEveryFailingCall(t *testing.T) {
	t.Parallel()
	for _, sc := range scenarios {
		for _, fault := range []error{syscall.EIO, syscall.ENOSPC, errShort} {
			for _, forGood := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/for good %t", sc.name, fault, forGood), func(t *testing.T) {
					t.Parallel()
					want := fault
					if fault == errShort {
						want = io.ErrShortWrite
					}
					failed := 0
					for at := 1; ; at++ {
						f := sc.prepare(t)
						f.fault = func(call int, op string) error {
							if call == at || forGood && call > at {
								if fault != errShort || op == "write" {
									return fault
								}
							}
							return nil
						}
						s := sc.store(f)
						err := sc.next.save(s)
						if at > f.calls {
							break
						}
						f.fault = nil
						if err == nil {
							if fault != errShort {
								t.Fatalf("call %d (%s) fails and Save does not say so", at, f.log[at-1])
							}
							continue
						}
						failed++
						bad, typed := errors.AsType[*Error](err)
						if !typed || !errors.Is(err, want) || !strings.HasPrefix(err.Error(), bad.Path) {
							t.Fatalf("call %d (%s): Save says %v", at, f.log[at-1], err)
						}
						if got, err := latest(s); err != nil || got != sc.prev && got != sc.next {
							t.Fatalf("call %d (%s): Latest is %v, %v", at, f.log[at-1], got, err)
						}
						again := mark{sc.next.step, 3}
						if err := again.save(s); err != nil {
							t.Fatalf("call %d (%s): the next Save fails: %v", at, f.log[at-1], err)
						}
						if got, err := latest(s); err != nil || got != again {
							t.Fatalf("after the next Save Latest is %v, %v", got, err)
						}
						checkTidy(t, f)
					}
					if failed == 0 {
						t.Error("no call failed")
					}
				})
			}
		}
	}
}

// TestManyCrashes runs a store through saves, crashes and failing calls in any
// order. What was saved last, or a save that did not succeed since, is what is
// found.
func TestManyCrashes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newCrashFS()
		keep := rapid.IntRange(1, 3).Draw(t, "keep")
		possible, step := []mark{{}}, int64(0) // what may be found after a crash now
		for edition := range rapid.IntRange(1, 8).Draw(t, "saves") {
			s := Store{Dir: "run/ckpt", Keep: keep, FS: f}
			next := mark{step + int64(rapid.IntRange(0, 2).Draw(t, "steps")), edition + 1}
			f.calls, f.fault, f.crashAt = 0, nil, 0
			kind := rapid.SampledFrom([]string{"well", "killed", "failing"}).Draw(t, "kind")
			at := rapid.IntRange(1, 60).Draw(t, "at")
			switch kind {
			case "killed":
				f.crashAt = at
			case "failing":
				f.fault = func(call int, _ string) error {
					if call == at {
						return syscall.EIO
					}
					return nil
				}
			}
			err := next.save(s)
			f.fault = nil
			if kind == "killed" {
				f = f.afterCrash(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "fate") })
				s.FS = f
			}
			if err == nil {
				possible = nil
			}
			possible = append(possible, next)
			got, bad := latest(s)
			if bad != nil || !slices.Contains(possible, got) {
				t.Fatalf("%s at call %d: Save: %v; Latest is %v, %v; want one of %v", kind, at, err, got, bad, possible)
			}
			if kind == "killed" {
				possible = []mark{got}
			}
			step = got.step
		}
	})
}

// TestWriteFileCrash kills the writing of a single file at every call.
func TestWriteFileCrash(t *testing.T) {
	t.Parallel()
	write := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	const path = "run/model.safetensors"
	for _, old := range []string{"", "old contents"} {
		read := func(f *crashFS) string {
			if _, n, _ := f.find(path); n != nil {
				return string(n.data)
			}
			return ""
		}
		prepare := func() *crashFS {
			f := newCrashFS()
			if old != "" {
				if err := WriteFile(f, path, write(old)); err != nil {
					t.Fatal(err)
				}
			}
			f.settle(f.root)
			f.calls = 0
			return f
		}
		calls := 0
		for crashAt := 1; ; crashAt++ {
			f := prepare()
			f.crashAt = crashAt
			err := WriteFile(f, path, write("new contents"))
			f.states(func(after *crashFS) {
				if got := read(after); got != "new contents" && (got != old || err == nil) {
					t.Fatalf("killed at call %d: the file is %q", crashAt, got)
				}
			})
			if err == nil {
				calls = f.calls
				break
			}
		}
		for at := 1; at <= calls; at++ {
			f := prepare()
			f.fault = func(call int, _ string) error {
				if call == at {
					return syscall.ENOSPC
				}
				return nil
			}
			err := WriteFile(f, path, write("new contents"))
			if _, typed := errors.AsType[*Error](err); !typed || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("call %d fails: %v", at, err)
			}
			if got := read(f); got != old && got != "new contents" {
				t.Errorf("call %d fails: the file is %q", at, got)
			}
			if _, n, _ := f.find(path + ".tmp"); n != nil {
				t.Errorf("call %d fails: the temporary file is left over", at)
			}
		}
	}
}
