package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nadir-ml/nadir/ckpt"
)

// A member is a key of an object and its value.
type member struct {
	key   string
	value any
}

// An object is JSON whose keys stand in the order given.
type object []member

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := encode(m.key)
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// encode is JSON without the escapes that only web pages need.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// printJSON prints one object on a line of its own.
func (c *command) printJSON(v any) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	_, err = c.out.W.Write(append(text, '\n'))
	return err
}

// finite is a number as JSON has it: null where it is not finite.
func finite(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return v
}

// print writes what a person reads: the answer that a verb is asked for.
func (c *command) print(write func(w *bufio.Writer)) error {
	w := bufio.NewWriter(c.out.W)
	write(w)
	return w.Flush()
}

// tell writes what a person reads of something that was made: it lies in its file also
// where nobody wants to hear of it.
func (c *command) tell(write func(w *bufio.Writer)) error {
	if c.quiet {
		return nil
	}
	return c.print(write)
}

// A grid is text in aligned columns.
type grid struct {
	align string // a letter a column: l left, r right
	rows  [][]string
}

func (g *grid) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	g.rows = append(g.rows, cells)
}

func (g *grid) write(w io.Writer, indent string) {
	width := make([]int, len(g.align))
	for _, row := range g.rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range g.rows {
		line := indent
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			blank := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if g.align[i] == 'r' {
				line += blank + cell
			} else {
				line += cell + blank
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
}

// printable replaces what would steer a terminal: names come from files.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// short cuts text to n characters.
func short(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

// measure writes a measured number with four significant digits or so.
func measure(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case v != v:
		return "–"
	case a != 0 && (a < 1e-3 || a >= 1e6):
		return fmt.Sprintf("%.3e", v)
	case a < 1:
		return fmt.Sprintf("%.4f", v)
	}
	return fmt.Sprintf("%.5g", v)
}

// share writes part of a whole in percent, rounded towards 0 so that only a
// whole is 100 %.
func share(part, whole int) string {
	switch {
	case whole == 0:
		return "–"
	case part == whole:
		return "100.0 %"
	}
	return fmt.Sprintf("%.1f %%", math.Floor(1000*float64(part)/float64(whole))/10)
}

// create writes a new file as a whole or not at all. One that is there stays,
// unless force is set; a device or a pipe is written to.
func create(path string, force bool, write func(io.Writer) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a folder; name a file", path)
	case err == nil && !info.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		err = write(f)
		return errors.Join(err, f.Close())
	case err == nil && !force:
		return usage("%s exists already; name another file, or add --force to overwrite it", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return usage("%s: there is no folder %s to write it to", path, filepath.Dir(path))
	}
	return ckpt.WriteFile(ckpt.OS{}, path, write)
}
