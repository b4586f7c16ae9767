package ckpt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
)

const defaultKeep = 3

// Save saves the files as the checkpoint of a step and then removes those that
// are too many. It returns once the checkpoint is durable; on an error the
// checkpoints before it are untouched, nothing counts as saved, and Save may
// be called again.
//
// A checkpoint of the same step is replaced. Checkpoints of later steps are of
// a course that was given up, such as damaged ones that were passed over when
// the run went on, and are removed.
func (s Store) Save(step int64, files ...File) (*Checkpoint, error) {
	dir := filepath.Join(s.Dir, stepName(step))
	if step < 0 {
		return nil, fmt.Errorf("%s: a step is not below 0", dir)
	}
	for i, f := range files {
		if err := checkName(f.Name); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		if slices.ContainsFunc(files[:i], func(g File) bool { return g.Name == f.Name }) {
			return nil, fmt.Errorf("%s: two files are named %q", dir, f.Name)
		}
	}
	m := manifest{Version: manifestVersion, Step: step, Files: make([]entry, 0, len(files))}
	if err := s.save(&m, files); err != nil {
		return nil, &Error{Path: dir, Err: fmt.Errorf("checkpoint not saved: %w", err)}
	}
	return &Checkpoint{Step: step, Dir: dir, fsys: orOS(s.FS), files: m.Files}, nil
}

func (s Store) save(m *manifest, files []File) error {
	fsys := orOS(s.FS)
	if err := s.prepare(fsys); err != nil {
		return err
	}
	building := filepath.Join(s.Dir, temporary+stepName(m.Step))
	if err := m.build(fsys, building, files); err != nil {
		_ = fsys.RemoveAll(building) // the failure to report is the first one
		return err
	}
	if err := s.commit(fsys, building, m.Step); err != nil {
		return err
	}
	return s.prune(fsys, m.Step)
}

// prepare makes the store's directory and clears what a crash left in it.
func (s Store) prepare(fsys FS) error {
	if err := fsys.Mkdir(s.Dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	found, leftOver, err := s.places()
	if err != nil {
		return err
	}
	if len(found) == 0 { // its own name may not be durable yet
		if err := fsys.SyncDir(filepath.Dir(s.Dir)); err != nil {
			return err
		}
	}
	for _, name := range leftOver {
		if err := fsys.RemoveAll(filepath.Join(s.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// build writes the files and then the manifest to a directory of its own, and
// makes all of it durable.
func (m *manifest) build(fsys FS, dir string, files []File) error {
	if err := fsys.Mkdir(dir); err != nil {
		return err
	}
	for _, f := range files {
		sum := &summer{hash: sha256.New()}
		err := writeSynced(fsys, filepath.Join(dir, f.Name), func(w io.Writer) error {
			sum.w = w
			return f.Write(sum)
		})
		if err != nil {
			return err
		}
		m.Files = append(m.Files, entry{f.Name, sum.size, hex.EncodeToString(sum.hash.Sum(nil))})
	}
	if err := writeSynced(fsys, filepath.Join(dir, manifestName), m.write); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// commit gives the finished directory its name. A whole checkpoint that has
// the name already stays available under another until that is durable.
func (s Store) commit(fsys FS, building string, step int64) error {
	found, _, err := s.places()
	if err != nil {
		return err
	}
	name := stepName(step)
	if slices.ContainsFunc(found, func(p place) bool { return p.name == name }) {
		if err := s.setAside(fsys, found, place{name: name, step: step}); err != nil {
			return err
		}
	}
	if err := fsys.Rename(building, filepath.Join(s.Dir, name)); err != nil {
		return err
	}
	return fsys.SyncDir(s.Dir)
}

// setAside frees the name of a checkpoint that is to be replaced.
func (s Store) setAside(fsys FS, found []place, p place) error {
	if _, err := s.verify(p, true); err != nil {
		if _, damaged := errors.AsType[*Damage](err); !damaged {
			return err
		}
		return s.discard(fsys, p.name)
	}
	old := p.name + oldSuffix
	if slices.ContainsFunc(found, func(p place) bool { return p.name == old }) {
		if err := s.discard(fsys, old); err != nil {
			return err
		}
	}
	return fsys.Rename(filepath.Join(s.Dir, p.name), filepath.Join(s.Dir, old))
}

// prune removes what is not to be kept beside the checkpoint just saved.
func (s Store) prune(fsys FS, saved int64) error {
	found, _, err := s.places()
	if err != nil {
		return err
	}
	keep := s.Keep
	if keep == 0 {
		keep = defaultKeep
	}
	var discarded []string
	kept := 1 // the one just saved
	for _, p := range found {
		switch {
		case p.step == saved && !p.old || slices.Contains(s.Pinned, p.step) && p.step < saved:
			continue
		case p.step < saved && !p.old && (keep < 0 || kept < keep):
			_, err := s.verify(p, false)
			if err == nil {
				kept++
				continue
			}
			if _, damaged := errors.AsType[*Damage](err); !damaged {
				return err
			}
		}
		discarded = append(discarded, p.name)
	}
	return s.discard(fsys, discarded...)
}

// discard removes checkpoints. Each is renamed first, so that none is ever
// seen with a part of its files.
func (s Store) discard(fsys FS, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := fsys.Rename(filepath.Join(s.Dir, name), filepath.Join(s.Dir, temporary+"discarded-"+name)); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(s.Dir); err != nil {
		return err
	}
	for _, name := range names {
		if err := fsys.RemoveAll(filepath.Join(s.Dir, temporary+"discarded-"+name)); err != nil {
			return err
		}
	}
	return nil
}
