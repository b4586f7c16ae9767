package caffe

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/nadir-ml/nadir/format"
)

func init() {
	format.Register(format.Format{Name: "caffe", Detect: func(p *format.Probe) bool { return isText(p) || isModel(p) }, Open: open})
	format.Register(format.Format{Name: "caffe-mean", Detect: isMean, Open: openMean})
}

var layerText = regexp.MustCompile(`(?m)^\s*layers?\s*:?\s*\{`)

// isText reports whether a file is a .prototxt with layers.
func isText(p *format.Probe) bool {
	if p.Info == nil || !p.Info.Mode().IsRegular() || bytes.IndexByte(p.Head, 0) >= 0 {
		return false
	}
	head := p.Head
	for range 3 { // a character may be cut off
		if len(head) > 0 && !utf8.Valid(head) {
			head = head[:len(head)-1]
		}
	}
	return utf8.Valid(head) && (layerText.Match(head) || strings.HasSuffix(p.Path, ".prototxt"))
}

// isModel reports whether a file begins as a NetParameter: with its name, or with a layer.
func isModel(p *format.Probe) bool {
	if p.Info == nil || !p.Info.Mode().IsRegular() {
		return false
	}
	if strings.HasSuffix(p.Path, ".caffemodel") {
		return true
	}
	h := p.Head
	if len(h) > 2 && h[0] == 0x0a {
		name, n := protowire.ConsumeBytes(h[1:])
		if n < 0 || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			return false
		}
		h = h[1+n:]
		if len(h) > 4 && h[0] == 0x12 { // layers, that begin with a name, type, layer, bottom or top
			_, _, n := protowire.ConsumeTag(h)
			_, m := protowire.ConsumeVarint(h[n:])
			return m > 0 && len(h) > n+m && strings.IndexByte("\x0a\x12\x1a\x22\x28", h[n+m]) >= 0
		}
	}
	return len(h) > 4 && h[0] == 0xa2 && h[1] == 0x06
}

func isMean(p *format.Probe) bool {
	return strings.HasSuffix(p.Path, ".binaryproto") && p.Info != nil && p.Info.Mode().IsRegular() ||
		len(p.Head) > 9 && p.Head[0] == 0x08 && p.Head[1] == 1 && p.Head[2] == 0x10 && p.Head[4] == 0x18 && p.Head[3] < 5
}

// openMean lists a mean image.
func openMean(path string) (*format.File, error) {
	f := &format.File{}
	t, err := mean(f, path)
	if err != nil {
		f.Close()
		return nil, err
	}
	f.Tensors = []format.Tensor{t}
	return f, nil
}

// meanOf is what the mean image of a layer that gives data is called.
func meanOf(l *layer) string { return l.name + "/mean_file" }

// meanBeside opens the mean image that a net names, by its last name in the net's folder.
// Where there is none it cannot be read.
func meanBeside(on *format.File, folder, name string) (format.Tensor, error) {
	path := filepath.Join(folder, filepath.Base(strings.ReplaceAll(name, "\\", "/")))
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return format.Tensor{}, nil
	}
	t, err := mean(on, path)
	if err != nil {
		return format.Tensor{}, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// mean is a mean image that f then holds.
func mean(f *format.File, path string) (format.Tensor, error) {
	raw, err := f.Map(path, limit)
	if err != nil {
		return format.Tensor{}, err
	}
	return blobTensor("mean", raw)
}

// limit is the largest file that is read: protocol buffers end there.
const limit = 1<<31 - 1

var iteration = regexp.MustCompile(`_iter_\d+$`)

// beside finds the other half of a model: what has the same name, but for the number of the
// iteration, or is the only one of its kind in the folder.
func beside(path, ext string) string {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	short := iteration.ReplaceAllString(base, "")
	names := []string{base, short}
	if ext == ".prototxt" {
		names = append(names, base+"_deploy", short+"_deploy", filepath.Join(filepath.Dir(path), "deploy"))
	} else {
		names = append(names, strings.TrimSuffix(base, "_deploy"))
	}
	for _, n := range names {
		if info, err := os.Stat(n + ext); err == nil && info.Mode().IsRegular() {
			return n + ext
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	found := ""
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ext || !e.Type().IsRegular() || strings.Contains(e.Name(), "solver") {
			continue
		}
		if found != "" {
			return ""
		}
		found = filepath.Join(filepath.Dir(path), e.Name())
	}
	return found
}

// open opens a model by either of its files.
func open(path string) (*format.File, error) {
	f := &format.File{}
	if err := describe(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func describe(f *format.File, path string) error {
	p, err := format.NewProbe(path)
	if err != nil {
		return err
	}
	weights, described := path, ""
	if isText(p) {
		weights, described = beside(path, ".caffemodel"), path
	} else {
		described = beside(path, ".prototxt")
	}
	for _, other := range []string{weights, described} {
		if other != "" && other != path {
			if err := format.Inside(filepath.Dir(path), other); err != nil {
				return err
			}
		}
	}
	var n, trained *net
	if weights != "" {
		raw, err := f.Map(weights, limit)
		if err != nil {
			return err
		}
		m, err := parseBinary(raw, netSchema)
		if err != nil {
			return fmt.Errorf("%s: %w", weights, err)
		}
		if trained, err = newNet(m, true); err != nil {
			return fmt.Errorf("%s: %w", weights, err)
		}
		if len(trained.layers) == 0 {
			return fmt.Errorf("%s: the file holds no layers", weights)
		}
		if err := trained.tensors(f); err != nil {
			return fmt.Errorf("%s: %w", weights, err)
		}
		n = trained
	} else {
		f.Warnings = append(f.Warnings, "no .caffemodel of the same name lies beside the .prototxt: there are no weights")
	}
	if described != "" {
		raw, err := f.Map(described, limit)
		if err != nil {
			return err
		}
		m, err := parseText(string(raw))
		if err == nil {
			n, err = newNet(m, false)
		}
		if err == nil && len(n.layers) == 0 {
			err = fmt.Errorf("the file describes no layers")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", described, err)
		}
	} else {
		f.Warnings = append(f.Warnings, "no .prototxt lies beside the .caffemodel: the network is that of training, which the .caffemodel carries")
	}
	for _, l := range n.layers {
		name := l.m.sub("transform_param").text("mean_file")
		if !sources[l.kind] || name == "" {
			continue
		}
		x, err := meanBeside(f, filepath.Dir(path), name)
		if err != nil {
			return err
		}
		if x.Name = meanOf(l); x.Read != nil {
			f.Tensors = append(f.Tensors, x)
		}
	}
	if n.name != "" {
		f.Metadata = append(f.Metadata, format.Entry{Key: "name", Value: n.name})
	}
	for _, o := range n.ends() {
		f.Outputs = append(f.Outputs, format.Node{Name: o})
	}
	f.Blueprint = func(o format.Options) (*format.Blueprint, error) { return n.blueprint(f, o) }
	return nil
}
