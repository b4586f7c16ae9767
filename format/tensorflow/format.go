package tensorflow

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unsafe"

	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/format/tensorflow/bundle"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	format.Register(format.Format{Name: "tensorflow-savedmodel", Detect: func(p *format.Probe) bool { return savedModel(p) != "" }, Open: openSavedModel})
	format.Register(format.Format{Name: "tensorflow-checkpoint", Detect: func(p *format.Probe) bool { return prefixOf(p) != "" }, Open: openCheckpoint})
	format.Register(format.Format{Name: "tensorflow-graph", Detect: isGraph, Open: openGraph})
}

var (
	dataName  = regexp.MustCompile(`\.data-\d{5}-of-\d{5}$`)
	shardName = regexp.MustCompile(`-\d{5}-of-\d{5}$`)
)

// exists reports whether there is a file of that name.
func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// prefixOf is what the names of a checkpoint's files begin with: of that which
// lies at a path, or is called by it. It is empty where there is none.
func prefixOf(p *format.Probe) string {
	switch {
	case p.IsFolder():
		return latest(p.Path)
	case p.Info == nil:
		if exists(p.Path+".index") || exists(p.Path+".meta") || len(shardsOf(p.Path)) > 0 {
			return p.Path
		}
		return ""
	case !p.Info.Mode().IsRegular():
		return ""
	case bundle.IsTable(p.Tail):
		if base, ok := strings.CutSuffix(p.Path, ".index"); ok {
			return base
		}
		if shardName.MatchString(p.Path) {
			return shardName.ReplaceAllString(p.Path, "")
		}
		return p.Path
	case dataName.MatchString(p.Path) && exists(dataName.ReplaceAllString(p.Path, "")+".index"):
		return dataName.ReplaceAllString(p.Path, "")
	case strings.HasSuffix(p.Path, ".meta") && protoOf(p) == isMetaGraph:
		return strings.TrimSuffix(p.Path, ".meta")
	case strings.HasSuffix(p.Path, ".index"):
		return strings.TrimSuffix(p.Path, ".index") // a damaged one says so
	}
	return ""
}

// shardsOf lists the shards of a checkpoint of version 1.
func shardsOf(prefix string) []string {
	entries, err := os.ReadDir(filepath.Dir(prefix))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if base := filepath.Base(prefix); strings.HasPrefix(e.Name(), base) && shardName.MatchString(e.Name()) && shardName.ReplaceAllString(e.Name(), "") == base {
			out = append(out, e.Name())
		}
	}
	return out
}

// latest is the checkpoint of a folder: that which its file "checkpoint" names, or the
// only one there is.
func latest(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		if base, ok := strings.CutSuffix(name, ".index"); ok {
			found = append(found, base)
		} else if base := shardName.ReplaceAllString(name, ""); base != name && !dataName.MatchString(name) && !slices.Contains(found, base) {
			found = append(found, base)
		} else if e.Type().IsRegular() && len(entries) < 64 && !dataName.MatchString(name) {
			if p, err := format.NewProbe(filepath.Join(dir, name)); err == nil && bundle.IsTable(p.Tail) {
				found = append(found, name) // of version 1
			}
		}
	}
	const most = 1 << 16
	if info, err := os.Stat(filepath.Join(dir, "checkpoint")); err == nil && info.Mode().IsRegular() && info.Size() < most {
		text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
		if err != nil {
			return ""
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "model_checkpoint_path:"); ok {
				// A path of another machine, or out of the folder, counts by its last part.
				name := filepath.Base(filepath.FromSlash(strings.Trim(strings.TrimSpace(value), `"`)))
				if slices.Contains(found, name) {
					return filepath.Join(dir, name)
				}
			}
		}
	}
	if len(found) == 1 {
		return filepath.Join(dir, found[0])
	}
	return ""
}

// A kind of message.
const (
	isOther = iota
	isGraphDef
	isMetaGraph
	isSavedModelProto
)

