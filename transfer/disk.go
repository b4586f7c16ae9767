package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A file of rows is a line that says what it is, a line of JSON, the rows, each
// with all its fields and its weight together, and a checksum of all before it.
const (
	magic     = "nadir rows "
	version   = "1"
	ending    = ".rows"
	temporary = ".tmp"
	maxHeader = 1 << 20
	sumBytes  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DefaultDir is the folder of rows in the user's cache.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for a cache: %w", err)
	}
	return filepath.Join(dir, "nadir", "rows"), nil
}

// header is what a file says of itself.
type header struct {
	Prefix   string  `json:"prefix"` // key
	Data     string  `json:"data"`   // hash of the rows that it was made of
	Rows     int     `json:"rows"`
	Inputs   []field `json:"inputs"`
	Targets  []field `json:"targets"`
	Weighted bool    `json:"weighted"`
}

type field struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

func fieldsOf(fs []data.Field) []field {
	out := []field{}
	for _, f := range fs {
		out = append(out, field{f.Name, f.DType.String(), append([]int{}, f.Shape...)})
	}
	return out
}

func (f field) equal(g field) bool {
	return f.Name == g.Name && f.DType == g.DType && slices.Equal(f.Shape, g.Shape)
}

// A fault is what is wrong with a file: it is made anew.
type fault struct{ msg string }

func (f *fault) Error() string { return f.msg }

func faulty(format string, args ...any) error { return &fault{fmt.Sprintf(format, args...)} }

func isData(err error) bool {
	_, ok := errors.AsType[*data.Error](err)
	return ok
}

// store opens the file of the rows, or makes it.
func (c *Cache) store(ctx context.Context, p *train.Prefix, src data.Source) (*filed, error) {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = DefaultDir(); err != nil {
			return nil, err
		}
	}
	sum, weighted, err := fingerprint(ctx, src)
	if err != nil {
		return nil, err
	}
	schema := features(p, src)
	want := header{Prefix: p.Key(), Data: sum, Rows: src.Len(), Inputs: fieldsOf(schema.Inputs), Targets: fieldsOf(schema.Targets), Weighted: weighted}
	name := fmt.Sprintf("%.16x%s", sha256.Sum256([]byte(want.Prefix+want.Data)), ending)
	path := filepath.Join(dir, name)
	f, err := openRows(path, want, schema)
	switch _, bad := errors.AsType[*fault](err); {
	case err == nil:
		now := time.Now()
		_ = os.Chtimes(path, now, now) // asked for last
		return f, nil
	case bad:
		c.note("%s: %v; it is made anew", path, err)
	case !errors.Is(err, os.ErrNotExist):
		return nil, c.failed(dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, c.failed(dir, err)
	}
	if err := c.prune(dir, name, limit(c.MaxDisk, 8*gib)-rowBytes(schema)*int64(src.Len())); err != nil {
		return nil, c.failed(dir, err)
	}
	if err := c.write(ctx, dir, path, p, src, want); err != nil {
		return nil, err
	}
	if f, err = openRows(path, want, schema); err != nil {
		return nil, c.failed(dir, err)
	}
	return f, nil
}

// failed says what to do about a folder that cannot be used.
func (c *Cache) failed(dir string, err error) error {
	return fmt.Errorf("the cache of frozen layers in %s cannot be used: %w; make room there, or say cache=memory or cache=off", dir, err)
}

// fingerprint is a hash of all that the rows of a source hold.
func fingerprint(ctx context.Context, src data.Source) (sum string, weighted bool, err error) {
	h := sha256.New()
	for b, err := range data.Batches(src, 256, data.Order{}) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return "", false, err
		}
		x, y := b.View()
		for _, t := range append(slices.Clone(x), y...) {
			h.Write(t.Bytes())
		}
		if b.Weight != nil {
			weighted = true
			h.Write(floatBytes(b.Weight[:b.N]))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), weighted, nil
}

func floatBytes(v []float32) []byte { return tensor.Of(v, len(v)).Bytes() }

// write makes the file: whole, or not at all.
func (c *Cache) write(ctx context.Context, dir, path string, p *train.Prefix, src data.Source, head header) error {
	files := c.files
	if files == nil {
		files = ckpt.OS{}
	}
	unfinished := fmt.Sprintf("%s.%d.%d%s", path, os.Getpid(), time.Now().UnixNano(), temporary)
	f, err := files.Create(unfinished)
	if err != nil {
		return c.failed(dir, err)
	}
	defer func() {
		_ = f.Close()
		_ = files.RemoveAll(unfinished)
	}()
	sum := crc32.New(castagnoli)
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s%s\n%s\n", magic, version, text)
	at := 0
	for b, err := range p.Run(ctx, src) {
		if err != nil {
			return err // of the data or the net, not of the disk
		}
		for i := range b.N {
			for _, t := range append(b.X[:len(b.X):len(b.X)], b.Y...) {
				n := len(t.Bytes()) / b.N
				if _, err := w.Write(t.Bytes()[i*n : (i+1)*n]); err != nil {
					return c.failed(dir, err)
				}
			}
			if head.Weighted {
				weight := []float32{1}
				if b.Weight != nil {
					weight[0] = b.Weight[i]
				}
				if _, err := w.Write(floatBytes(weight)); err != nil {
					return c.failed(dir, err)
				}
			}
		}
		at += b.N
		c.progress(at, head.Rows)
	}
	if err := finish(w, f, sum); err != nil {
		return c.failed(dir, err)
	}
	err = files.Rename(unfinished, path)
	if err == nil {
		err = files.SyncDir(dir)
	}
	if err != nil {
		return c.failed(dir, err)
	}
	return nil
}

