package zoo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/internal/fetch"
)

// Options say where models may lie and how they are got. The zero value is the
// default.
type Options struct {
	// Dirs are the folders that a model's folder is looked for in, in this order. A
	// download goes to the last of them. nil: DefaultDirs.
	Dirs []string
	// URL is the address of a folder to download from instead of the card's.
	URL string
	// Client downloads. nil: http.DefaultClient.
	Client *http.Client
	// Progress is told how many bytes of the total are downloaded.
	Progress func(done, total int64)
	// Resumed is told of a file of which so many bytes had come before a download broke
	// off: it goes on from there.
	Resumed func(file string, at int64)
	// Again downloads what lies here and is not the published file.
	Again bool
}

// DefaultDirs are the folders in $NADIR_ZOO_DIR (several are separated as in $PATH),
// and nadir/zoo in the user's cache folder.
func DefaultDirs() []string {
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("NADIR_ZOO_DIR")), func(d string) bool { return d == "" })
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "nadir", "zoo"))
	}
	return dirs
}

// A Mismatch is a file that is not the one that the card describes.
type Mismatch struct {
	Card string
	Err  error
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%v; it is not used as model %q of the zoo; remove it or download it again", m.Err, m.Card)
}

// Unwrap is the cause.
func (m *Mismatch) Unwrap() error { return m.Err }

// An Absent model lies in no folder, and was not downloaded.
type Absent struct {
	Card string
	Msg  string // what to do
	Err  error  // why it was not downloaded, or nil
}

func (a *Absent) Error() string {
	s := fmt.Sprintf("model %q of the zoo: %s", a.Card, a.Msg)
	if a.Err != nil {
		s += ": " + a.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (a *Absent) Unwrap() error { return a.Err }

// Find is the folder that holds the model's files, by their names and sizes, or "".
func (c Card) Find(dirs []string) string {
	if dirs == nil {
		dirs = DefaultDirs()
	}
	for _, dir := range dirs {
		folder := c.folder(dir)
		if !slices.ContainsFunc(c.Files, func(f File) bool {
			info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(f.Name)))
			return err != nil || !info.Mode().IsRegular() || info.Size() != int64(f.Bytes)
		}) {
			return folder
		}
	}
	return ""
}

// Check hashes the model's files in a folder: nil, a [*Mismatch], or what kept a file
// from being read.
func (c Card) Check(ctx context.Context, folder string) error {
	for _, f := range c.Files {
		err := fetch.Check(ctx, filepath.Join(folder, filepath.FromSlash(f.Name)), f.published())
		if _, ok := errors.AsType[*fetch.Differs](err); ok {
			return &Mismatch{c.Name, err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Get is the path of the model to open. Its files are looked for in the folders and
// downloaded where they are in none; all of them have the hash of the card.
func (c Card) Get(ctx context.Context, o Options) (path string, err error) {
	if o.Dirs == nil {
		o.Dirs = DefaultDirs()
	}
	if len(o.Dirs) == 0 {
		return "", &Absent{Card: c.Name, Msg: "there is no folder to look for it in, nor a cache folder of the user's; name one with zoo.dir"}
	}
	for _, dir := range o.Dirs {
		folder := c.folder(dir)
		if !c.any(folder) {
			continue
		}
		err := c.Check(ctx, folder)
		switch {
		case err == nil:
			return c.opened(folder), nil
		case errors.Is(err, fs.ErrNotExist): // some files are missing
		case !o.Again || dir != o.Dirs[len(o.Dirs)-1]:
			return "", err
		}
	}
	folder := c.folder(o.Dirs[len(o.Dirs)-1])
	if err := c.download(ctx, folder, o); err != nil {
		return "", err
	}
	return c.opened(folder), nil
}

// any reports whether one of the files lies in a folder.
func (c Card) any(folder string) bool {
	return slices.ContainsFunc(c.Files, func(f File) bool {
		_, err := os.Stat(filepath.Join(folder, filepath.FromSlash(f.Name)))
		return err == nil
	})
}

// download gets what is missing, or not as the card says, into a folder.
func (c Card) download(ctx context.Context, folder string, o Options) error {
	address := c.Address
	if o.URL != "" {
		address = o.URL
	}
	hint := fmt.Sprintf("it is in none of %s", strings.Join(o.Dirs, ", "))
	if address == "" {
		return &Absent{Card: c.Name, Msg: fmt.Sprintf("%s, and its card has no address; put its files into %s", hint, folder)}
	}
	d := fetch.Downloader{Client: o.Client, Progress: o.Progress, Resumed: o.Resumed}
	var missing []File
	var names []string
	for _, f := range c.Files {
		if fetch.Check(ctx, filepath.Join(folder, filepath.FromSlash(f.Name)), f.published()) != nil {
			missing = append(missing, f)
			names = append(names, f.Name)
			d.Total += int64(f.Bytes)
		}
	}
	var err error
	for _, f := range missing {
		path := filepath.Join(folder, filepath.FromSlash(f.Name))
		if err = os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
			err = d.Try(ctx, []string{address}, f.published(), path)
		}
		if err != nil {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &Absent{Card: c.Name, Err: err, Msg: fmt.Sprintf("%s, and the download failed; put %s into %s by hand, set NADIR_ZOO_DIR to a folder of models, or name a mirror with zoo.url",
		hint, strings.Join(names, ", "), folder)}
}