// protoOf tells messages apart by the beginning of a file.
func protoOf(p *format.Probe) int {
	h := p.Head
	field := func(b []byte) (num int, body []byte, ok bool) {
		for f, err := range bundle.Fields(b) {
			return f.Num, f.Bytes, err == nil
		}
		return 0, nil, false
	}
	// The first field, which may be longer than what is there of the file.
	if len(h) < 4 {
		return isOther
	}
	if h[0] == 0x08 && h[1] == 1 && h[2] == 0x12 {
		return isSavedModelProto
	}
	if h[0] != 0x0a {
		return isOther
	}
	size, n := 0, 1
	for shift := 0; n < len(h) && n < 6; shift += 7 {
		size |= int(h[n]&0x7f) << shift
		n++
		if h[n-1] < 0x80 {
			break
		}
	}
	if int64(size) > p.Info.Size() {
		return isOther
	}
	body := h[n:min(len(h), n+size)]
	whole := len(body) == size
	num, text, ok := field(body)
	switch {
	case ok && num == 1 && len(text) > 0 && printable(text) && strings.Contains(string(body[len(text)+2:min(len(body), len(text)+4)]), "\x12"):
		return isGraphDef // NodeDef: name, then op
	case strings.HasSuffix(p.Path, ".meta"):
		return isMetaGraph
	case ok && whole && num == 2, ok && num == 2: // MetaInfoDef: stripped_op_list
		return isMetaGraph
	}
	return isOther
}

func printable(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < 32 || c > 126 })
}

func isGraph(p *format.Probe) bool {
	if p.Info == nil || !p.Info.Mode().IsRegular() {
		return false
	}
	k := protoOf(p)
	return k == isGraphDef || k == isMetaGraph
}

// maxFile is the largest graph that is read: protocol buffers end there.
const maxFile = 1<<31 - 1

// slotName finds the names that TensorFlow's optimizers give to what they remember of a
// variable.
var slotName = regexp.MustCompile(`/(Adam|Momentum|RMSProp|Adagrad|Adadelta|Ftrl|AdamW|LAMB|Lamb|Nadam|Lion|ProximalAdagrad|YogiOptimizer|Adamax|AdaMax|momentum)(_\d+)?$|^(.*/)?(beta[12]_power(_\d+)?|global_step)$|/adam_[mv]$|/accumulator$|(^|/)optimizer/|\.OPTIMIZER_SLOT/|^keras_api/|^save_counter/`)

// tensorsOf lists the tensors of a checkpoint.
func tensorsOf(b *bundle.File) []format.Tensor {
	var out []format.Tensor
	for _, e := range b.Entries() {
		t := format.Tensor{Name: e.Name, DType: e.DType, Type: e.Type, Shape: e.Shape, Slot: slotName.MatchString(e.Name)}
		if e.DType != tensor.Invalid {
			t.Read = func() (*tensor.Tensor, error) { return b.Tensor(e.Name) }
		}
		out = append(out, t)
	}
	return out
}

