package sets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/internal/fetch"
)

// downloads is the folder that a set's downloads go to.
func downloads(p *published, o Options) string {
	return filepath.Join(o.Dirs[len(o.Dirs)-1], p.name)
}

// download gets files of a set. Each appears under its name only when it is
// whole, on disk and has the published hash.
func download(ctx context.Context, p *published, files []file, o Options) error {
	d := fetch.Downloader{Client: o.Client, Progress: o.Progress, Resumed: o.Resumed}
	mirrors := p.mirrors
	if o.URL != "" {
		mirrors = []string{o.URL}
	}
	dir := downloads(p, o)
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.name
		d.Total += f.size
	}
	err := os.MkdirAll(dir, 0o777)
	for _, f := range files {
		if err == nil {
			err = d.Try(ctx, mirrors, fetch.File{Name: f.name, Size: f.size, SHA256: f.sha256}, filepath.Join(dir, f.name))
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
