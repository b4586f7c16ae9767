package fetch_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/internal/fetch"
	"pgregory.net/rapid"
)

// A shop is a server of one file that breaks off.
type shop struct {
	body     []byte
	tag      string // of the body; "" where it says nothing of it
	date     bool   // it says when the body changed last instead
	deaf     bool   // does not know of ranges
	breaks   int    // bytes after which a response breaks off; less than 0 for never
	ranges   []string
	ifRanges []string
}

var changed = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.ranges, s.ifRanges = append(s.ranges, r.Header.Get("Range")), append(s.ifRanges, r.Header.Get("If-Range"))
	at := time.Time{}
	switch {
	case s.date:
		at = changed
	case s.tag != "":
		w.Header().Set("ETag", s.tag)
	}
	if s.deaf {
		r.Header.Del("Range")
	}
	if s.breaks >= 0 {
		w = &breaking{w, s.breaks}
	}
	http.ServeContent(w, r, "f", at, bytes.NewReader(s.body))
}

type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left == 0 {
		b.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

func weights(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 + i)
	}
	return b
}

// TestResumes breaks a download off, and holds the next to asking for what is missing.
func TestResumes(t *testing.T) {
	t.Parallel()
	for _, date := range []bool{false, true} {
		s := &shop{body: weights(100000), tag: `"v1"`, date: date, breaks: 30000}
		client, url := serve(t, s.ServeHTTP)
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		f := published("f", s.body)
		d := fetch.Downloader{Client: client, Total: f.Size}
		if err := d.Get(t.Context(), url, f, path); err == nil {
			t.Fatal("half of a file is taken for the whole")
		}
		if _, err := os.Stat(path); err == nil {
			t.Fatal("half of a file has its name")
		}
		var from int64
		var seen []int64
		s.breaks = -1
		d = fetch.Downloader{Client: client, Total: f.Size, Resumed: func(name string, at int64) {
			if name != f.Name {
				t.Errorf("%s goes on, not %s", name, f.Name)
			}
			from = at
		}, Progress: func(done, _ int64) { seen = append(seen, done) }}
		if err := d.Get(t.Context(), url, f, path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, s.body) {
			t.Errorf("another file came (%v)", err)
		}
		if from == 0 || from > 30000 || s.ranges[1] != fmt.Sprintf("bytes=%d-", from) {
			t.Errorf("it went on at %d and asked for %q", from, s.ranges[1])
		}
		if want := map[bool]string{false: `"v1"`, true: changed.Format(http.TimeFormat)}[date]; s.ifRanges[1] != want {
			t.Errorf("If-Range is %q, want %q", s.ifRanges[1], want)
		}
		if seen[0] != from || seen[len(seen)-1] != f.Size {
			t.Errorf("progress goes from %d to %d, want %d to %d", seen[0], seen[len(seen)-1], from, f.Size)
		}
		alone(t, dir, "f")
	}
}

// alone fails where a folder holds something besides a file.
func alone(t interface{ Errorf(string, ...any) }, dir, name string) {
	es, err := os.ReadDir(dir)
	if err != nil || len(es) != 1 || es[0].Name() != name {
		t.Errorf("%v is left, %v", es, err)
	}
}

// TestBreaks breaks downloads off again and again, while the server changes what it has and
// what it knows. What gets its name is the published file, and when the server is well
// again, it comes.
func TestBreaks(t *testing.T) {
	t.Parallel()
	s := &shop{}
	client, url := serve(t, func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) })
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "fetch")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "f")
		body := weights(rapid.IntRange(1, 9000).Draw(t, "size"))
		f := published("f", body)
		*s = shop{body: body, breaks: -1}
		for range rapid.IntRange(0, 4).Draw(t, "tries") {
			s.body, s.tag = body, rapid.SampledFrom([]string{"", `"v1"`, `W/"v1"`, `"v2"`}).Draw(t, "tag")
			s.date, s.deaf = rapid.Bool().Draw(t, "date"), rapid.Bool().Draw(t, "deaf")
			s.breaks = rapid.IntRange(-1, len(body)).Draw(t, "breaks")
			switch rapid.IntRange(0, 5).Draw(t, "other") {
			case 0:
				s.body = bytes.Repeat([]byte{1}, len(body))
			case 1:
				s.body = body[:len(body)/2]
			}
			address := url + rapid.SampledFrom([]string{"/a", "/b"}).Draw(t, "address")
			d := fetch.Downloader{Client: client, Total: f.Size}
			err := d.Get(t.Context(), address, f, path)
			if got, readErr := os.ReadFile(path); (readErr == nil) != (err == nil) || err == nil && !bytes.Equal(got, body) {
				t.Fatalf("%v, and the file is %q, %v", err, got, readErr)
			}
			if err == nil {
				alone(t, dir, "f")
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			if rapid.IntRange(0, 4).Draw(t, "damaged") == 0 { // as by a power cut
				if b, err := os.ReadFile(path + ".part"); err == nil && len(b) > 0 {
					b[len(b)/2] ^= 1
					if err := os.WriteFile(path+".part", b, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		*s = shop{body: body, tag: `"v1"`, breaks: -1, deaf: rapid.Bool().Draw(t, "deaf at last")}
		d := fetch.Downloader{Client: client, Total: f.Size}
		if err := d.Get(t.Context(), url+"/a", f, path); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("another file came (%v)", err)
		}
		alone(t, dir, "f")
	})
}

// TestKilled kills a process in the middle of a download; the next goes on from there.
func TestKilled(t *testing.T) {
	t.Parallel()
	body := weights(300000)
	f := published("f", body)
	half := make(chan struct{})
	s := &shop{body: body, tag: `"v1"`, breaks: -1}
	first := true
	client, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !first {
			s.ServeHTTP(w, r)
			return
		}
		first = false
		w.Header().Set("ETag", s.tag)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		close(half)
		<-r.Context().Done()
	})
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f")
	var out strings.Builder
	c := exec.Command(exe, url, path, strconv.Itoa(len(body)), f.SHA256)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), download+"=1"), &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	for { // until it is in the file
		if info, err := os.Stat(path + ".part"); err == nil && info.Size() == int64(len(body)/2) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || out.Len() > 0 {
		t.Fatalf("it was not killed: %v %s", err, &out)
	}
	from := int64(0)
	d := fetch.Downloader{Client: client, Resumed: func(_ string, at int64) { from = at }}
	if err := d.Get(t.Context(), url, f, path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) || from != int64(len(body)/2) {
		t.Errorf("went on from %d, want %d; %v", from, len(body)/2, err)
	}
}

// TestTwoAtOnce has two downloads of one file at a time: both end well.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	body := weights(50000)
	f := published("f", body)
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	var inner error
	in := false
	client, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !in {
			in = true // the first is under way: have another from beginning to end
			d := fetch.Downloader{Client: http.DefaultClient}
			inner = d.Get(r.Context(), "http://"+r.Host+"/", f, path)
		}
		http.ServeContent(w, r, "f", changed, bytes.NewReader(body))
	})
	d := fetch.Downloader{Client: client}
	if err := d.Get(t.Context(), url, f, path); err != nil || inner != nil {
		t.Errorf("%v, %v", err, inner)
	}
	http.DefaultClient.CloseIdleConnections()
	alone(t, dir, "f")
}