// openCheckpoint opens a checkpoint, and the graph beside it where there is one.
func openCheckpoint(path string) (*format.File, error) {
	p, err := format.NewProbe(path)
	if err != nil {
		return nil, err
	}
	prefix := prefixOf(p)
	b, err := bundle.Open(prefix)
	if errors.Is(err, fs.ErrNotExist) && exists(prefix+".meta") {
		return openMeta(prefix + ".meta")
	}
	if err != nil {
		return nil, err
	}
	f := &format.File{Format: fmt.Sprintf("tensorflow-checkpoint-v%d", b.Version), Tensors: tensorsOf(b)}
	f.Hold(b)
	names, err := objects(f, b)
	if err != nil {
		f.Close()
		return nil, err
	}
	if names != nil {
		f.Format, f.Called = "tensorflow-checkpoint-tf2", names
	}
	if f.Slots == nil {
		f.Slots = rememberedByName(f)
	}
	if !exists(prefix + ".meta") {
		return f, nil
	}
	err = format.Inside(filepath.Dir(prefix), prefix+".meta")
	if err == nil {
		err = graphOf(f, prefix+".meta")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openMeta opens a graph that no checkpoint lies beside: there are no weights.
func openMeta(path string) (*format.File, error) {
	f := &format.File{Format: "tensorflow-graph"}
	f.Warnings = append(f.Warnings, "the checkpoint's .index and .data files do not lie beside the .meta file: there are no weights")
	if err := graphOf(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// graphOf adds the graph of the MetaGraphDef at a path to a file.
func graphOf(f *format.File, path string) error {
	raw, err := f.Map(path, maxFile)
	if err != nil {
		return err
	}
	m, err := parseMetaGraph(raw)
	if err != nil {
		return locate(path, err)
	}
	return describe(f, m, path)
}

// locate names the file of an error.
func locate(path string, err error) error {
	if e, ok := errors.AsType[*bundle.Error](err); ok {
		if e.Path == "" {
			e.Path = path
		}
		return err
	}
	if u, ok := errors.AsType[*unsupportedNode](err); ok {
		return &format.Unsupported{What: u.what, Msg: u.msg}
	}
	return err
}

// openGraph opens a frozen graph: its weights are constants.
func openGraph(path string) (*format.File, error) {
	p, err := format.NewProbe(path)
	if err != nil {
		return nil, err
	}
	f := &format.File{Format: "tensorflow-graph"}
	if protoOf(p) == isMetaGraph {
		err = graphOf(f, path)
	} else {
		err = frozen(f, path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// frozen adds a GraphDef to a file.
func frozen(f *format.File, path string) error {
	raw, err := f.Map(path, maxFile)
	if err != nil {
		return err
	}
	g, err := parseGraph(raw)
	if err != nil {
		return locate(path, err)
	}
	return describe(f, &metaGraph{graph: g}, path)
}

// maxRepeated is how many bytes constants may have beyond those in the file: one number
// stands for many, and a function that is called often has its constants each time.
const maxRepeated = 16 << 20

// constants lists the constants of a graph that may be weights. Those that repeat too much
// of what is there cannot be read.
func constants(g *graph) []format.Tensor {
	var out []format.Tensor
	repeated, known := 0, map[*byte]bool{}
	for _, n := range g.order {
		t, ok := constantTensor(n)
		if !ok {
			continue
		}
		c, _ := n.constant()
		room := 0
		if at := unsafe.SliceData(c.proto); !known[at] {
			known[at], room = true, len(c.proto)
		}
		if bytes := min(t.Shape.Len(), maxFile) * t.DType.Size(); bytes > room {
			repeated += bytes - room
		}
		if repeated > maxRepeated {
			t.Read = func() (*tensor.Tensor, error) {
				return nil, fmt.Errorf("tensor %q: the constants up to here repeat the same numbers so often that they take far more memory than the file has bytes", n.name)
			}
		}
		out = append(out, t)
	}
	return out
}

// constantTensor is a constant that may be a weight: a list of numbers.
func constantTensor(n *node) (format.Tensor, bool) {
	t, ok := numbersOf(n)
	return t, ok && len(t.Shape) > 0
}

// numbersOf is a constant of numbers, or of one.
func numbersOf(n *node) (format.Tensor, bool) {
	if n.op != "Const" {
		return format.Tensor{}, false
	}
	c, ok := n.constant()
	dt := bundle.DType(c.code)
	if !ok || dt == tensor.Invalid {
		return format.Tensor{}, false
	}
	t := format.Tensor{Name: n.name, DType: dt, Shape: c.shape, Read: func() (*tensor.Tensor, error) {
		x, err := c.read()
		if e, ok := errors.AsType[*bundle.Error](err); ok && e.Tensor == "" {
			e.Tensor = n.name
		}
		return x, err
	}}
	if size := len(c.content); !c.listed && dt != tensor.Bool && size%dt.Size() == 0 && size/dt.Size() == c.shape.Len() {
		t.Bands = func(size int, use func([]byte)) error {
			for piece := range slices.Chunk(c.content, size) {
				use(piece)
			}
			return nil
		}
	}
	return t, true
}
