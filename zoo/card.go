package zoo

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/internal/fetch"
	"github.com/nadir-ml/nadir/spec"
)

// A Card describes a trained model.
type Card struct {
	Name    string   `spec:"name,required" doc:"what it is called by"`
	About   string   `spec:"about,required" doc:"what it is, in a line"`
	Format  string   `spec:"format,required" doc:"format of its files"`
	Source  string   `spec:"source" doc:"page of those who published it"`
	Licence string   `spec:"licence,required" doc:"what it may be used under"`
	Address string   `spec:"address" doc:"folder that the files are downloaded from"`
	Folder  string   `spec:"folder" doc:"folder of the zoo that the files lie in; its name without"`
	Files   []File   `spec:"files,required" doc:"its files"`
	Open    string   `spec:"open" doc:"what of the files is opened; the first without"`
	Classes []string `spec:"classes" doc:"names of the classes, in their order"`
	// Use is what the command is to be told: model, input, output, as keys of a
	// configuration.
	Use spec.Value `spec:"use" doc:"keys that go with it: model, input, output"`
	// Loss is that of a model that does not say it.
	Loss     spec.Value    `spec:"loss" doc:"loss of its output"`
	Measured []Measurement `spec:"measured" doc:"what was measured of it here"`
}

// A File is one of a model's.
type File struct {
	Name   string `spec:"name,required" doc:"path in the model's folder, with slashes"`
	Path   string `spec:"path" doc:"path below the address; the name without"`
	Bytes  int    `spec:"bytes,required" doc:"size"`
	SHA256 string `spec:"sha256,required" doc:"hash, in hexadecimal"`
}

// A Measurement is a metric of the model on a data set.
type Measurement struct {
	Data   string     `spec:"data,required" doc:"the data set"`
	Keys   spec.Value `spec:"keys" doc:"keys beside data, such as classes"`
	Rows   int        `spec:"rows,required" doc:"rows measured"`
	Metric string     `spec:"metric,required" doc:"such as accuracy"`
	Value  float64    `spec:"value,required,plain" doc:"what it was"`
}

// Validate refuses what cannot be downloaded, or would lead out of the zoo's folder.
func (f File) Validate() error {
	switch {
	case !filepath.IsLocal(filepath.FromSlash(f.Name)) || strings.Contains(f.Name, `\`):
		return spec.Field("name", "want a path inside the model's folder, found %q", f.Name)
	case f.Bytes < 1:
		return spec.Field("bytes", "want the size of the file, found %d", f.Bytes)
	case !hash.MatchString(f.SHA256):
		return spec.Field("sha256", "want 64 digits 0 to 9 and a to f, found %q", f.SHA256)
	}
	return nil
}

var (
	hash   = regexp.MustCompile("^[0-9a-f]{64}$")
	plain  = regexp.MustCompile("^[a-z0-9][a-z0-9._-]*$")
	usable = []string{"model", "input", "output"}
)

// Validate refuses a card that could not be used.
func (c Card) Validate() error {
	if !plain.MatchString(c.Name) {
		return spec.Field("name", "want small letters, digits, points, - and _, found %q", c.Name)
	}
	if c.Folder != "" && (!filepath.IsLocal(filepath.FromSlash(c.Folder)) || strings.Contains(c.Folder, `\`)) {
		return spec.Field("folder", "want a path inside the zoo's folder, found %q", c.Folder)
	}
	if c.Address != "" {
		u, err := url.Parse(c.Address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return spec.Field("address", "want one that begins with https://, found %q", c.Address)
		}
	}
	if len(c.Files) == 0 {
		return spec.Field("files", "want one or more")
	}
	seen := map[string]bool{}
	for _, f := range c.Files {
		if seen[f.Name] {
			return spec.Field("files", "%q is there twice", f.Name)
		}
		seen[f.Name] = true
	}
	if c.Open != "" && !c.within(c.Open) {
		return spec.Field("open", "%q is none of the files, no folder of theirs and not how their names begin", c.Open)
	}
	if c.Use.Kind != spec.Null && c.Use.Kind != spec.Map {
		return spec.Field("use", "want keys of a configuration")
	}
	for _, e := range c.Use.Entries {
		if !slices.Contains(usable, e.Key) {
			return spec.Field("use", "want %s, found %q", strings.Join(usable, ", "), e.Key)
		}
	}
	return nil
}

// within reports whether open is a file, a folder of files, or what the names of a
// checkpoint's files begin with.
func (c Card) within(open string) bool {
	return open == "." || slices.ContainsFunc(c.Files, func(f File) bool {
		return f.Name == open || strings.HasPrefix(f.Name, open+"/") || strings.HasPrefix(f.Name, open+".")
	})
}

// Bytes is the size of all files.
func (c Card) Bytes() (n int64) {
	for _, f := range c.Files {
		n += int64(f.Bytes)
	}
	return n
}

// folder is where the files lie inside a folder of models.
func (c Card) folder(dir string) string {
	if c.Folder == "" {
		return filepath.Join(dir, c.Name)
	}
	return filepath.Join(dir, filepath.FromSlash(c.Folder))
}

// opened is what is opened, when the files lie in a folder.
func (c Card) opened(folder string) string {
	name := c.Open
	if name == "" {
		name = c.Files[0].Name
	}
	return filepath.Join(folder, filepath.FromSlash(name))
}

// published is the file as it is downloaded.
func (f File) published() fetch.File {
	path := f.Path
	if path == "" {
		path = f.Name
	}
	return fetch.File{Name: (&url.URL{Path: path}).EscapedPath(), Size: int64(f.Bytes), SHA256: f.SHA256}
}

// Unknown is the error for a name that a catalogue does not have.
func (c Catalogue) unknown(name string) error {
	return &spec.Error{Msg: fmt.Sprintf("the zoo has no model %q", name), Word: name, Nearest: spec.Nearest(name, c.Names())}
}
