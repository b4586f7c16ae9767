package torch

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format/pickle"
	"github.com/nadir-ml/nadir/internal/deflate"
)

// An archive is the directory of a zip file. It is read by own code, because overlaps,
// links and the like, which general readers let pass, are errors here, and because the
// memory it takes must be bounded by the file's size.
//
// Format: PKWARE APPNOTE.TXT 6.3.3 (2012).
type archive struct {
	file    *File
	entries []entry
	index   map[string]int
	// unchecked is whether no entry has a checksum: PyTorch 2.6 and later may be told
	// to leave them out, and then writes zeros.
	unchecked bool
}

// An entry is a file in the archive.
type entry struct {
	name       string
	header     int64 // byte at which its local header begins
	limit      int64 // byte at which what follows it begins
	compressed int64 // bytes in the archive
	size       int64 // bytes uncompressed
	crc        uint32
	deflated   bool
}

// The signatures of the parts of a zip file, and the bytes they take without names.
const (
	sigLocal, sizeLocal        = 0x04034b50, 30
	sigEntry, sizeEntry        = 0x02014b50, 46
	sigEnd, sizeEnd            = 0x06054b50, 22
	sigEnd64, sizeEnd64        = 0x06064b50, 56
	sigLocator, sizeLocator    = 0x07064b50, 20
	maxComment                 = math.MaxUint16
	maxEntries                 = 1 << 17
	methodStore, methodDeflate = 0, 8
)

// openArchive reads and checks the directory.
func (f *File) openArchive() (*archive, error) {
	a := &archive{file: f, index: map[string]int{}}
	begin, end, n, err := a.locate()
	if err != nil {
		return nil, err
	}
	if n > maxEntries {
		return nil, f.errorf("", begin, "the archive has %d entries; at most %d are read", n, maxEntries)
	}
	r := &counter{r: bufio.NewReaderSize(io.NewSectionReader(f.r, begin, end-begin), 16<<10), at: begin}
	for range n {
		if err := a.entry(r, end); err != nil {
			return nil, err
		}
	}
	if r.at != end {
		return nil, f.errorf("", r.at, "the archive's directory goes on after its %d entries", n)
	}
	return a, a.place(begin)
}

// locate finds the directory: its bytes and the number of its entries.
func (a *archive) locate() (begin, end, count int64, err error) {
	f := a.file
	tail := make([]byte, min(f.size, sizeLocator+sizeEnd+maxComment))
	base := f.size - int64(len(tail))
	if err := f.readAt(tail, base); err != nil {
		return 0, 0, 0, err
	}
	at := len(tail) - sizeEnd
	for ; at >= 0; at-- {
		if binary.LittleEndian.Uint32(tail[at:]) == sigEnd &&
			at+sizeEnd+int(binary.LittleEndian.Uint16(tail[at+20:])) == len(tail) {
			break
		}
	}
	if at < 0 {
		return 0, 0, 0, f.errorf("", f.size, "the zip archive has no directory; the file is truncated, or something follows the archive")
	}
	rec := tail[at : at+sizeEnd]
	disks := binary.LittleEndian.Uint32(rec[4:])
	here, all := binary.LittleEndian.Uint16(rec[8:]), binary.LittleEndian.Uint16(rec[10:])
	size32, begin32 := binary.LittleEndian.Uint32(rec[12:]), binary.LittleEndian.Uint32(rec[16:])
	end = base + int64(at)
	if disks != 0 || here != all {
		return 0, 0, 0, f.errorf("", end, "the archive is spread over several files")
	}
	n, size, start := uint64(all), uint64(size32), uint64(begin32)
	if at >= sizeLocator && binary.LittleEndian.Uint32(tail[at-sizeLocator:]) == sigLocator {
		where := binary.LittleEndian.Uint64(tail[at-sizeLocator+8:])
		if where > uint64(end-sizeLocator) || uint64(end-sizeLocator)-where < sizeEnd64 {
			return 0, 0, 0, f.errorf("", end-sizeLocator, "the archive's zip64 directory lies outside the file")
		}
		var big [sizeEnd64]byte
		if err := f.readAt(big[:], int64(where)); err != nil {
			return 0, 0, 0, err
		}
		end = int64(where)
		n, size, start = binary.LittleEndian.Uint64(big[32:]), binary.LittleEndian.Uint64(big[40:]), binary.LittleEndian.Uint64(big[48:])
		if binary.LittleEndian.Uint32(big[:]) != sigEnd64 || binary.LittleEndian.Uint64(big[16:]) != 0 ||
			all != math.MaxUint16 && uint64(all) != n ||
			size32 != math.MaxUint32 && uint64(size32) != size ||
			begin32 != math.MaxUint32 && uint64(begin32) != start {
			return 0, 0, 0, f.errorf("", end, "the archive's two directory records differ")
		}
	}
	if start > uint64(end) || uint64(end)-start != size || n > size/sizeEntry {
		return 0, 0, 0, f.errorf("", end, "the archive's directory, %d entries in %d bytes at %d, does not fit the file; it is damaged", n, size, start)
	}
	return int64(start), end, int64(n), nil
}

