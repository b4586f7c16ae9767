package keras

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"sync"

	"github.com/nadir-ml/nadir/format/hdf5"
	"github.com/nadir-ml/nadir/internal/deflate"
)

// Names in an archive.
const (
	configName   = "config.json"
	metadataName = "metadata.json"
	weightsName  = "model.weights.h5"
)

// maxConfig is the most bytes of a configuration that are read.
const maxConfig = 16 << 20

// archive opens a .keras file.
func (f *File) archive(r io.ReaderAt, size int64) error {
	// A section takes no offset below 0, which a damaged directory can give, for an error of
	// the operating system's.
	z, err := zip.NewReader(io.NewSectionReader(r, 0, size), size)
	if err != nil {
		return &Error{Msg: "it begins like a ZIP archive, but is none, or a truncated one", Err: err}
	}
	entries := map[string]*zip.File{}
	room := uint64(size)
	for _, e := range z.File {
		if e.CompressedSize64 > room {
			return errorf("entry %q: the entries claim more than the file's %d bytes: it is damaged, or made to overlap", e.Name, size)
		}
		room -= e.CompressedSize64
		if entries[e.Name] != nil {
			return errorf("the archive holds %q twice", e.Name)
		}
		entries[e.Name] = e
	}
	for _, name := range []string{configName, weightsName} {
		if entries[name] == nil {
			return errorf("this ZIP archive is none that Keras saves: it holds no %q", name)
		}
	}
	config, err := unpack(entries[configName], maxConfig)
	if err != nil {
		return err
	}
	f.config = string(config)
	if e := entries[metadataName]; e != nil {
		raw, err := unpack(e, maxConfig)
		if err != nil {
			return err
		}
		var m struct {
			Version string `json:"keras_version"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return &Error{Msg: "entry " + metadataName, Err: err}
		}
		f.version = m.Version
	}
	weights, n, err := f.section(r, size, entries[weightsName])
	if err != nil {
		return err
	}
	if f.h5, err = hdf5.NewFile(weights, n); err != nil {
		return err
	}
	if err := f.numbered(f.h5.Root()); err != nil {
		return err
	}
	f.format = Archive
	return nil
}

// unpack reads an entry of at most the given size.
func unpack(e *zip.File, most uint64) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, &Error{Msg: "entry " + e.Name, Err: err} }
	if e.UncompressedSize64 > most || e.UncompressedSize64/deflate.Ratio > e.CompressedSize64 {
		return nil, errorf("entry %q claims %d bytes from %d in the file; at most %d are read", e.Name, e.UncompressedSize64, e.CompressedSize64, most)
	}
	r, err := e.Open()
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	b := make([]byte, e.UncompressedSize64)
	if _, err := io.ReadFull(r, b); err != nil {
		return fail(err)
	}
	// The end is where the archive's checksum is compared.
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fail(orElse(err, "it goes on after its end"))
	}
	return b, nil
}

// orElse is the error, or another where it says no more than that the end is
// reached.
func orElse(err error, other string) error {
	if err == nil || err == io.EOF {
		return errors.New(other)
	}
	return err
}

// section is the weights' entry as a file: where it lies in the archive, as
// Keras stores it, or unpacked in memory.
func (f *File) section(r io.ReaderAt, size int64, e *zip.File) (io.ReaderAt, int64, error) {
	if e.Method != zip.Store {
		// Weights hardly shrink, so this refuses only what is made to.
		b, err := unpack(e, 64<<20+uint64(size))
		return bytes.NewReader(b), int64(len(b)), err
	}
	off, err := e.DataOffset()
	if err != nil {
		return nil, 0, &Error{Msg: "entry " + e.Name, Err: err}
	}
	n := int64(e.UncompressedSize64)
	if e.UncompressedSize64 != e.CompressedSize64 || off > size || n > size-off {
		return nil, 0, errorf("entry %q of %d bytes leads out of the file", e.Name, e.UncompressedSize64)
	}
	s := io.NewSectionReader(r, off, n)
	// Listing does without the checksum, which takes reading all there is.
	f.verify = sync.OnceValue(func() error {
		h := crc32.NewIEEE()
		if _, err := io.Copy(h, io.NewSectionReader(r, off, n)); err != nil {
			return &Error{Path: f.path, Msg: "entry " + e.Name, Err: err}
		}
		if h.Sum32() != e.CRC32 {
			return &Error{Path: f.path, Msg: "entry " + e.Name, Err: zip.ErrChecksum}
		}
		return nil
	})
	return s, n, nil
}
