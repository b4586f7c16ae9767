package sets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// numberedShard is one file of several, as TensorFlow names them: name-00002-of-00005.
var numberedShard = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})((?:\.\w+)*)$`)

// countedShards are all of them: name@5.
var countedShards = regexp.MustCompile(`^(.*)@(\d{1,5})$`)

// Sharded reports whether a path names several files: a pattern such as dir/*.tfrecord, or
// name@5 for name-00000-of-00005 to name-00004-of-00005.
func Sharded(path string) bool {
	return strings.ContainsAny(filepath.Base(path), "*?[") || countedShards.MatchString(path)
}

// shards lists the files that a path stands for, in order: those of a pattern, those that
// are counted, or where it names a numbered one all of its kind; else the path alone.
func shards(path string) ([]string, error) {
	if exists(path) {
		m := numberedShard.FindStringSubmatch(path)
		if m == nil {
			return []string{path}, nil
		}
		return allOf(m[1], m[3], m[4])
	}
	if m := countedShards.FindStringSubmatch(path); m != nil {
		n, _ := strconv.Atoi(m[2])
		return allOf(m[1], fmt.Sprintf("%05d", n), "")
	}
	list, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("the pattern is none: %w", err)
	}
	list = slices.DeleteFunc(list, func(p string) bool {
		info, err := os.Stat(p)
		return err != nil || info.IsDir()
	})
	if len(list) == 0 {
		return nil, errors.New("no file matches the pattern")
	}
	return list, nil
}

// allOf lists name-00000-of-N and on, which must all be there.
func allOf(name, of, ending string) ([]string, error) {
	n, err := strconv.Atoi(of)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%s files are none", of)
	}
	var list, missing []string
	for i := range n {
		p := fmt.Sprintf("%s-%05d-of-%s%s", name, i, of, ending)
		if list = append(list, p); !exists(p) {
			missing = append(missing, filepath.Base(p))
		}
	}
	if len(missing) > 0 {
		more := ""
		if len(missing) > 3 {
			more = fmt.Sprintf(" and %d more", len(missing)-3)
			missing = missing[:3]
		}
		return nil, fmt.Errorf("of %d files that belong together, %s%s are not there; put them beside the others, or name those that are to be read with a pattern such as %s-*",
			n, strings.Join(missing, ", "), more, filepath.Base(name))
	}
	return list, nil
}
