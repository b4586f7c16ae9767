package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/ckpt"
)

// A part is the beginning of a file on its way here. What has come lies in a file beside
// the path, called as it with .part behind, with a note of what it is the beginning of; both
// stay where a download breaks off, for the next to go on from. The note's file is locked
// as long: who finds it so downloads to a file of its own, and keeps nothing.
type part struct {
	path string // of the whole file
	want File
	file *os.File
	lock *ckpt.Lock
	note note
	at   int64     // bytes that have come
	sum  hash.Hash // of them
}

// A note says where the beginning came from.
type note struct {
	Address string `json:"address"`
	// Validator is what the server calls this state of the file, an ETag or the time of its
	// last change. Without one nothing is gone on from.
	Validator string `json:"validator"`
	SHA256    string `json:"sha256"` // of the published file
	Size      int64  `json:"size"`
}

func (p *part) partial() string { return p.path + ".part" }
func (p *part) noted() string   { return p.path + ".part.json" }
func (p *part) locked() string  { return p.path + ".part.lock" }

// openPart opens what has come of a file, if anything, and hashes it.
func openPart(ctx context.Context, path string, want File) (p *part, err error) {
	p = &part{path: path, want: want, sum: sha256.New()}
	p.lock, err = ckpt.Acquire(p.locked())
	if errors.Is(err, ckpt.ErrLocked) {
		p.file, err = os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
		return p, err
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.leave())
		}
	}()
	if p.file, err = os.OpenFile(p.partial(), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	info, err := p.file.Stat()
	if err != nil {
		return nil, err
	}
	text, readErr := os.ReadFile(p.noted())
	if readErr != nil || json.Unmarshal(text, &p.note) != nil || p.note.Validator == "" ||
		p.note.SHA256 != want.SHA256 || p.note.Size != want.Size || info.Size() > want.Size {
		return p, p.restart(note{})
	}
	p.at, err = io.Copy(p.sum, &until{ctx, p.file})
	return p, err
}

// restart drops what has come, to begin with a file of that note.
func (p *part) restart(n note) error {
	p.at, p.note = 0, n
	p.sum.Reset()
	err := p.file.Truncate(0)
	if err == nil {
		_, err = p.file.Seek(0, io.SeekStart)
	}
	if err != nil || p.lock == nil {
		return err
	}
	if n.Validator == "" {
		if err := os.Remove(p.noted()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.Marshal(n)
	if err == nil {
		err = os.WriteFile(p.noted(), append(text, '\n'), 0o644)
	}
	return err
}

// Write appends what comes.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.at += int64(n)
	p.sum.Write(b[:n])
	return n, err
}

// whole says how what has come differs from the published file, and nil where it does not.
func (p *part) whole() error {
	if p.at != p.want.Size {
		return fmt.Errorf("%d bytes came, but the published file has %d", p.at, p.want.Size)
	}
	return p.want.hashed(p.sum)
}

// take gives the file its name once it is on the disk.
func (p *part) take() error {
	err := p.file.Chmod(0o644)
	if err == nil {
		err = p.file.Sync()
	}
	name := p.file.Name()
	if closed := p.file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(name, p.path)
	}
	if err != nil {
		return errors.Join(err, p.drop())
	}
	return p.leave()
}

// drop removes what has come.
func (p *part) drop() error {
	p.file.Close()
	err := os.Remove(p.file.Name())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, p.leave())
}

// keep leaves what has come for another time, if it can be gone on from then.
func (p *part) keep() error {
	if p.lock == nil || p.note.Validator == "" || p.at == 0 {
		return p.drop()
	}
	return errors.Join(p.file.Close(), p.lock.Release())
}

// leave takes away what lies beside the file.
func (p *part) leave() error {
	if p.lock == nil {
		return nil
	}
	_ = os.Remove(p.noted()) // what cannot be removed is in nobody's way
	held := os.Remove(p.locked())
	err := p.lock.Release()
	if held != nil { // some systems remove no file that is open
		_ = os.Remove(p.locked())
	}
	return err
}