// entry reads one record of the directory, which ends at byte end.
func (a *archive) entry(r *counter, end int64) error {
	f, at := a.file, r.at
	var rec [sizeEntry]byte
	if end-at < sizeEntry {
		return f.errorf("", at, "the archive's directory is cut short")
	}
	if err := r.read(f, rec[:]); err != nil {
		return err
	}
	u16 := func(i int) int { return int(binary.LittleEndian.Uint16(rec[i:])) }
	u32 := func(i int) int64 { return int64(binary.LittleEndian.Uint32(rec[i:])) }
	if u32(0) != sigEntry {
		return f.errorf("", at, "the archive's directory is damaged")
	}
	nameLen, extraLen, commentLen := u16(28), u16(30), u16(32)
	if end-r.at < int64(nameLen+extraLen+commentLen) {
		return f.errorf("", at, "the archive's directory is cut short")
	}
	text := make([]byte, nameLen+extraLen+commentLen)
	if err := r.read(f, text); err != nil {
		return err
	}
	e := entry{name: string(text[:nameLen]), crc: uint32(u32(16)), compressed: u32(20), size: u32(24), header: u32(42)}
	if !zip64(text[nameLen:nameLen+extraLen], &e.size, &e.compressed, &e.header) {
		return f.errorf("", at, "entry %s: its zip64 sizes are damaged", pickle.Quote(e.name))
	}
	method := u16(10)
	e.deflated = method == methodDeflate
	_, twice := a.index[e.name]
	const encrypted = 1 << 0
	symlink := u16(4)>>8 == 3 && u32(38)>>16&0o170000 == 0o120000
	switch {
	case !fs.ValidPath(strings.TrimSuffix(e.name, "/")) || strings.ContainsAny(e.name, "\\\x00:"):
		return f.errorf("", at, "entry %s: its path leaves the archive or is no path", pickle.Quote(e.name))
	case twice:
		return f.errorf("", at, "entry %s is there twice", pickle.Quote(e.name))
	case u16(8)&encrypted != 0:
		return f.errorf("", at, "entry %s is encrypted", pickle.Quote(e.name))
	case symlink:
		return f.errorf("", at, "entry %s is a symbolic link", pickle.Quote(e.name))
	case u16(34) != 0:
		return f.errorf("", at, "entry %s lies in another file", pickle.Quote(e.name))
	case method != methodStore && method != methodDeflate:
		return f.errorf("", at, "entry %s is compressed by method %d; only stored and deflated ones are read", pickle.Quote(e.name), method)
	case !e.deflated && e.compressed != e.size:
		return f.errorf("", at, "entry %s is stored, but its sizes, %d and %d bytes, differ", pickle.Quote(e.name), e.compressed, e.size)
	case e.deflated && e.size/deflate.Ratio > e.compressed:
		return f.errorf("", at, "entry %s claims to inflate from %d to %d bytes, more than deflate can", pickle.Quote(e.name), e.compressed, e.size)
	}
	a.index[e.name] = len(a.entries)
	a.entries = append(a.entries, e)
	return nil
}

// zip64 replaces saturated fields by those of the extra field with identifier 1. It
// reports false where they are absent or out of range.
func zip64(extra []byte, fields ...*int64) bool {
	var wide []byte
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			break // padding; the fields below must then do without
		}
		if id == 1 {
			wide = extra[:n]
			break
		}
		extra = extra[n:]
	}
	for _, v := range fields {
		if *v != math.MaxUint32 {
			continue
		}
		if len(wide) < 8 {
			return false
		}
		n := binary.LittleEndian.Uint64(wide)
		wide = wide[8:]
		if n > math.MaxInt64 {
			return false
		}
		*v = int64(n)
	}
	return true
}

// place checks that the entries lie one after the other before the directory.
func (a *archive) place(directory int64) error {
	order := make([]int, len(a.entries))
	a.unchecked = true
	for i, e := range a.entries {
		order[i] = i
		a.unchecked = a.unchecked && (e.crc == 0 || e.size == 0)
	}
	slices.SortFunc(order, func(i, j int) int {
		if a.entries[i].header < a.entries[j].header {
			return -1
		}
		return 1
	})
	limit := directory
	for _, i := range slices.Backward(order) {
		e := &a.entries[i]
		if room := limit - e.header - sizeLocal - int64(len(e.name)); room < 0 || e.compressed > room {
			return a.file.errorf("", min(e.header, a.file.size), "entry %s, %d bytes, overlaps what follows at %d", pickle.Quote(e.name), e.compressed, limit)
		}
		e.limit, limit = limit, e.header
	}
	return nil
}

