package tune

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nadir-ml/nadir/ckpt"
)

// A Store keeps outcomes in a directory: results/KEY.json each, written as a
// whole or not at all, and part/KEY, the checkpoints of a trial that was stopped.
// Nothing in it is about one study: another one that has trials in common finds
// them done. One process at a time may work on it, which a [ckpt.Lock] ensures.
type Store struct{ Dir string }

// Key is what a trial is kept under: a hash of all that its outcome depends on.
func Key(spec string, t Trial) string {
	h := sha256.New()
	fmt.Fprintf(h, "tune/1\n%s\nfold %d of %d\nseed %d\nchecks %v\n", spec, t.Fold, t.Folds, t.Seed, t.Checks)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (s Store) file(key string) string { return filepath.Join(s.Dir, "results", key+".json") }

// Scratch is where a trial that is under way keeps its checkpoints.
func (s Store) Scratch(key string) string { return filepath.Join(s.Dir, "part", key) }

// Load is the outcome kept under a key, nil where there is none. One that cannot
// be read counts as none, and is told of.
func (s Store) Load(key string) (*Outcome, error) {
	text, err := os.ReadFile(s.file(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var o Outcome
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, &ckpt.Damage{Path: s.file(key), Msg: "is not what a study writes, and is made anew", Err: err}
	}
	return &o, nil
}

// Save keeps an outcome, and drops the checkpoints on the way to it.
func (s Store) Save(key string, o *Outcome) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.file(key)), 0o755); err != nil {
		return err
	}
	if err := ckpt.WriteFile(ckpt.OS{}, s.file(key), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	}); err != nil {
		return err
	}
	return os.RemoveAll(s.Scratch(key))
}
