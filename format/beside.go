package format

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Inside refuses, as a [*Corrupt], what lies at a path and, links followed, outside of a
// folder: of what belongs to a model, only the file that the user names may be a link to
// anywhere. What is not there is no matter of it.
func Inside(folder, path string) error {
	at, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	home, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	if at, err = filepath.Abs(at); err != nil {
		return err
	}
	if home, err = filepath.Abs(home); err != nil {
		return err
	}
	if rel, err := filepath.Rel(home, at); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return &Corrupt{fmt.Errorf("%s: it is a link that leads out of the model's folder: nothing else is read; put the file itself there", path)}
	}
	return nil
}