// data is where an entry's bytes begin. It reads the local header and holds it to the
// directory.
func (a *archive) data(e *entry) (int64, error) {
	head := make([]byte, sizeLocal+len(e.name))
	if err := a.file.readAt(head, e.header); err != nil {
		return 0, err
	}
	method := binary.LittleEndian.Uint16(head[8:])
	if binary.LittleEndian.Uint32(head) != sigLocal || int(binary.LittleEndian.Uint16(head[26:])) != len(e.name) ||
		string(head[sizeLocal:]) != e.name || (method == methodDeflate) != e.deflated || method != methodStore && method != methodDeflate {
		return 0, a.file.errorf("", e.header, "entry %s: its local header is not the directory's; the archive is damaged", pickle.Quote(e.name))
	}
	at := e.header + int64(len(head)) + int64(binary.LittleEndian.Uint16(head[28:]))
	if e.compressed > e.limit-at {
		return 0, a.file.errorf("", e.header, "entry %s overlaps what follows it", pickle.Quote(e.name))
	}
	return at, nil
}

// open streams an entry's bytes, of which e.size are to come.
func (a *archive) open(e *entry) (io.Reader, error) {
	at, err := a.data(e)
	if err != nil {
		return nil, err
	}
	r := io.Reader(io.NewSectionReader(a.file.r, at, e.compressed))
	if e.deflated {
		r = flate.NewReader(bufio.NewReader(r))
	}
	return io.LimitReader(r, e.size), nil
}

// span reads bytes of an entry from offset lo on, and checks all of it against its
// checksum.
func (a *archive) span(e *entry, b []byte, lo int64) error {
	r, err := a.open(e)
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	r = io.TeeReader(r, sum)
	var skip []byte
	for at := int64(0); at < e.size; {
		// Pieces that stay in cache between reading and summing.
		to := b
		n := min(e.size-at, 256<<10)
		switch end := lo + int64(len(b)); {
		case at < lo || at >= end:
			if at < lo {
				n = min(n, lo-at)
			}
			if skip == nil {
				skip = make([]byte, n)
			}
			to = skip[:min(n, int64(len(skip)))]
		default:
			to = b[at-lo : min(at-lo+n, int64(len(b)))]
		}
		got, err := io.ReadFull(r, to)
		at += int64(got)
		if err != nil {
			return a.broken(e, at, err)
		}
	}
	if sum.Sum32() != e.crc && !a.unchecked {
		return a.wrong(e)
	}
	return nil
}

// bands gives the bytes of an entry that is not deflated to use in pieces of size bytes, and
// holds them to its checksum. While a piece is in use the next is read.
func (a *archive) bands(e *entry, size int, use func([]byte)) error {
	r, err := a.open(e)
	if err != nil {
		return err
	}
	type piece struct {
		bytes []byte
		err   error
	}
	free, full := make(chan []byte, 2), make(chan piece, 2)
	for range 2 {
		free <- make([]byte, min(int64(size), e.size))
	}
	sum := crc32.NewIEEE()
	go func() {
		defer close(full)
		for at := int64(0); at < e.size; {
			b := <-free
			b = b[:min(int64(len(b)), e.size-at)]
			got, err := io.ReadFull(r, b)
			at += int64(got)
			if err != nil {
				full <- piece{err: a.broken(e, at, err)}
				return
			}
			sum.Write(b)
			full <- piece{bytes: b}
		}
	}()
	for p := range full {
		if p.err != nil {
			return p.err
		}
		use(p.bytes)
		free <- p.bytes[:cap(p.bytes)]
	}
	if sum.Sum32() != e.crc && !a.unchecked {
		return a.wrong(e)
	}
	return nil
}

// wrong says that an entry is not what its checksum is of.
func (a *archive) wrong(e *entry) error {
	return a.file.errorf("", e.header, "entry %s: its checksum is wrong; the file is damaged", pickle.Quote(e.name))
}

// broken is what is wrong with an entry that could not be read to its end.
func (a *archive) broken(e *entry, n int64, err error) error {
	corrupt, isCorrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case isCorrupt:
		return &Error{Path: a.file.path, Offset: e.header, Err: err,
			Msg: "entry " + pickle.Quote(e.name) + ": its compressed bytes are damaged: " + corrupt.Error()}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return a.file.errorf("", e.header, "entry %s ends early; it has fewer than the %d bytes that it claims", pickle.Quote(e.name), e.size)
	}
	return a.file.ioError(err, e.header+n)
}

// whole reads all of an entry of at most limit bytes.
func (a *archive) whole(e *entry, limit int64) ([]byte, error) {
	if e.size > limit || e.size > math.MaxInt {
		return nil, a.file.errorf("", e.header, "entry %s has %d bytes; at most %d are read", pickle.Quote(e.name), e.size, limit)
	}
	b := make([]byte, e.size)
	return b, a.span(e, b, 0)
}

// lookup is the entry of that name, or nil.
func (a *archive) lookup(name string) *entry {
	if i, ok := a.index[name]; ok {
		return &a.entries[i]
	}
	return nil
}

// A counter knows which byte of the file comes next.
type counter struct {
	r  *bufio.Reader
	at int64
}

func (c *counter) read(f *File, b []byte) error {
	n, err := io.ReadFull(c.r, b)
	c.at += int64(n)
	if err != nil {
		return f.ioError(err, c.at)
	}
	return nil
}
