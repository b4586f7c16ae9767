package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/format"
)

func exportVerb(c *command) *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "export MODEL -o FILE [format=NAME]",
		Short: "Write a model for another program",
		Long: `Write a model so that another program reads it. The format is the one that the
file's name ends in, or the one that format= names:

  .pt           torch             a state dict for PyTorch: torch.load, load_state_dict
  .h5           keras-h5          Keras, layers and weights
  .keras        keras             Keras 3, layers and weights
  .weights.h5   keras-weights-h5  Keras 3, weights alone
  .onnx         onnx              the whole graph, preprocessing included, for ONNX runtimes
  .npz          npz               NumPy arrays, a parameter each
  .safetensors  safetensors       the model as it is kept here
  .go           go                Go code with the weights in it: a function Predict
  .ckpt         tensorflow-checkpoint
                                  TensorFlow: .index, .data-00000-of-00001, .meta,
                                  and "checkpoint" that names it
  a folder      tensorflow-savedmodel
                                  TensorFlow: tf.saved_model.load, TF Serving

What was written is read again before it gets its name: each number has to come
back to the last bit. MODEL is a saved model, the directory of a run, or a model
of another framework; bare weights want model=, the net that they are for.`,
		Example: `  nadir export runs/digits -o digits.keras
  nadir export runs/digits -o digits.pt
  nadir export runs/digits -o digits.onnx
  nadir export model.h5 -o predict.go
  nadir export model.safetensors -o saved/
  nadir export model.safetensors -o weights.bin format=npz --force`,
		RunE: func(cmd *cobra.Command, args []string) error {
			target, keys, err := oneTarget(cmd, args)
			if err != nil {
				return err
			}
			return c.exportModel(cmd.Context(), target, keys, out, force)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "the `file` to write")
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file if it is there")
	return cmd
}

// unwritten are formats that are read, or asked for often, and not written.
var unwritten = map[string]string{".tflite": "tflite", ".caffemodel": "caffe", ".pb": "tensorflow-graph"}

// exporter is the one that a name asks for, or what the file is called.
func exporter(name, out string) (format.Exporter, error) {
	info, err := os.Stat(out)
	path := out
	if err == nil && info.IsDir() && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	if e, ok := format.ExporterFor(name, path); ok {
		return e, nil
	}
	var names, endings []string
	for _, e := range format.Exporters() {
		names, endings = append(names, e.Name), append(endings, e.Ending)
	}
	switch ending := strings.ToLower(filepath.Ext(out)); {
	case name != "":
		for _, n := range unwritten {
			if n == name {
				return format.Exporter{}, usage("format=%s: this version does not write that; it writes %s", name, strings.Join(names, ", "))
			}
		}
		return format.Exporter{}, usage("format=%s: no format is called so; it is one of %s", name, strings.Join(names, ", "))
	case unwritten[ending] != "":
		return format.Exporter{}, usage("%s: this version does not write %s files; it writes %s", out, ending, strings.Join(endings, ", "))
	}
	return format.Exporter{}, usage("%s: its ending says no format; end it in one of %s, or name the format with format=", out, strings.Join(endings, ", "))
}

