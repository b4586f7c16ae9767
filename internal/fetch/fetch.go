package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
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
	// Resumed is told of a file, by its name, of which so many bytes were here already; may
	// be nil.
	Resumed func(file string, at int64)
	Stall   time.Duration // 0: Stall
	Total   int64         // the bytes of all files
	done    int64
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

// Get downloads f from an address to a path, whose folder is there. Where that breaks off,
// what has come stays beside the path, and the next Get goes on from there if the server
// still has the same file; nothing else is left. What is not the published file is dropped.
func (d *Downloader) Get(ctx context.Context, url string, f File, path string) (err error) {
	p, err := openPart(ctx, path, f)
	if err != nil {
		return err
	}
	begun := d.done
	resumed := p.at > 0
	err = d.get(ctx, url, p)
	if _, ok := errors.AsType[*other](err); ok && resumed && ctx.Err() == nil {
		// The beginning was of something else, or was damaged.
		d.done = begun
		if err = p.restart(note{}); err == nil {
			err = d.get(ctx, url, p)
		}
	}
	if err == nil {
		return p.take()
	}
	if _, ok := errors.AsType[*other](err); ok {
		err = errors.Join(err, p.drop())
	} else {
		err = errors.Join(err, p.keep())
	}
	if !strings.Contains(err.Error(), url) {
		err = fmt.Errorf("%s: %w", url, err)
	}
	return err
}

// An other says that what the server has is not the published file, or not what the
// beginning is of.
type other struct{ err error }

func (o *other) Error() string { return o.err.Error() }

// get has the rest of a part come.
func (d *Downloader) get(ctx context.Context, url string, p *part) (err error) {
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
	}()
	if p.at < p.want.Size || p.at == 0 {
		if err := d.rest(ctx, client, url, p, func() { watch.Reset(stall) }); err != nil {
			return err
		}
	}
	if err := p.whole(); err != nil {
		return &other{err}
	}
	return nil
}

// rest asks for what is missing of a part.
func (d *Downloader) rest(ctx context.Context, client *http.Client, url string, p *part, alive func()) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The published hash is of the bytes as they lie on the server.
	req.Header.Set("Accept-Encoding", "identity")
	if p.at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.at))
		// A validator says nothing at another address; there the hash alone decides.
		if p.note.Address == url {
			req.Header.Set("If-Range", p.note.Validator)
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK:
		if n := res.ContentLength; n >= 0 && n != p.want.Size {
			return &other{fmt.Errorf("the server has %d bytes, but the published file has %d", n, p.want.Size)}
		}
		if err := p.restart(note{url, validator(res), p.want.SHA256, p.want.Size}); err != nil {
			return err
		}
	case res.StatusCode == http.StatusPartialContent && p.at > 0:
		if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/", p.at, p.want.Size-1); !strings.HasPrefix(got, want) {
			return &other{fmt.Errorf("the server was asked for %s and sent %q", strings.TrimSuffix(want, "/"), got)}
		}
		if v := validator(res); p.note.Address == url && v != "" && v != p.note.Validator {
			return &other{fmt.Errorf("the server sent a part of another file")}
		}
	case res.StatusCode == http.StatusRequestedRangeNotSatisfiable && p.at > 0:
		return &other{fmt.Errorf("the server has no bytes from %d on", p.at)}
	default:
		return fmt.Errorf("the server answered %s", res.Status)
	}
	if p.at > 0 && d.Resumed != nil {
		d.Resumed(p.want.Name, p.at)
	}
	came := func(n int) {
		alive()
		d.done += int64(n)
		if d.Progress != nil {
			d.Progress(min(d.done, d.Total), d.Total)
		}
	}
	came(int(p.at))
	_, err = io.Copy(p, &counted{io.LimitReader(res.Body, p.want.Size-p.at+1), came})
	return err
}

// validator is what the server calls the state of a file that it sends, where that says
// that every byte is the same.
func validator(res *http.Response) string {
	if strings.EqualFold(res.Header.Get("Accept-Ranges"), "none") {
		return ""
	}
	if tag := res.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	modified, err := http.ParseTime(res.Header.Get("Last-Modified"))
	if err != nil {
		return ""
	}
	// A file that was changed a moment ago may be changed again within the same second.
	if now, err := http.ParseTime(res.Header.Get("Date")); err != nil || now.Sub(modified) < time.Minute {
		return ""
	}
	return res.Header.Get("Last-Modified")
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
	if err := f.hashed(sum); err != nil {
		return &Differs{path, err.Error()}
	}
	return nil
}

// hashed says how the hash of a file differs from the published one's.
func (f File) hashed(sum hash.Hash) error {
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("its SHA-256 is %s, but the published file's is %s", got, f.SHA256)
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
