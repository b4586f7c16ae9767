package images

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
)

// Options of a folder. The zero value is the default.
type Options struct {
	// Height and Width resize every picture; 0: all must be of one size.
	Height, Width int
	// Cache is the most bytes of decoded pictures to keep in memory; what does
	// not fit is decoded again whenever it is read. 0: 512 MiB; below 0: none.
	Cache int64
}

// A Folder is the pictures in a folder's sub-folders, each of which is a
// class: classes by name, then files by name. Its input "x" is Uint8
// [height width channels], with one channel where every picture is gray; its
// target "y" is the class.
type Folder struct {
	schema      data.Schema
	paths       []string
	labels      []int32
	cached      []atomic.Pointer[[]uint8]
	room        atomic.Int64
	fingerprint string

	// Other is the number of files passed over because their names do not end
	// in .png, .jpg or .jpeg.
	Other int
}

// Open lists the pictures of dir and reads their headers; pixels are decoded
// when they are read. Names that begin with a dot are passed over.
//
// It fails where there are no pictures or less than two classes, where a class
// has no picture, and where sizes differ and no size is given.
func Open(dir string, o Options) (*Folder, error) {
	if o.Height < 0 || o.Width < 0 || (o.Height == 0) != (o.Width == 0) {
		return nil, fmt.Errorf("pictures of %d×%d pixels: want both above 0, or both 0 to keep their size", o.Width, o.Height)
	}
	f := &Folder{}
	switch {
	case o.Cache == 0:
		f.room.Store(512 << 20)
	case o.Cache > 0:
		f.room.Store(o.Cache)
	}
	classes, err := f.list(dir)
	if err != nil {
		return nil, err
	}
	shape, err := f.shape(dir, o)
	if err != nil {
		return nil, err
	}
	f.cached = make([]atomic.Pointer[[]uint8], len(f.paths))
	f.schema = data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: shape}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: classes,
	}
	return f, nil
}

func (f *Folder) list(dir string) (classes []string, err error) {
	top, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	loose := 0
	for _, sub := range top {
		if strings.HasPrefix(sub.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, sub.Name())
		if !isDir(path, sub) {
			f.Other++
			if picture(sub.Name()) {
				loose++
			}
			continue
		}
		files, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(f.paths)
		for _, e := range files {
			name := filepath.Join(path, e.Name())
			switch {
			case strings.HasPrefix(e.Name(), "."):
			case isDir(name, e):
				return nil, &data.Error{Path: name, Msg: "a folder inside a class: pictures stand directly in their class's folder"}
			case picture(e.Name()):
				f.paths = append(f.paths, name)
				f.labels = append(f.labels, int32(len(classes)))
			default:
				f.Other++
			}
		}
		if len(f.paths) == before {
			return nil, &data.Error{Path: path, Msg: "a class without a picture: remove the folder, or put .png or .jpg files into it"}
		}
		classes = append(classes, sub.Name())
	}
	switch {
	case len(classes) == 0 && loose > 0:
		return nil, &data.Error{Path: dir, Msg: fmt.Sprintf("%d pictures, but no class: put them into folders inside it, one folder a class", loose)}
	case len(classes) == 0:
		return nil, &data.Error{Path: dir, Msg: "no pictures: want .png or .jpg files in folders inside it, one folder a class"}
	case len(classes) == 1:
		return nil, &data.Error{Path: dir, Msg: fmt.Sprintf("only one class, %q: to tell classes apart needs two folders or more", classes[0])}
	}
	return classes, nil
}

// isDir follows symbolic links: data sets are often made of them.
func isDir(path string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func picture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// shape reads every picture's header.
func (f *Folder) shape(dir string, o Options) (tensor.Shape, error) {
	shape := tensor.Shape{o.Height, o.Width, 1}
	sum := sha256.New()
	for i, path := range f.paths {
		r, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s, err := Size(r)
		info, statErr := r.Stat()
		r.Close()
		if err != nil {
			return nil, &data.Error{Path: path, Err: err}
		}
		if statErr != nil {
			return nil, statErr
		}
		if o.Height == 0 {
			if i == 0 {
				shape[0], shape[1] = s[0], s[1]
			}
			if s[0] != shape[0] || s[1] != shape[1] {
				return nil, &data.Error{Path: dir, Msg: fmt.Sprintf("pictures of different sizes: %s has %d×%d pixels, %s has %d×%d; bring them to one size, or have them resized with input.size=%dx%d",
					f.paths[0], shape[1], shape[0], path, s[1], s[0], shape[0], shape[1])}
			}
		}
		shape[2] = max(shape[2], s[2])
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(sum, "%q %d\n", filepath.ToSlash(name), info.Size())
	}
	f.fingerprint = hex.EncodeToString(sum.Sum(nil))
	return shape, nil
}

// Len is the number of pictures.
func (f *Folder) Len() int { return len(f.paths) }

// Schema has the input "x" and the class "y".
func (f *Folder) Schema() data.Schema { return f.schema }

// Labels is the class of every picture.
func (f *Folder) Labels() ([]int32, error) { return f.labels, nil }

// Path is the file of row i.
func (f *Folder) Path(i int) string { return f.paths[i] }

// Fingerprint is a hash of the pictures' names and file sizes, in hexadecimal.
func (f *Folder) Fingerprint() string { return f.fingerprint }

// Read decodes the pictures, or copies those that are kept.
func (f *Folder) Read(dst *data.Batch, idx []int32) error {
	for _, i := range idx {
		if i < 0 || int(i) >= len(f.paths) {
			return fmt.Errorf("row %d of a folder of %d pictures", i, len(f.paths))
		}
	}
	if err := dst.Start(idx); err != nil {
		return err
	}
	x, y := dst.X[0].Uint8s(), dst.Y[0].Int32s()
	w := f.schema.Inputs[0].Shape.Len()
	for k, i := range idx {
		p, err := f.pixels(int(i))
		if err != nil {
			return err
		}
		copy(x[k*w:(k+1)*w], p)
		y[k] = f.labels[i]
	}
	return nil
}

func (f *Folder) pixels(i int) ([]uint8, error) {
	if p := f.cached[i].Load(); p != nil {
		return *p, nil
	}
	r, err := os.Open(f.paths[i])
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t, err := Decode(r)
	if err != nil {
		return nil, &data.Error{Path: f.paths[i], Err: err}
	}
	shape := f.schema.Inputs[0].Shape
	if s := t.Shape(); s[0] != shape[0] || s[1] != shape[1] {
		if t, err = Resize(t, shape[0], shape[1]); err != nil {
			return nil, &data.Error{Path: f.paths[i], Err: err}
		}
	}
	p := t.Uint8s()
	if t.Shape()[2] < shape[2] { // a gray picture among colored ones
		rgb := make([]uint8, 3*len(p))
		for k, v := range p {
			rgb[3*k], rgb[3*k+1], rgb[3*k+2] = v, v, v
		}
		p = rgb
	}
	if f.room.Add(-int64(len(p))) >= 0 {
		f.cached[i].Store(&p)
	} else {
		f.room.Add(int64(len(p)))
	}
	return p, nil
}
