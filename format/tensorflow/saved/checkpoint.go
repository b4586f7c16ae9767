package saved

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
)

func init() {
	format.RegisterExporter(format.Exporter{Name: "tensorflow-checkpoint", Ending: ".ckpt", Create: WriteCheckpoint, Files: checkpointFiles, Check: checkCheckpoint})
}

// checkpointFiles are the files of a checkpoint, and the one by which TensorFlow finds
// the newest of a folder.
func checkpointFiles(name string) []string {
	return []string{name + oneShard, name + ".meta", name + ".index", "checkpoint"}
}

const oneShard = ".data-00000-of-00001"

// WriteCheckpoint writes the parameters of a model, under their own names, as a
// checkpoint of version 2 whose files' names begin with path: tf.train.load_checkpoint and
// tf.train.Saver read it. Beside it goes the graph, path.meta, which
// tf.train.import_meta_graph takes, where TensorFlow has operations for it. The text file
// "checkpoint" in the same folder names it, as tf.train.latest_checkpoint wants it. Equal
// models give equal bytes.
func WriteCheckpoint(path string, m *format.Model) (*format.Report, error) {
	tensors, r, err := parameters(m, "tensorflow-checkpoint")
	if err != nil {
		return nil, err
	}
	meta, err := metaGraph(m, false)
	u, unsaid := errors.AsType[*format.Unsupported](err)
	switch {
	case unsaid:
		r.Warnings = append(format.BareWarnings(m), fmt.Sprintf("there is no graph beside the weights: %v", u))
	case err != nil:
		return nil, err
	default:
		if err := writeProto(path+".meta", meta); err != nil {
			return nil, err
		}
	}
	if err := writeBundle(path, tensors); err != nil {
		return nil, err
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(filepath.Base(path))
	return r, format.WriteFile(filepath.Join(filepath.Dir(path), "checkpoint"), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "model_checkpoint_path: \"%s\"\nall_model_checkpoint_paths: \"%[1]s\"\n", quoted)
		return err
	})
}

// parameters are those of a model as a checkpoint holds them.
func parameters(m *format.Model, as string) ([]bundle.Named, *format.Report, error) {
	names, values, err := format.Parameters(m)
	if err != nil {
		return nil, nil, err
	}
	r := &format.Report{Format: as}
	var out []bundle.Named
	for i, n := range names {
		out = append(out, bundle.Named{Name: n, Tensor: values[i]})
		r.Tensors = append(r.Tensors, format.Link{From: n, To: n})
	}
	return out, r, nil
}

// writeProto writes a message as a file.
func writeProto(path string, m message) error {
	return format.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(m)
		return err
	})
}

// writeBundle writes the two files of a checkpoint.
func writeBundle(prefix string, tensors []bundle.Named) error {
	return format.WriteFile(prefix+".index", func(index io.Writer) error {
		return format.WriteFile(prefix+oneShard, func(data io.Writer) error { return bundle.Write(index, data, tensors) })
	})
}

// checkCheckpoint reads a checkpoint that WriteCheckpoint wrote.
func checkCheckpoint(path string, m *format.Model) (int, error) {
	names, values, err := format.Parameters(m)
	if err != nil {
		return 0, err
	}
	return format.SameTensors(path, names, values)
}
