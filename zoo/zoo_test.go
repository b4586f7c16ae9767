package zoo_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/internal/shared"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/nn/models"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/zoo"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	pinned = regexp.MustCompile(`^https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/$`)
	commit = regexp.MustCompile(`^https://github\.com/[^/]+/[^/]+/tree/[0-9a-f]{40}$`)
)

// The embedded catalogue is one that can be used: every card names a commit, a
// licence and, for bare weights, a net that there is.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	c := zoo.Embedded()
	if len(c) < 20 {
		t.Errorf("%d models", len(c))
	}
	for _, card := range c {
		if !pinned.MatchString(card.Address) || !commit.MatchString(card.Source) {
			t.Errorf("%s: %s, %s", card.Name, card.Address, card.Source)
		}
		if strings.Contains(card.Licence, "none") {
			t.Errorf("%s: licence %s", card.Name, card.Licence)
		}
		if card.Bytes() > 4<<20 {
			t.Errorf("%s: %d bytes", card.Name, card.Bytes())
		}
		m, ok := card.Use.Get("model")
		switch {
		case !ok:
		case m.Kind == spec.String:
			if _, err := models.New(m.Text); err != nil {
				t.Errorf("%s: %v", card.Name, err)
			}
		default:
			if _, err := nn.Decode(m); err != nil {
				t.Errorf("%s: %v", card.Name, err)
			}
		}
	}
}

// Every file is the one of the fixtures' manifest, and none of them is without a
// licence.
func TestManifest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shared.File(t, "models/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		File, Repo, Path, Commit, Licence, SHA256 string
		Size                                      int
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	dir := shared.Dir(t, "models")
	for _, card := range zoo.Embedded() {
		for _, f := range card.Files {
			i := slices.IndexFunc(list, func(e struct {
				File, Repo, Path, Commit, Licence, SHA256 string
				Size                                      int
			}) bool {
				return e.File == path.Join(card.Folder, f.Name)
			})
			if i < 0 {
				t.Errorf("%s: %s is not in the manifest", card.Name, f.Name)
				continue
			}
			e := list[i]
			if e.SHA256 != f.SHA256 || e.Size != f.Bytes || e.Licence == "none stated" || e.Licence != card.Licence ||
				card.Address+f.Path != "https://raw.githubusercontent.com/"+e.Repo+"/"+e.Commit+"/"+e.Path {
				t.Errorf("%s: %+v, the manifest has %+v", card.Name, f, e)
			}
		}
		at := card.Find([]string{dir})
		if at == "" {
			t.Errorf("%s is not found in %s", card.Name, dir)
			continue
		}
		if err := card.Check(t.Context(), at); err != nil {
			t.Error(err)
		}
	}
}

