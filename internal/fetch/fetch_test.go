package fetch_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nadir-ml/nadir/internal/fetch"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// download is set in the process that TestKilled kills: an address, a path and what is
// published there.
const download = "FETCH_TEST_DOWNLOAD"

func TestMain(m *testing.M) {
	if os.Getenv(download) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	size, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err == nil {
		err = new(fetch.Downloader).Get(context.Background(), os.Args[1], fetch.File{Size: size, SHA256: os.Args[4]}, os.Args[2])
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func published(name string, b []byte) fetch.File {
	return fetch.File{Name: name, Size: int64(len(b)), SHA256: digest(b)}
}

// serve answers requests and gives its address.
func serve(t *testing.T, h http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(s.Client().CloseIdleConnections)
	return s.Client(), s.URL
}

// empty fails where a folder holds something.
func empty(t *testing.T, dir string) {
	t.Helper()
	if es, err := os.ReadDir(dir); err != nil || len(es) > 0 {
		t.Errorf("%v is left, %v", es, err)
	}
}

func TestAStalledDownloadIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	client, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("some"))
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	dir := t.TempDir()
	d := fetch.Downloader{Client: client, Stall: 20 * time.Millisecond}
	err := d.Get(t.Context(), url+"/slow", fetch.File{Size: 100}, filepath.Join(dir, "slow"))
	if err == nil || !strings.Contains(err.Error(), "nothing came") {
		t.Error(err)
	}
	empty(t, dir)
}

func TestASlowDownloadIsWaitedFor(t *testing.T) {
	t.Parallel()
	body := []byte("a few bytes at a time")
	client, url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range body {
			_, _ = w.Write([]byte{c})
			w.(http.Flusher).Flush()
		}
	})
	d := fetch.Downloader{Client: client, Stall: time.Minute}
	path := filepath.Join(t.TempDir(), "slow")
	if err := d.Get(t.Context(), url+"/slow", published("slow", body), path); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%q, %v", got, err)
	}
}

// What is not the published file, or no longer is, is refused and not kept.
func TestOtherBytesAreNotKept(t *testing.T) {
	t.Parallel()
	body := []byte("the weights of a net")
	var sent []byte
	client, url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sent) })
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	rapid.Check(t, func(rt *rapid.T) {
		sent = bytes.Clone(body)
		switch at := rapid.IntRange(0, len(body)-1).Draw(rt, "at"); rapid.IntRange(0, 2).Draw(rt, "how") {
		case 0:
			sent[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		case 1:
			sent = sent[:at]
		case 2:
			sent = append(sent, byte(at))
		}
		d := fetch.Downloader{Client: client}
		if err := d.Get(t.Context(), url, published("f", body), path); err == nil {
			rt.Fatalf("%q was taken", sent)
		}
		empty(t, dir)
		if err := os.WriteFile(path, sent, 0o644); err != nil {
			rt.Fatal(err)
		}
		var differs *fetch.Differs
		if err := fetch.Check(t.Context(), path, published("f", body)); !errors.As(err, &differs) {
			rt.Fatalf("%q was taken: %v", sent, err)
		}
		if err := os.Remove(path); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	f := published("f", []byte("abc"))
	if err := fetch.Check(t.Context(), path, f); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	var differs *fetch.Differs
	if err := fetch.Check(t.Context(), dir, f); !errors.As(err, &differs) {
		t.Errorf("a folder: %v", err)
	}
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := fetch.Check(ended, path, f); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func ExampleDownloader() {
	s := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer s.Close()
	dir, err := os.MkdirTemp("", "fetch")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	text, err := os.ReadFile("doc.go")
	if err != nil {
		panic(err)
	}
	f := fetch.File{Name: "doc.go", Size: int64(len(text)), SHA256: digest(text)}
	d := fetch.Downloader{Client: s.Client(), Total: f.Size}
	path := filepath.Join(dir, "doc.go")
	fmt.Println(d.Try(context.Background(), []string{s.URL + "/absent", s.URL}, f, path))
	fmt.Println(fetch.Check(context.Background(), path, f))
	// Output:
	// <nil>
	// <nil>
}