func (c *command) exportModel(_ context.Context, target string, keys []string, out string, force bool) error {
	name, keys := take(keys, "format")
	if err := meant("export", keys, "model", "model.*", "input", "input.*", "output.node", "precision"); err != nil {
		return err
	}
	if out == "" {
		return usage("export wants the file to write: -o model.keras")
	}
	e, err := exporter(name, out)
	if err != nil {
		return err
	}
	s, err := c.openSubject("export", target, keys)
	if err != nil {
		return err
	}
	r, compared, size, err := exportTo(e, out, force, s.Model)
	if err != nil {
		if u, ok := errors.AsType[*format.Unsupported](err); ok {
			return fmt.Errorf("%s: %w", s.path, u)
		}
		return err
	}
	if c.json {
		tensors := []object{}
		for _, l := range r.Tensors {
			tensors = append(tensors, object{{"from", l.From}, {"to", l.To}})
		}
		return c.printJSON(object{{"format", e.Name}, {"file", out}, {"bytes", size}, {"tensors", tensors}, {"verified", compared}, {"warnings", append([]string{}, r.Warnings...)}})
	}
	for _, w := range r.Warnings {
		c.note(out + ": " + w)
	}
	return c.tell(func(w *bufio.Writer) {
		fmt.Fprintf(w, "%s, %s: %d bytes written; read back, all %d tensors are the same to the last bit\n", out, e.Name, size, compared)
		g := grid{align: "ll"}
		for _, l := range r.Tensors {
			g.add(short(l.From, 60), "→ "+short(l.To, 60))
		}
		g.write(w, "  ")
	})
}

// exportTo writes a model in a folder beside what is wanted, has it checked, and puts
// what lies there in its place. What is there stays until then.
func exportTo(e format.Exporter, out string, force bool, m *format.Model) (r *format.Report, compared int, size int64, err error) {
	dir, base := filepath.Dir(filepath.Clean(out)), filepath.Base(out)
	parts := e.Parts(base)
	for _, part := range parts {
		if err := free(e, filepath.Join(dir, part), force); err != nil {
			return nil, 0, 0, err
		}
	}
	if e.Folder == nil && strings.HasSuffix(out, "/") {
		return nil, 0, 0, usage("%s is a folder; name a file", out)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, 0, 0, usage("%s: there is no folder %s to write it to", out, dir)
	}
	tmp, err := os.MkdirTemp(dir, ".nadir-export-")
	if err != nil {
		return nil, 0, 0, err
	}
	defer os.RemoveAll(tmp)
	path := filepath.Join(tmp, base)
	if e.Create != nil {
		r, err = e.Create(path, m)
	} else {
		err = ckpt.WriteFile(ckpt.OS{}, path, func(w io.Writer) (err error) {
			r, err = e.Write(w, m)
			return err
		})
	}
	if err != nil {
		return nil, 0, 0, err
	}
	if compared, err = e.Check(path, m); err != nil {
		return nil, 0, 0, fmt.Errorf("%s was not written: %w", out, err)
	}
	err = filepath.WalkDir(tmp, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return nil, 0, 0, err
	}
	for _, part := range parts {
		if err := appear(filepath.Join(tmp, part), filepath.Join(dir, part), e.Folder != nil); err != nil {
			return nil, 0, 0, err
		}
	}
	return r, compared, size, nil
}

// appear gives what was written its place, if it was written. A folder that is there goes
// beside what was written first, and comes back where that fails.
func appear(from, to string, folder bool) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !folder {
		return os.Rename(from, to)
	}
	old := from + ".old"
	err := os.Rename(to, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := err == nil
	if err = os.Rename(from, to); err != nil && before {
		err = errors.Join(err, os.Rename(old, to))
	}
	return err
}

// free is an error where something lies at a path that may not be overwritten.
func free(e format.Exporter, path string, force bool) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	switch {
	case e.Folder != nil && info.IsDir():
		there, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, f := range there {
			if !slices.Contains(e.Folder, f.Name()) {
				return usage("%s holds %s, which is no part of a model: name a folder that is not there yet", path, f.Name())
			}
		}
		if len(there) > 0 && !force {
			return usage("%s holds a model already; name another folder, or add --force to overwrite it", path)
		}
	case info.IsDir():
		return usage("%s is a folder; name a file", path)
	case e.Folder != nil:
		return usage("%s is no folder, which is what format=%s writes; name another", path, e.Name)
	case !info.Mode().IsRegular():
		return usage("%s is a %v; what is exported is read again, so it has to be a file", path, info.Mode().Type())
	case !force:
		return usage("%s exists already; name another file, or add --force to overwrite it", path)
	}
	return nil
}