// tiny is a catalogue of one model of two files, and what they hold.
func tiny(t testing.TB, address string) (zoo.Card, map[string][]byte) {
	t.Helper()
	files := map[string][]byte{"net.pb": []byte("the graph"), "variables/v.index": []byte("its weights")}
	text := fmt.Sprintf(`[{"name": "tiny", "about": "a net", "format": "tensorflow-savedmodel", "licence": "MIT", "address": %q, "open": ".", "files": [
		{"name": "net.pb", "bytes": 9, "sha256": "%x"}, {"name": "variables/v.index", "path": "deep/v", "bytes": 11, "sha256": "%x"}]}]`,
		address, sha256.Sum256(files["net.pb"]), sha256.Sum256(files["variables/v.index"]))
	v, err := spec.ParseJSON("c.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := zoo.Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	card, err := c.Card("tiny")
	if err != nil {
		t.Fatal(err)
	}
	return card, files
}

func put(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// A model is downloaded once, into the last folder, and found there from then on.
// A file that is missing is downloaded alone.
func TestGet(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	var files map[string][]byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		name := strings.TrimPrefix(r.URL.Path, "/base/")
		if name == "deep/v" {
			name = "variables/v.index"
		}
		_, _ = w.Write(files[name])
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	card, files0 := tiny(t, s.URL+"/base/")
	files = files0
	first, last := t.TempDir(), t.TempDir()
	var done, total int64
	o := zoo.Options{Dirs: []string{first, last}, Client: s.Client(), Progress: func(d, all int64) { done, total = d, all }}
	path, err := card.Get(t.Context(), o)
	if err != nil || path != filepath.Join(last, "tiny") || done != 20 || total != 20 {
		t.Fatalf("%s, %v; %d of %d bytes", path, err, done, total)
	}
	if again, err := card.Get(t.Context(), o); err != nil || again != path || asked.Load() != 2 {
		t.Errorf("%s, %v after %d requests", again, err, asked.Load())
	}
	if at := card.Find(o.Dirs); at != path {
		t.Errorf("found in %q", at)
	}
	if err := os.Remove(filepath.Join(path, "net.pb")); err != nil {
		t.Fatal(err)
	}
	if at := card.Find(o.Dirs); at != "" {
		t.Errorf("found in %q without a file", at)
	}
	if _, err := card.Get(t.Context(), o); err != nil || asked.Load() != 3 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}

	// Damage is found, wherever it is, and is mended where that is asked for.
	put(t, path, map[string][]byte{"net.pb": []byte("the grapx")})
	var mismatch *zoo.Mismatch
	if _, err := card.Get(t.Context(), o); !errors.As(err, &mismatch) || mismatch.Card != "tiny" {
		t.Errorf("a damaged file: %v", err)
	}
	o.Again = true
	if _, err := card.Get(t.Context(), o); err != nil {
		t.Error(err)
	}
	if err := card.Check(t.Context(), path); err != nil {
		t.Error(err)
	}
	put(t, filepath.Join(first, "tiny"), files)
	put(t, filepath.Join(first, "tiny"), map[string][]byte{"net.pb": []byte("short")})
	if _, err := card.Get(t.Context(), o); !errors.As(err, &mismatch) {
		t.Errorf("a damaged file in a folder that nothing is downloaded to: %v", err)
	}
}

// TestGoesOn breaks the download of a model off in its second file. The next has what is
// missing of it, and says from where on.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	var files map[string][]byte
	var ranges []string
	breaks := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/base/")
		w.Header().Set("ETag", `"1"`)
		if name != "deep/v" {
			_, _ = w.Write(files[name])
			return
		}
		ranges = append(ranges, r.Header.Get("Range"))
		b := files["variables/v.index"]
		if breaks {
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			_, _ = w.Write(b[:4])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	card, served := tiny(t, s.URL+"/base/")
	files = served
	var on []string
	o := zoo.Options{Dirs: []string{t.TempDir()}, Client: s.Client(), Resumed: func(file string, at int64) { on = append(on, fmt.Sprint(file, " ", at)) }}
	var absent *zoo.Absent
	if _, err := card.Get(t.Context(), o); !errors.As(err, &absent) {
		t.Fatalf("half of a model: %v", err)
	}
	if at := card.Find(o.Dirs); at != "" {
		t.Errorf("half of a model is found in %s", at)
	}
	breaks = false
	path, err := card.Get(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(on) != 1 || !strings.HasSuffix(on[0], " 4") || len(ranges) != 2 || ranges[1] != "bytes=4-" {
		t.Errorf("went on with %q, having asked for %q", on, ranges)
	}
	if err := card.Check(t.Context(), path); err != nil {
		t.Error(err)
	}
}

func TestNoDownload(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	dir := t.TempDir()
	card, files := tiny(t, s.URL+"/base/")
	var absent *zoo.Absent
	_, err := card.Get(t.Context(), zoo.Options{Dirs: []string{dir}, Client: s.Client()})
	if !errors.As(err, &absent) || !strings.Contains(err.Error(), "put net.pb, variables/v.index into "+filepath.Join(dir, "tiny")) || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	card.Address = ""
	if _, err := card.Get(t.Context(), zoo.Options{Dirs: []string{dir}}); !errors.As(err, &absent) || !strings.Contains(err.Error(), "has no address") {
		t.Errorf("%v", err)
	}
	if _, err := card.Get(t.Context(), zoo.Options{Dirs: []string{}}); !errors.As(err, &absent) {
		t.Errorf("%v", err)
	}
	put(t, filepath.Join(dir, "tiny"), files)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := card.Get(ended, zoo.Options{Dirs: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Whatever byte of whatever file is changed, the model is not given out.
func TestNoOtherBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	card, files := tiny(t, "")
	rapid.Check(t, func(rt *rapid.T) {
		put(t, filepath.Join(dir, "tiny"), files)
		if _, err := card.Get(t.Context(), zoo.Options{Dirs: []string{dir}}); err != nil {
			rt.Fatal(err)
		}
		name := rapid.SampledFrom([]string{"net.pb", "variables/v.index"}).Draw(rt, "file")
		b := slices.Clone(files[name])
		b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		put(t, filepath.Join(dir, "tiny"), map[string][]byte{name: b})
		var mismatch *zoo.Mismatch
		if path, err := card.Get(t.Context(), zoo.Options{Dirs: []string{dir}}); !errors.As(err, &mismatch) {
			rt.Fatalf("%s, %v", path, err)
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := `"name": "a", "about": "b", "format": "c", "licence": "d", "files": [{"name": "f", "bytes": 1, "sha256": "` + strings.Repeat("0", 64) + `"}]`
	for text, want := range map[string]string{
		`[{` + good + `}, {` + good + `}]`:                                          `two models are called "a"`,
		`[{` + strings.Replace(good, `"a"`, `"A b"`, 1) + `}]`:                      "want small letters",
		`[{` + strings.Replace(good, `"f"`, `"../f"`, 1) + `}]`:                     "want a path inside the model's folder",
		`[{` + strings.Replace(good, `"f"`, `"/f"`, 1) + `}]`:                       "want a path inside the model's folder",
		`[{` + strings.Replace(good, `"f"`, `"a\\..\\f"`, 1) + `}]`:                 "want a path inside the model's folder",
		`[{` + strings.Replace(good, `1,`, `0,`, 1) + `}]`:                          "want the size of the file",
		`[{` + strings.Replace(good, `"000`, `"x00`, 1) + `}]`:                      "want 64 digits",
		`[{` + good + `, "folder": "../x"}]`:                                        "want a path inside the zoo's folder",
		`[{` + good + `, "address": "file:///etc/"}]`:                               "want one that begins with https://",
		`[{` + good + `, "open": "g"}]`:                                             `"g" is none of the files`,
		`[{` + good + `, "use": {"epochs": 3}}]`:                                    `want model, input, output, found "epochs"`,
		`[{` + good + `, "use": 3}]`:                                                "want keys of a configuration",
		`[{` + good + `, "licens": "MIT"}]`:                                         `did you mean "licence"`,
		`[{"name": "a"}]`:                                                           "about",
		`[{"name": "a", "about": "b", "format": "c", "licence": "d", "files": []}]`: "want one or more",
		`3`: "models",
	} {
		v, err := spec.ParseJSON("c.json", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := zoo.Decode(v); err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s:\n%v, want …%s…", text, err, want)
		}
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	card, _ := tiny(t, "")
	c := zoo.Embedded()
	more := c.With(zoo.Catalogue{card})
	if len(more) != len(c)+1 || !slices.IsSorted(more.Names()) {
		t.Errorf("%v", more.Names())
	}
	card.About = "another"
	again, err := more.With(zoo.Catalogue{card}).Card("tiny")
	if err != nil || again.About != "another" {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := more.Card("tinny"); err == nil || !strings.Contains(fmt.Sprint(err), `"tiny"`) {
		t.Error(err)
	}
}

func ExampleCatalogue_Card() {
	card, err := zoo.Embedded().Card("resnet20-cifar10")
	if err != nil {
		panic(err)
	}
	fmt.Println(card.Licence, card.Bytes(), card.Classes[3], card.Measured[0].Value)
	// Output: BSD-2-Clause 1099231 cat 0.915
}

func ExampleCard_Get() {
	card, err := zoo.Embedded().Card("resnet20-cifar10")
	if err != nil {
		panic(err)
	}
	none := zoo.Options{Dirs: []string{"models"}, URL: "http://127.0.0.1:0"}
	_, err = card.Get(context.Background(), none)
	var absent *zoo.Absent
	fmt.Println(errors.As(err, &absent), errors.Is(err, fs.ErrNotExist))
	_ = os.RemoveAll("models")
	// Output: true false
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[{"name": "a", "about": "b", "format": "c", "licence": "d", "files": [{"name": "f", "bytes": 1, "sha256": "` + strings.Repeat("0", 64) + `"}]}]`))
	f.Add([]byte(`{"models": [{"name": "a", "use": {"input": {"scale": "1/255"}}, "measured": [{"data": "mnist", "rows": 1, "metric": "accuracy", "value": 0}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := spec.ParseJSON("c.json", text)
		if err != nil {
			return
		}
		c, err := zoo.Decode(v)
		if err != nil {
			return
		}
		for _, card := range c {
			for _, file := range card.Files {
				if !filepath.IsLocal(filepath.FromSlash(file.Name)) {
					t.Errorf("%q leads out of the folder", file.Name)
				}
			}
			if card.Find([]string{t.TempDir()}) != "" {
				t.Error("found in an empty folder")
			}
		}
	})
}
