package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
  .npz          npz               NumPy arrays, a parameter each
  .safetensors  safetensors       the model as it is kept here
  .go           go                Go code with the weights in it: a function Predict

What was written is read again before it gets its name: each number has to come
back to the last bit. MODEL is a saved model, the directory of a run, or a model
of another framework; bare weights want model=, the net that they are for.`,
		Example: `  nadir export runs/digits -o digits.keras
  nadir export runs/digits -o digits.pt
  nadir export model.h5 -o predict.go
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
var unwritten = map[string]string{".onnx": "onnx", ".ckpt": "tensorflow", ".tflite": "tflite", ".caffemodel": "caffe", ".pb": "tensorflow"}

// exporter is the one that a name asks for, or what the file is called.
func exporter(name, out string) (format.Exporter, error) {
	if e, ok := format.ExporterFor(name, out); ok {
		return e, nil
	}
	var names, endings []string
	for _, e := range format.Exporters() {
		names, endings = append(names, e.Name), append(endings, e.Ending)
	}
	info, err := os.Stat(out)
	switch ending := strings.ToLower(filepath.Ext(out)); {
	case name != "":
		for _, n := range unwritten {
			if n == name {
				return format.Exporter{}, usage("format=%s: this version does not write that; it writes %s", name, strings.Join(names, ", "))
			}
		}
		return format.Exporter{}, usage("format=%s: no format is called so; it is one of %s", name, strings.Join(names, ", "))
	case strings.HasSuffix(out, "/"), err == nil && info.IsDir():
		return format.Exporter{}, usage("%s is a folder, which would be a SavedModel: this version does not write that; it writes files that end in %s", out, strings.Join(endings, ", "))
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
	var r *format.Report
	compared := 0
	err = exportFile(out, force, func(w io.Writer) (err error) {
		r, err = e.Write(w, s.Model)
		return err
	}, func(path string) (err error) {
		if compared, err = e.Check(path, s.Model); err != nil {
			err = fmt.Errorf("%s was not written: %w", out, err)
		}
		return err
	})
	if err != nil {
		if u, ok := errors.AsType[*format.Unsupported](err); ok {
			return fmt.Errorf("%s: %w", s.path, u)
		}
		return err
	}
	info, err := os.Stat(out)
	if err != nil {
		return err
	}
	if c.json {
		tensors := []object{}
		for _, l := range r.Tensors {
			tensors = append(tensors, object{{"from", l.From}, {"to", l.To}})
		}
		return c.printJSON(object{{"format", e.Name}, {"file", out}, {"bytes", info.Size()}, {"tensors", tensors}, {"verified", compared}, {"warnings", append([]string{}, r.Warnings...)}})
	}
	for _, w := range r.Warnings {
		c.note(out + ": " + w)
	}
	return c.print(func(w *bufio.Writer) {
		fmt.Fprintf(w, "%s, %s: %d bytes written; read back, all %d tensors are the same to the last bit\n", out, e.Name, info.Size(), compared)
		g := grid{align: "ll"}
		for _, l := range r.Tensors {
			g.add(short(l.From, 60), "→ "+short(l.To, 60))
		}
		g.write(w, "  ")
	})
}

// exportFile writes a file beside the one that is wanted, has it checked, and gives
// it its name. One that is there stays until then.
func exportFile(out string, force bool, write func(io.Writer) error, check func(path string) error) error {
	dir := filepath.Dir(out)
	info, err := os.Stat(out)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a folder; name a file", out)
	case err == nil && !info.Mode().IsRegular():
		return usage("%s is a %v; what is exported is read again, so it has to be a file", out, info.Mode().Type())
	case err == nil && !force:
		return usage("%s exists already; name another file, or add --force to overwrite it", out)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage("%s: there is no folder %s to write it to", out, dir)
	}
	tmp, err := os.MkdirTemp(dir, ".nadir-export-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	path := filepath.Join(tmp, filepath.Base(out))
	if err := ckpt.WriteFile(ckpt.OS{}, path, write); err != nil {
		return err
	}
	if err := check(path); err != nil {
		return err
	}
	return os.Rename(path, out)
}