// finish writes the checksum and makes the file durable.
func finish(w *bufio.Writer, f ckpt.WritableFile, sum hash.Hash32) error {
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := f.Write(sum.Sum(nil)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// prune removes what was asked for longest ago until the rest takes no more than
// room, and what killed processes left.
func (c *Cache) prune(dir, but string, room int64) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type old struct {
		path string
		size int64
		time time.Time
	}
	var files []old
	total := int64(0)
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || e.Name() == but {
			continue
		}
		path := filepath.Join(dir, e.Name())
		switch {
		case strings.HasSuffix(e.Name(), temporary) && time.Since(info.ModTime()) > 24*time.Hour:
			_ = os.Remove(path)
		case strings.HasSuffix(e.Name(), ending):
			files = append(files, old{path, info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b old) int { return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.path, b.path)) })
	for _, f := range files {
		if total <= room {
			break
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
	return nil
}

// filed is rows in a file.
type filed struct {
	schema   data.Schema
	f        *os.File
	rows     int
	start    int64 // of the first row
	row      int   // bytes of one
	weighted bool
	buffers  sync.Pool
}

// openRows opens a file of rows and checks all of it. What is wrong with its
// contents is a fault.
func openRows(path string, want header, schema data.Schema) (*filed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s, err := readRows(f, want, schema)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func readRows(f *os.File, want header, schema data.Schema) (*filed, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, faulty("is no regular file")
	}
	sum := crc32.New(castagnoli)
	r := bufio.NewReaderSize(io.TeeReader(io.LimitReader(f, info.Size()-sumBytes), sum), 1<<20)
	start, err := checkHeader(r, want)
	if err != nil {
		return nil, err
	}
	s := &filed{schema: schema, f: f, rows: want.Rows, start: start, row: int(rowBytes(schema)), weighted: want.Weighted}
	if !want.Weighted {
		s.row -= 4
	}
	if size := start + int64(want.Rows)*int64(s.row) + sumBytes; size != info.Size() {
		return nil, faulty("has %d bytes where %d are wanted: it is cut short or damaged", info.Size(), size)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return nil, err
	}
	tail := make([]byte, sumBytes)
	if _, err := f.ReadAt(tail, info.Size()-sumBytes); err != nil {
		return nil, err
	}
	if !bytes.Equal(tail, sum.Sum(nil)) {
		return nil, faulty("is damaged: its checksum does not hold")
	}
	s.buffers.New = func() any { b := make([]byte, s.row); return &b }
	return s, nil
}

// checkHeader reads the two lines at the beginning and gives their length.
func checkHeader(r *bufio.Reader, want header) (int64, error) {
	line := func(most int) ([]byte, error) {
		var out []byte
		for len(out) <= most {
			part, err := r.ReadSlice('\n')
			out = append(out, part...)
			switch {
			case err == nil:
				return out[:len(out)-1], nil
			case errors.Is(err, bufio.ErrBufferFull):
			case errors.Is(err, io.EOF):
				return nil, faulty("is cut short")
			default:
				return nil, err
			}
		}
		return nil, faulty("is no file of rows")
	}
	first, err := line(100)
	if err != nil {
		return 0, err
	}
	v, ok := strings.CutPrefix(string(first), magic)
	switch {
	case !ok:
		return 0, faulty("is no file of rows")
	case v != version:
		return 0, faulty("is of version %q, this program writes %s", v, version)
	}
	second, err := line(maxHeader)
	if err != nil {
		return 0, err
	}
	var have header
	if err := json.Unmarshal(second, &have); err != nil {
		return 0, faulty("its header is damaged: %v", err)
	}
	if have.Prefix != want.Prefix || have.Data != want.Data || have.Rows != want.Rows || have.Weighted != want.Weighted ||
		!slices.EqualFunc(have.Inputs, want.Inputs, field.equal) || !slices.EqualFunc(have.Targets, want.Targets, field.equal) {
		return 0, faulty("holds other rows than its name says")
	}
	return int64(len(first) + len(second) + 2), nil
}

// Len is the number of rows.
func (s *filed) Len() int { return s.rows }

// Schema is the prefix's fields and the targets.
func (s *filed) Schema() data.Schema { return s.schema }

// Close closes the file.
func (s *filed) Close() error { return s.f.Close() }

// Read reads row by row.
func (s *filed) Read(dst *data.Batch, idx []int32) error {
	if err := dst.Start(idx); err != nil {
		return err
	}
	var weight []float32
	if s.weighted {
		weight = dst.Weigh()
	}
	p := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(p)
	buf := *p
	for k, i := range idx {
		if i < 0 || int(i) >= s.rows {
			return fmt.Errorf("row %d of a source of %d rows", i, s.rows)
		}
		if _, err := s.f.ReadAt(buf, s.start+int64(i)*int64(s.row)); err != nil {
			return fmt.Errorf("the cache of frozen layers: row %d: %w", i, err)
		}
		at := 0
		for _, ts := range [2][]*tensor.Tensor{dst.X, dst.Y} {
			for _, t := range ts {
				n := len(t.Bytes()) / t.Shape()[0]
				at += copy(t.Bytes()[k*n:(k+1)*n], buf[at:])
			}
		}
		if s.weighted {
			weight[k] = math.Float32frombits(uint32(buf[at]) | uint32(buf[at+1])<<8 | uint32(buf[at+2])<<16 | uint32(buf[at+3])<<24)
		}
	}
	return nil
}
