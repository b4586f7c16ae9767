package hdf5

import (
	"io"
	"sync"

	"github.com/nadir-ml/nadir/internal/mapped"
)

const signature = "\x89HDF\r\n\x1a\n"

// A File is an opened file whose superblock has been checked. Its methods, and
// those of its objects, may be called concurrently, but for Close.
type File struct {
	path   string
	r      io.ReaderAt
	closer io.Closer
	base   uint64 // where the superblock lies: addresses count from here
	end    uint64 // the file's end as an address
	root   uint64 // address of the root group's header

	mu     sync.Mutex // guards what follows
	budget uint64     // bytes of metadata that may still be read
	nodes  map[uint64]*node
	heaps  map[uint64]*globalHeap
	spans  []span // the file's bytes that datasets hold, in order
	filled uint64 // bytes of datasets that are not in the file
}

// Open reads and checks the superblock of the file at path. What is wrong with
// the contents is an [*Error]; a failure to read is the operating system's
// error. The file is to be closed after use.
func Open(path string) (*File, error) {
	osFile, size, err := mapped.Regular(path)
	if err != nil {
		return nil, err
	}
	f, err := open(path, osFile, size)
	if err != nil {
		osFile.Close()
		return nil, err
	}
	f.closer = osFile
	return f, nil
}

// NewFile is Open for size bytes that are read from r.
func NewFile(r io.ReaderAt, size int64) (*File, error) { return open("", r, size) }

func open(path string, r io.ReaderAt, size int64) (*File, error) {
	f := &File{
		path: path, r: r, end: uint64(max(0, size)),
		nodes: map[uint64]*node{}, heaps: map[uint64]*globalHeap{},
	}
	f.budget = 2*f.end + 1<<20
	if err := f.find(); err != nil {
		return nil, err
	}
	if err := f.superblock(); err != nil {
		return nil, err
	}
	return f, nil
}

// find looks for the signature at byte 0, 512, 1024, and on by doubling: what
// comes before it is the user block.
func (f *File) find() error {
	for at := uint64(0); f.end >= 8 && at <= f.end-8; at = max(512, 2*at) {
		var b [8]byte
		if err := f.readAt(b[:], at); err != nil {
			return err
		}
		if string(b[:]) == signature {
			f.base = at
			f.end -= at
			return nil
		}
	}
	return f.errorf(0, "this is no HDF5 file: it has no HDF5 signature")
}

func (f *File) superblock() error {
	c, err := f.block(0, min(f.end, 128), "the superblock")
	if err != nil {
		return err
	}
	c.skip(8)
	version := c.u8()
	switch version {
	case 0, 1:
		err = f.superblock0(c, version)
	case 2, 3:
		err = f.superblock2(c, version)
	default:
		err = c.unsupported("version %d is not known; this reader knows 0 to 3", version)
	}
	if err != nil {
		return err
	}
	return f.inside(f.root, 1, "the root group")
}

// sizes checks the widths of addresses and lengths, which everybody leaves at 8.
func sizes(c *cursor) error {
	if o, l := c.u8(), c.u8(); o != 8 || l != 8 {
		return c.unsupported("addresses of %d bytes and lengths of %d; this reader knows 8", o, l)
	}
	return nil
}

func (f *File) superblock0(c *cursor, version int) error {
	if c.u32() != 0 {
		return c.unsupported("a version of its parts is not known")
	}
	if err := sizes(c); err != nil {
		return err
	}
	c.skip(1 + 2 + 2 + 4) // nodes' sizes are read from the nodes
	if version == 1 {
		c.skip(4)
	}
	c.u64() // base: the place of the signature holds, as in the HDF5 library
	c.u64() // free space
	eof := c.u64()
	driver := c.u64()
	c.u64() // the root's name
	f.root = c.u64()
	if err := c.err(); err != nil {
		return err
	}
	if driver != undefined {
		return c.unsupported("the file is one of several that belong together (a family or multi-file driver)")
	}
	return f.truncated(eof)
}

func (f *File) superblock2(c *cursor, version int) error {
	if err := sizes(c); err != nil {
		return err
	}
	n := 12 + 4*8 + 4
	if n > len(c.b) {
		return c.errorf("the file ends within it")
	}
	c.b = c.b[:n]
	if err := c.checksum(); err != nil {
		return err
	}
	flags := c.u8()
	c.u64() // base, as above
	extension := c.u64()
	eof := c.u64()
	f.root = c.u64()
	if err := c.err(); err != nil {
		return err
	}
	if version == 3 && flags != 0 {
		return c.errorf("the file was not closed by its writer; close it, or run h5clear -s if the writer is gone")
	}
	if err := f.truncated(eof); err != nil {
		return err
	}
	if extension == undefined {
		return nil
	}
	msgs, err := f.header(extension)
	if err != nil {
		return err
	}
	for _, m := range msgs {
		switch m.typ {
		case msgDriver:
			return c.unsupported("the file is one of several that belong together (a family or multi-file driver)")
		case msgCacheImage:
			return c.unsupported("the file holds a metadata cache image; rewrite it with h5repack")
		}
	}
	return nil
}

// truncated compares the end of the file that the superblock gives.
func (f *File) truncated(eof uint64) error {
	// With a user block, the library's end counts from the file's beginning.
	if eof != undefined && eof > f.end+f.base {
		return f.errorf(0, "the superblock says that the file has %d bytes, but it has %d; it is truncated", eof, f.end+f.base)
	}
	return nil
}

// Root is the group that holds all others.
func (f *File) Root() *Group { return &Group{object{f: f, path: "/", addr: f.root}} }

// Close closes the file that Open opened.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
