package darknet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.Register(format.Format{Name: "darknet", Detect: func(p *format.Probe) bool { return isText(p) || isWeights(p) }, Open: open})
}

var begin = regexp.MustCompile(`(?m)^\s*\[(net|network)\]\s*$`)

func isText(p *format.Probe) bool {
	return p.Info != nil && p.Info.Mode().IsRegular() && bytes.IndexByte(p.Head, 0) < 0 && begin.Match(p.Head)
}

// isWeights reports whether a file begins with a version of Darknet's. Nothing else tells
// it from any numbers, so the .cfg has to lie beside it, or the name to say so.
func isWeights(p *format.Probe) bool {
	if p.Info == nil || !p.Info.Mode().IsRegular() || len(p.Head) < 16 {
		return false
	}
	major, minor := binary.LittleEndian.Uint32(p.Head), binary.LittleEndian.Uint32(p.Head[4:])
	return strings.HasSuffix(p.Path, ".weights") || major == 0 && minor <= 2 && beside(p.Path, ".cfg") != ""
}

// beside finds the other half of a model, by name, or as the only one of its kind.
func beside(path, ext string) string {
	base := strings.TrimSuffix(path, filepath.Ext(path)) + ext
	if info, err := os.Stat(base); err == nil && info.Mode().IsRegular() {
		return base
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	found := ""
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ext && e.Type().IsRegular() {
			if found != "" {
				return ""
			}
			found = filepath.Join(filepath.Dir(path), e.Name())
		}
	}
	return found
}

// limit is the largest .cfg that is read.
const limit = 1 << 20

// open opens a model by either of its files.
func open(path string) (*format.File, error) {
	p, err := format.NewProbe(path)
	if err != nil {
		return nil, err
	}
	cfg, weights := path, path
	if isText(p) {
		weights = beside(path, ".weights")
	} else if cfg = beside(path, ".cfg"); cfg == "" {
		return nil, &format.Unsupported{What: "a .weights file", Msg: "it has neither names nor shapes: put the .cfg of the network beside it"}
	}
	if weights == "" {
		return nil, &format.Unsupported{What: "a .cfg file", Msg: "it holds no numbers: put the .weights of the network beside it"}
	}
	for _, other := range []string{cfg, weights} {
		if other != path {
			if err := format.Inside(filepath.Dir(path), other); err != nil {
				return nil, err
			}
		}
	}
	info, err := os.Stat(cfg)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s: it is no regular file of at most %d bytes", cfg, limit)
	}
	text, err := os.ReadFile(cfg)
	if err != nil {
		return nil, err
	}
	n, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg, err)
	}
	if err := n.draw(); err != nil {
		var u *format.Unsupported
		if errors.As(err, &u) {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w", cfg, err)
	}
	f := &format.File{}
	if err := deal(f, n.runs, weights); err != nil {
		f.Close()
		return nil, err
	}
	for _, o := range n.outs {
		f.Outputs = append(f.Outputs, format.Node{Name: o})
	}
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) {
		n, err := parse(string(text))
		if err != nil {
			return nil, err
		}
		if err := n.draw(); err != nil {
			return nil, err
		}
		outs := n.outs
		if o.Output != "" {
			if n.sketch.Layer(o.Output) == nil {
				var have []string
				for _, l := range n.sketch.Layers {
					have = append(have, l.Name)
				}
				return nil, &format.Choice{Key: "output.node", Msg: fmt.Sprintf("output.node=%s: the network has no layer of this name", o.Output), Have: have}
			}
			outs = []string{o.Output}
		}
		if o.Input != "" && o.Input != "input" {
			return nil, &format.Choice{Key: "input.node", Msg: "the network has one input", Have: []string{"input"}}
		}
		b, err := n.sketch.Blueprint(outs)
		if b != nil {
			b.Warnings = append(b.Warnings, n.warnings...)
		}
		return b, err
	}
	return f, nil
}

// A run is a tensor of a .weights file.
type run struct {
	name  string
	shape tensor.Shape
}

// deal gives each run its part of the file, which has to be as long as all of them.
func deal(f *format.File, runs []run, path string) error {
	raw, err := f.Map(path, math.MaxInt)
	if err != nil {
		return err
	}
	have := len(raw)
	head := make([]byte, 20)
	if n := copy(head, raw); n < 16 {
		return fmt.Errorf("%s: the file ends within its header, after %d bytes", path, n)
	}
	major, minor := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	at := 16
	if uint64(major)*10+uint64(minor) >= 2 { // how many pictures were seen takes 8 bytes since
		at = 20
	}
	if major >= 1000 || minor >= 1000 {
		return fmt.Errorf("%s: version %d.%d is none of Darknet's", path, major, minor)
	}
	for _, x := range runs {
		n, err := x.shape.Elems()
		if err != nil {
			return fmt.Errorf("%s: %q: %w", path, x.name, err)
		}
		if at > have || n > (have-at)/4 {
			return fmt.Errorf("%s: the file ends after %d bytes, within %q of shape %v: it is cut off, or belongs to another .cfg", path, have, x.name, x.shape)
		}
		numbers := raw[at : at+4*n]
		at += len(numbers)
		f.Tensors = append(f.Tensors, format.Tensor{Name: x.name, DType: tensor.Float32, Shape: x.shape, Read: func() (*tensor.Tensor, error) {
			t, err := tensor.TryNew(tensor.Float32, x.shape...)
			if err != nil {
				return nil, err
			}
			copy(t.Bytes(), numbers)
			return t, nil
		}, Bands: func(size int, use func([]byte)) error {
			for piece := range slices.Chunk(numbers, size) {
				use(piece)
			}
			return nil
		}})
	}
	if at != have {
		return fmt.Errorf("%s: the .cfg asks for %d bytes, the file has %d: they do not belong together", path, at, have)
	}
	return nil
}
