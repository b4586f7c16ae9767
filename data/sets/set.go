package sets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/tensor"
)

// A Set is a training part and, where there is one, a test part.
type Set struct {
	Name  string
	Train data.Source
	Test  data.Source // nil where the set has no test part
	// FixedOrder is whether the rows stand in a published order, so that a
	// validation part is by custom their end.
	FixedOrder bool
	// Records is whether the rows are records of a TFRecord file.
	Records bool
	// Notes are what the user should be told of, such as parts that are not
	// there.
	Notes []string
	// Fingerprint is a hash of what was read, in hexadecimal: two sets with
	// the same rows in the same files have the same one.
	Fingerprint string
}

// Options say where data may lie and how it is got. The zero value is the
// default.
type Options struct {
	// Dirs are the folders that a set known by name is looked for in, in this
	// order, in each also inside a folder of the set's name. A download goes
	// to the last of them. nil: DefaultDirs.
	Dirs []string
	// URL is the address of a folder to download from instead of the published
	// addresses.
	URL string
	// Client downloads. nil: http.DefaultClient.
	Client *http.Client
	// Progress is told how many bytes of the total are downloaded.
	Progress func(done, total int64)
	// Resumed is told of a file of which so many bytes had come before a download broke
	// off: it goes on from there.
	Resumed func(file string, at int64)
	// Targets names arrays of an .npz file that are targets, beside those that
	// are called so: the outputs of a model that has several.
	Targets []string
	// Labels reports whether a target of an .npz file that has several whole numbers a
	// row has class numbers, such as the tag of each word. nil: none has.
	Labels func(inputs []data.Field, target data.Field) bool
	// Features names the features of a TFRecord file that are the input, and
	// Label the one that is the target. Without them they are chosen where
	// there is one choice.
	Features []string
	Label    string
	// Shape is that of a row of those features; nil: as the file has them.
	Shape tensor.Shape
	// Numbers says that the target of a TFRecord file is to be predicted as
	// numbers, though it may be whole.
	Numbers bool
	// Images are the options of pictures, in a folder or a TFRecord file.
	Images images.Options
}

// DefaultDirs are the folders in $NADIR_DATA (several are separated as in
// $PATH), ./data, and nadir in the user's cache folder.
func DefaultDirs() []string {
	dirs := slices.DeleteFunc(filepath.SplitList(os.Getenv("NADIR_DATA")), func(d string) bool { return d == "" })
	dirs = append(dirs, "data")
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(cache, "nadir"))
	}
	return dirs
}

// Open opens a set known by name. Where a download fails the error says which
// files to put where.
func Open(ctx context.Context, name string, o Options) (*Set, error) {
	p := lookup(name)
	if p == nil {
		var names []string
		for _, p := range catalog {
			names = append(names, p.name)
		}
		return nil, fmt.Errorf("unknown data set %q: known are %s, and the paths of files and folders", name, strings.Join(names, ", "))
	}
	if o.Dirs == nil {
		o.Dirs = DefaultDirs()
	}
	if len(o.Dirs) == 0 {
		return nil, fmt.Errorf("no folder to look for %s in", name)
	}
	if p.archive {
		return openCIFAR(ctx, p, o)
	}
	return openMNIST(ctx, p, o)
}

// wrap makes err a fault of the data at path, unless it is one already.
func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*data.Error](err); ok {
		if e.Path != "" {
			return err
		}
		return &data.Error{Path: path, Line: e.Line, Col: e.Col, Msg: e.Msg, Err: e.Err}
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok && pe.Path == path {
		err = pe.Err
	}
	return &data.Error{Path: path, Err: err}
}

// thousands writes 60000 as 60,000.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
