package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Stall is how long a download may bring nothing before it is given up, where a
// Downloader does not say.
const Stall = 30 * time.Second

// A File is one as it was published.
type File struct {
	Name   string // what is added to the address of a folder, with slashes
	Size   int64
	SHA256 string // in hexadecimal
}

// A Downloader downloads files one after the other.
type Downloader struct {
	Client   *http.Client            // nil: http.DefaultClient
	Progress func(done, total int64) // is told of bytes; may be nil
	Stall    time.Duration           // 0: Stall
	Total    int64                   // the bytes of all files
	done     int64
}

// Try downloads f from the first of several folders that has it.
func (d *Downloader) Try(ctx context.Context, folders []string, f File, path string) error {
	var errs []error
	for _, m := range folders {
		start := d.done
		err := d.Get(ctx, strings.TrimSuffix(m, "/")+"/"+f.Name, f, path)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.done = start
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Get downloads f from an address to a path, whose folder is there. Where that
// fails nothing is left.
func (d *Downloader) Get(ctx context.Context, url string, f File, path string) (err error) {
	client, stall := d.Client, d.Stall
	if client == nil {
		client = http.DefaultClient
	}
	if stall == 0 {
		stall = Stall
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("nothing came for %v", stall)
	watch := time.AfterFunc(stall, func() { cancel(stalled) })
	defer watch.Stop()
	defer func() {
		if err != nil && context.Cause(ctx) == stalled {
			err = stalled
		}
		if err != nil && !strings.Contains(err.Error(), url) {
			err = fmt.Errorf("%s: %w", url, err)
		}
	}()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The published hash is of the bytes as they lie on the server.
	req.Header.Set("Accept-Encoding", "identity")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	sum := sha256.New()
	body := &counted{r: io.LimitReader(res.Body, f.Size+1), tick: func(n int) {
		watch.Reset(stall)
		d.done += int64(n)
		if d.Progress != nil {
			d.Progress(min(d.done, d.Total), d.Total)
		}
	}}
	n, err := io.Copy(io.MultiWriter(tmp, sum), body)
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("%d bytes came, but the published file has %d", n, f.Size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, but the published file's is %s", got, f.SHA256)
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// counted calls tick after every read.
type counted struct {
	r    io.Reader
	tick func(n int)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.tick(n)
	return n, err
}

// Check hashes a file that lies here and says how it differs from the published
// one. It is nil where it does not, and the operating system's error where the
// file cannot be read.
func Check(ctx context.Context, path string, f File) error {
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &Differs{path, "it is no file"}
	case info.Size() != f.Size:
		return &Differs{path, fmt.Sprintf("it has %d bytes, but the published file has %d", info.Size(), f.Size)}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &until{ctx, io.LimitReader(r, f.Size)}); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return &Differs{path, fmt.Sprintf("its SHA-256 is %s, but the published file's is %s", got, f.SHA256)}
	}
	return nil
}

// until ends with a context.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// A Differs says that a file is not the published one.
type Differs struct{ Path, Msg string }

func (d *Differs) Error() string { return d.Path + ": " + d.Msg }
