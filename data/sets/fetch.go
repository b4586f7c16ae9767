package sets

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

	"github.com/nadir-ml/nadir/data"
)

// stall is how long a download may bring nothing before it is given up.
const stall = 30 * time.Second

// downloads is the folder that a set's downloads go to.
func downloads(p *published, o Options) string {
	return filepath.Join(o.Dirs[len(o.Dirs)-1], p.name)
}

// fetch downloads files of a set. Each appears under its name only when it is
// whole, on disk and has the published hash.
func fetch(ctx context.Context, p *published, files []file, o Options) error {
	d := downloader{client: o.Client, progress: o.Progress, stall: stall}
	if d.client == nil {
		d.client = http.DefaultClient
	}
	mirrors := p.mirrors
	if o.URL != "" {
		mirrors = []string{o.URL}
	}
	dir := downloads(p, o)
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
		d.total += f.size
	}
	err := os.MkdirAll(dir, 0o777)
	for _, f := range files {
		if err == nil {
			err = d.try(ctx, mirrors, f, filepath.Join(dir, f.name))
		}
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &data.Error{
		Msg: fmt.Sprintf("data set %s is in none of %s, and the download failed; put %s into %s by hand, set NADIR_DATA to the folder that holds them, or name a mirror with data.url",
			p.name, strings.Join(o.Dirs, ", "), strings.Join(names, ", "), dir),
		Err: err,
	}
}

type downloader struct {
	client      *http.Client
	progress    func(done, total int64)
	stall       time.Duration
	done, total int64
}

// try downloads f from the first mirror that has it.
func (d *downloader) try(ctx context.Context, mirrors []string, f file, path string) error {
	var errs []error
	for _, m := range mirrors {
		start := d.done
		err := d.get(ctx, strings.TrimSuffix(m, "/")+"/"+f.name, f, path)
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

func (d *downloader) get(ctx context.Context, url string, f file, path string) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("nothing came for %v", d.stall)
	watch := time.AfterFunc(d.stall, func() { cancel(stalled) })
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
	res, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), f.name+".part-*")
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
	body := &counted{r: io.LimitReader(res.Body, f.size+1), tick: func(n int) {
		watch.Reset(d.stall)
		d.done += int64(n)
		if d.progress != nil {
			d.progress(d.done, d.total)
		}
	}}
	n, err := io.Copy(io.MultiWriter(tmp, sum), body)
	if err != nil {
		return err
	}
	if n != f.size {
		return fmt.Errorf("%d bytes came, but the published file has %d", n, f.size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != f.sha256 {
		return fmt.Errorf("its SHA-256 is %s, but the published file's is %s", got, f.sha256)
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
