package ckpt

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func storeWith(t *testing.T, marks ...mark) Store {
	t.Helper()
	s := Store{Dir: filepath.Join(t.TempDir(), "ckpt")}
	for _, m := range marks {
		if err := m.save(s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSaveAndOpen(t *testing.T) {
	t.Parallel()
	s := storeWith(t, mark{0, 1}, mark{10, 1}, mark{2, 1}, mark{100, 1})
	steps, err := s.Steps()
	if diff := cmp.Diff([]int64{0, 2, 100}, steps); err != nil || diff != "" {
		t.Errorf("steps: %v %s", err, diff)
	}
	c, err := s.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := which(c); err != nil || got != (mark{2, 1}) {
		t.Errorf("step 2 is %v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"weights.safetensors", "state.json"}, c.Names()); diff != "" {
		t.Error(diff)
	}
	f, size, err := c.Open("state.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 3)
	if _, err := f.ReadAt(b, size-3); err != nil || string(b) != " 1\n" {
		t.Errorf("the file ends with %q, %v", b, err)
	}
	if _, _, err := c.Open("none"); err == nil {
		t.Error("a file that is not there is opened")
	}
	if _, err := s.Open(3); !errors.Is(err, ErrNone) {
		t.Errorf("step 3: %v", err)
	}
}

func TestNothingSaved(t *testing.T) {
	t.Parallel()
	s := Store{Dir: filepath.Join(t.TempDir(), "ckpt")}
	if c, damaged, err := s.Latest(); c != nil || damaged != nil || !errors.Is(err, ErrNone) {
		t.Errorf("got %v, %v, %v", c, damaged, err)
	}
	if steps, err := s.Steps(); err != nil || len(steps) != 0 {
		t.Errorf("got %v, %v", steps, err)
	}
}

func TestKeep(t *testing.T) {
	t.Parallel()
	all := []int64{0, 10, 20, 30, 40, 50}
	for _, tc := range []struct {
		keep   int
		pinned []int64
		want   []int64
	}{
		{0, nil, []int64{30, 40, 50}},
		{1, nil, []int64{50}},
		{2, []int64{10}, []int64{10, 40, 50}},
		{2, []int64{50, 40}, []int64{30, 40, 50}},
		{-1, nil, all},
	} {
		s := storeWith(t)
		s.Keep, s.Pinned = tc.keep, tc.pinned
		for _, step := range all {
			if err := (mark{step, 1}).save(s); err != nil {
				t.Fatal(err)
			}
		}
		steps, err := s.Steps()
		if diff := cmp.Diff(tc.want, steps); err != nil || diff != "" {
			t.Errorf("keep %d, pinned %v: %v %s", tc.keep, tc.pinned, err, diff)
		}
	}
}

// A damaged checkpoint does not count among those that are kept.
func TestKeepCountsTheWhole(t *testing.T) {
	t.Parallel()
	s := storeWith(t, mark{0, 1}, mark{10, 1}, mark{20, 1})
	if err := os.Remove(filepath.Join(s.Dir, "step-20", "state.json")); err != nil {
		t.Fatal(err)
	}
	if err := (mark{30, 1}).save(s); err != nil {
		t.Fatal(err)
	}
	steps, err := s.Steps()
	if diff := cmp.Diff([]int64{0, 10, 30}, steps); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestForeignNamesAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := storeWith(t, mark{5, 1})
	for _, name := range []string{"step-", "step-007", "step--1", "step-x", "notes", "step-9.old.old", "step-99999999999999999999"} {
		if err := os.Mkdir(filepath.Join(s.Dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "step-50"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (mark{6, 1}).save(s); err != nil {
		t.Fatal(err)
	}
	if got, err := latest(s); err != nil || got != (mark{6, 1}) {
		t.Errorf("Latest is %v, %v", got, err)
	}
	if entries, err := os.ReadDir(s.Dir); err != nil || len(entries) != 10 {
		t.Errorf("%d names, %v", len(entries), err)
	}
}

func TestSaveRefuses(t *testing.T) {
	t.Parallel()
	s := storeWith(t)
	write := func(io.Writer) error { return nil }
	for _, files := range [][]File{
		{{"", write}}, {{"..", write}}, {{"a/b", write}}, {{`a\b`, write}}, {{"/a", write}}, {{"a:b", write}},
		{{"a\x00", write}}, {{"manifest.json", write}}, {{"Manifest.JSON", write}}, {{"é", write}}, {{"a", write}, {"a", write}},
	} {
		if _, err := s.Save(1, files...); err == nil {
			t.Errorf("%q is saved", files[0].Name)
		}
	}
	if _, err := s.Save(-1); err == nil {
		t.Error("step -1 is saved")
	}
	if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is refused leaves %v behind", s.Dir)
	}
}

func TestSaveReportsTheWriter(t *testing.T) {
	t.Parallel()
	s := storeWith(t, mark{1, 1})
	bad := errors.New("cannot encode")
	_, err := s.Save(2, File{"state.json", func(io.Writer) error { return bad }})
	if !errors.Is(err, bad) || !strings.Contains(err.Error(), "state.json") || !strings.Contains(err.Error(), "not saved") {
		t.Errorf("got %v", err)
	}
	if got, err := latest(s); err != nil || got != (mark{1, 1}) {
		t.Errorf("Latest is %v, %v", got, err)
	}
}

// Any change of any file of the newest checkpoint is named, and the one before
// it is used.
func TestDamageIsNamed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newCrashFS()
		s := Store{Dir: "run/ckpt", FS: f}
		for _, m := range []mark{{1, 1}, {2, 1}} {
			if err := m.save(s); err != nil {
				t.Fatal(err)
			}
		}
		name := rapid.SampledFrom([]string{"weights.safetensors", "state.json", manifestName}).Draw(t, "file")
		_, n, _ := f.find("run/ckpt/step-2/" + name)
		at := rapid.IntRange(0, len(n.data)-1).Draw(t, "at")
		before := n.data
		n.data = bytes.Clone(n.data)
		switch rapid.SampledFrom([]string{"bit", "cut", "longer"}).Draw(t, "how") {
		case "bit":
			n.data[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "cut":
			n.data = n.data[:at]
		case "longer":
			n.data = append(n.data, 'x')
		}
		c, damaged, err := s.Latest()
		if err != nil {
			t.Fatal(err)
		}
		got, err := which(c)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case got == (mark{1, 1}):
			// A manifest that is wrong about a file shows at the file.
			named := "run/ckpt/step-2/" + name
			if name == manifestName {
				named = "run/ckpt/step-2"
			}
			if len(damaged) != 1 || !strings.HasPrefix(filepath.ToSlash(damaged[0].Path), named) {
				t.Fatalf("damage of %s is named %v", name, damaged)
			}
		case name == manifestName && len(damaged) == 0:
			// A change that leaves the manifest's meaning, such as another space
			// or letter case of a key, is no damage.
			whole, err := readManifest(bytes.NewReader(before))
			if err != nil {
				t.Fatal(err)
			}
			if now, err := readManifest(bytes.NewReader(n.data)); err != nil || !cmp.Equal(whole, now) {
				t.Fatalf("the manifest was changed to %+v, %v", now, err)
			}
		default:
			t.Fatalf("with %s damaged Latest is %v, damaged %v", name, got, damaged)
		}
	})
}

func TestAllDamaged(t *testing.T) {
	t.Parallel()
	s := storeWith(t, mark{1, 1}, mark{2, 1})
	for _, step := range []string{"step-1", "step-2"} {
		if err := os.Truncate(filepath.Join(s.Dir, step, "state.json"), 3); err != nil {
			t.Fatal(err)
		}
	}
	c, damaged, err := s.Latest()
	d, ok := errors.AsType[*Damage](err)
	if c != nil || len(damaged) != 2 || !ok || d.Path != filepath.Join(s.Dir, "step-2", "state.json") {
		t.Errorf("got %v, %v, %v", c, damaged, err)
	}
	if _, err := s.Open(1); err == nil || !strings.Contains(err.Error(), "3 bytes") {
		t.Errorf("step 1: %v", err)
	}
}

func TestMissingAndStrangeFiles(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(dir string) error{
		"file gone":     func(dir string) error { return os.Remove(filepath.Join(dir, "state.json")) },
		"manifest gone": func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) },
		"a directory": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "state.json")), os.Mkdir(filepath.Join(dir, "state.json"), 0o755))
		},
		"another step's": func(dir string) error {
			text, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "step-1", manifestName))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, manifestName), text, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storeWith(t, mark{1, 1}, mark{2, 1})
			if err := harm(filepath.Join(s.Dir, "step-2")); err != nil {
				t.Fatal(err)
			}
			c, damaged, err := s.Latest()
			if err != nil || c.Step != 1 || len(damaged) != 1 {
				t.Errorf("got %v, %v, %v", c, damaged, err)
			}
		})
	}
}

// What cannot be read is passed over as what is damaged is, and keeps its cause.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	f := newCrashFS()
	s := Store{Dir: "run/ckpt", FS: f}
	for _, m := range []mark{{1, 1}, {2, 1}} {
		if err := m.save(s); err != nil {
			t.Fatal(err)
		}
	}
	reads := 0
	f.fault = func(_ int, op string) error {
		if op == "read" {
			reads++
		}
		if op == "read" && reads == 1 {
			return fs.ErrPermission
		}
		return nil
	}
	c, damaged, err := s.Latest()
	if err != nil || c.Step != 1 || len(damaged) != 1 || !errors.Is(damaged[0], fs.ErrPermission) {
		t.Errorf("got %v, %v, %v", c, damaged, err)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "run.json")
	for _, text := range []string{"first, and longer", "second"} {
		err := WriteFile(nil, path, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

const goodManifest = `{"version":1,"step":7,"files":[{"name":"a","size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]}`

func TestHostileManifest(t *testing.T) {
	t.Parallel()
	if m, err := readManifest(strings.NewReader(goodManifest)); err != nil || m.Step != 7 || len(m.Files) != 1 {
		t.Fatalf("got %+v, %v", m, err)
	}
	for _, tc := range [][2]string{
		{`"name":"a"`, `"name":"../a"`},
		{`"name":"a"`, `"name":"/etc/passwd"`},
		{`"name":"a"`, `"name":"b\\a"`},
		{`"name":"a"`, `"name":"C:a"`},
		{`"name":"a"`, `"name":""`},
		{`"name":"a"`, `"name":"."`},
		{`"name":"a"`, `"name":"manifest.json"`},
		{`"name":"a"`, `"name":"` + strings.Repeat("a", 201) + `"`},
		{`"size":3`, `"size":-1`},
		{`"size":3`, `"size":99999999999999999999`},
		{`"size":3`, `"size":3.5`},
		{`"sha256":"ba`, `"sha256":"`},
		{`"sha256":"ba`, `"sha256":"BA`},
		{`"sha256":"ba`, `"sha256":"zz`},
		{`"step":7`, `"step":-7`},
		{`"version":1`, `"version":2`},
		{`"version":1`, `"version":1,"more":1`},
		{`]}`, `]}{}`},
		{`]}`, `]`},
		{`}]`, `},{"name":"a","size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}]`},
		{`{`, strings.Repeat(" ", maxManifest) + `{`},
	} {
		_, err := readManifest(strings.NewReader(strings.Replace(goodManifest, tc[0], tc[1], 1)))
		if _, ok := errors.AsType[malformedManifest](err); !ok {
			t.Errorf("%.60s in place of %s: %v", tc[1], tc[0], err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(goodManifest))
	f.Add([]byte(strings.Replace(goodManifest, `"a"`, `"../a"`, 1)))
	f.Add([]byte(`{"version":1,"step":0,"files":[]}`))
	f.Add([]byte(`{"version":1,"step":9223372036854775807,"files":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := readManifest(bytes.NewReader(text))
		if err != nil {
			if _, ok := errors.AsType[malformedManifest](err); !ok {
				t.Fatal(err)
			}
			return
		}
		var names []string
		for _, e := range m.Files {
			if strings.ContainsAny(e.Name, `/\:`) || slices.Contains(names, e.Name) || e.Size < 0 || len(e.SHA256) != 64 {
				t.Fatalf("%+v is accepted", e)
			}
			names = append(names, e.Name)
		}
		var b bytes.Buffer
		if err := m.write(&b); err != nil {
			t.Fatal(err)
		}
		if b.Len() > maxManifest {
			return
		}
		if again, err := readManifest(&b); err != nil || !cmp.Equal(again, m) {
			t.Fatalf("%+v is read back as %+v, %v", m, again, err)
		}
	})
}
