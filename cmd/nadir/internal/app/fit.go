package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/format"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

// An intake turns rows of data into what a model takes: pictures of its size
// and channels, numbers as input.* says.
type intake struct {
	own     []data.Field // the model's inputs, as it was trained
	scaled  bool         // the model has preprocessing of its own
	tabular bool         // it takes rows of a table
	layout  string       // of the model's pictures, "" where unknown
	size    []int        // of the model's pictures, where its input does not say
	bgr     bool         // the model's pictures are blue, green, red
	// x·scale, then (x − mean)/std; one number, one a channel, or one a feature.
	scale     float64 // 0: not said
	mean, std []float64
	note      func(string)
	noted     map[string]bool
}

// newIntake reads the input.* keys.
func (c *command) newIntake(s *subject) (*intake, error) {
	in := &intake{own: s.Data.Inputs, tabular: s.table != nil, scaled: s.prepared(), note: c.note, noted: map[string]bool{}}
	if _, ok := s.said("input", "layout"); ok {
		in.layout = s.cfg.Input.Layout
	}
	if _, ok := s.said("input", "channels"); ok {
		in.bgr = s.cfg.Input.Channels == "bgr"
	}
	in.size = s.cfg.Input.Size
	if len(in.size) == 1 {
		in.size = []int{in.size[0], in.size[0]}
	}
	if len(in.size) > 2 {
		return nil, usage("input.size: want height and width, such as 32x32, found %s", tensor.Shape(in.size).Times())
	}
	if v, ok := s.said("input", "scale"); ok {
		var r nn.Ratio
		if err := spec.Decode(v, &r); err != nil {
			return nil, err
		}
		if r == 0 {
			return nil, &spec.Error{Pos: v.Pos, Path: "input.scale", Msg: "input.scale: want a number other than 0"}
		}
		in.scale = float64(r)
	}
	for _, f := range []struct {
		key string
		dst *[]float64
	}{{"mean", &in.mean}, {"std", &in.std}} {
		v, ok := s.said("input", f.key)
		if !ok {
			continue
		}
		if f.key == "mean" && namesFile(v) {
			var err error
			if in.mean, err = in.meanImage(v.Text); err != nil {
				return nil, err
			}
			continue
		}
		if v.Kind != spec.List {
			v = spec.Value{Kind: spec.List, Pos: v.Pos, Items: []spec.Value{v}}
		}
		if err := spec.Decode(v, f.dst); err != nil {
			return nil, err
		}
		if f.key == "std" && slices.Contains(*f.dst, 0) || len(*f.dst) == 0 {
			return nil, &spec.Error{Pos: v.Pos, Path: "input." + f.key, Msg: "input." + f.key + ": want a number other than 0, or a list of them, one a channel"}
		}
	}
	if slices.ContainsFunc(in.mean, func(m float64) bool { return m > 1 || m < -1 }) && in.scale == 0 && !in.scaled && len(in.own) == 1 && len(in.own[0].Shape) > 1 {
		c.note("input.mean has numbers above 1, as of pictures whose values go to 255: those want input.scale=1, without which 8-bit pictures are scaled by 1/255 first")
	}
	_, standard := s.said("input", "standardize")
	if in.scaled && (in.scale != 0 || in.mean != nil || in.std != nil || standard) {
		c.note("input.* is applied before the preprocessing that the model has of its own")
	}
	return in, nil
}

// say tells the user something once.
func (in *intake) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !in.noted[text] {
		in.noted[text] = true
		in.note(text)
	}
}

// picture is the size that pictures are to be brought to, where it is known.
func (in *intake) picture() []int {
	if len(in.size) > 0 {
		return in.size
	}
	if len(in.own) == 1 {
		if g, ok := in.geometry(in.own[0].Shape); ok {
			return []int{g.h, g.w}
		}
	}
	return nil
}

// A geometry is a sample's shape as a picture.
type geometry struct {
	h, w, c int
	planes  bool // channels come first
}

// geometry is how a sample of the model's shape stands as a picture. A vector
// is one of a square picture unless size says otherwise.
func (in *intake) geometry(s tensor.Shape) (geometry, bool) {
	planes := in.layout == "nchw"
	switch {
	case len(s) == 2:
		return geometry{h: s[0], w: s[1], c: 1}, true
	case len(s) == 3 && planes, len(s) == 3 && in.layout == "" && few(s[0]) && !few(s[2]):
		return geometry{s[1], s[2], s[0], true}, few(s[0])
	case len(s) == 3:
		return geometry{h: s[0], w: s[1], c: s[2]}, few(s[2])
	case len(s) != 1 || in.tabular:
		return geometry{}, false
	}
	for _, c := range []int{1, 3} {
		side := int(math.Sqrt(float64(s[0] / c)))
		g := geometry{side, side, c, planes}
		if len(in.size) > 0 {
			g.h, g.w = in.size[0], in.size[1]
		}
		if g.h*g.w*c == s[0] && (len(in.size) > 0 || side >= leastSide) {
			return g, true
		}
	}
	return geometry{}, false
}

// leastSide is the smallest square that a vector is taken for without being
// told.
const leastSide = 8

func few(channels int) bool { return channels == 1 || channels == 3 }

// A turn makes one input of a row.
type turn struct {
	have, want data.Field // want's type is what the model is given
	from, to   geometry
	picture    bool
	bgr        bool // channels in the other order
	scale      float64
	mean, std  []float64
}

// same reports whether there is nothing to do.
func (t *turn) same() bool {
	return t.have.DType == t.want.DType && t.have.Shape.Equal(t.want.Shape) && !t.picture && t.plain()
}

// plain reports whether the numbers stay what they are.
func (t *turn) plain() bool { return t.scale == 1 && t.mean == nil && t.std == nil }

// turn finds what makes rows of have ones of the model's input i. sample is
// some rows, or nil.
func (in *intake) turn(i int, have data.Field, sample *tensor.Tensor) (*turn, error) {
	own := in.own[i]
	t := &turn{have: have, want: data.Field{Name: own.Name, Shape: own.Shape, DType: have.DType}, scale: 1, mean: in.mean, std: in.std}
	if have.DType != tensor.Uint8 && have.DType != tensor.Float32 {
		t.want.DType = tensor.Float32
	}
	from, pictureIn := (&intake{}).geometry(have.Shape)
	to, pictureOut := in.geometry(own.Shape)
	pictureIn = pictureIn && len(have.Shape) > 1
	t.from, t.to, t.bgr = from, to, in.bgr
	switch {
	case in.bgr && (!pictureOut || to.c != 3):
		return nil, usage("input.channels=bgr: is for pictures of three channels, the model takes %s", shapeText(own.Shape))
	case in.bgr && !pictureIn:
		return nil, usage("input.channels=bgr: is for pictures, the samples have shape %s", shapeText(have.Shape))
	case have.Shape.Equal(own.Shape) && (in.layout == "" || from == to) && !in.bgr:
	case pictureIn && pictureOut:
		t.picture = true
		if (from.h != to.h || from.w != to.w) && have.DType != tensor.Uint8 {
			return nil, fmt.Errorf("samples of shape %v hold pictures of %d×%d, the model takes %d×%d; only 8-bit pictures are resized", have.Shape, from.w, from.h, to.w, to.h)
		}
	case have.Shape.Len() != own.Shape.Len():
		hint := ""
		if pictureIn && len(own.Shape) == 1 && !in.tabular {
			hint = "; input.size=HxW says what picture that is"
		}
		return nil, fmt.Errorf("samples of shape %s, but the model takes %s%s", shapeText(have.Shape), shapeText(own.Shape), hint)
	}
	bytes := have.DType == tensor.Uint8
	switch {
	case in.scale != 0:
		t.scale = in.scale
	case in.tabular:
	case bytes && own.DType != tensor.Uint8 && !in.scaled:
		t.scale = 1.0 / 255
		in.say("8-bit values and a model without preprocessing: input.scale=1/255 is put in front of it")
	case !bytes && own.DType == tensor.Uint8 && unit(sample):
		t.scale = 255
		in.say("the model was trained on 8-bit values, these lie between 0 and 1: they are multiplied by 255; input.scale=1 keeps them")
	}
	if !t.plain() {
		t.want.DType = tensor.Float32
	}
	return t, in.counted(own.Shape)
}

// counted refuses lists of means and deviations that are of another model.
func (in *intake) counted(own tensor.Shape) error {
	channels := 1
	if g, ok := in.geometry(own); ok {
		channels = g.c
	} else if n := len(own); n > 0 {
		channels = own[n-1]
	}
	for _, f := range []struct {
		key string
		v   []float64
	}{{"mean", in.mean}, {"std", in.std}} {
		if n := len(f.v); n > 1 && n != channels && n != own.Len() {
			return usage("input.%s: want one number, one a channel (%d) or one an element (%d), found %d", f.key, channels, own.Len(), n)
		}
	}
	return nil
}

// unit reports whether all values lie between 0 and 1, some above 0 and not
// all at its ends.
func unit(sample *tensor.Tensor) bool {
	if sample == nil {
		return false
	}
	top, between := 0.0, false
	for i := range sample.Len() {
		v := sample.Flat(i)
		if !(v >= 0 && v <= 1) {
			return false
		}
		top = max(top, v)
		between = between || v > 0 && v < 1
	}
	return top > 0 && between
}

func shapeText(s tensor.Shape) string {
	if len(s) == 0 {
		return "one number"
	}
	return s.Times()
}

// apply writes row i of src as row i of dst. row is room for its elements.
func (t *turn) apply(dst, src *tensor.Tensor, i int, row []float32) error {
	x := src.Rows(i, i+1)
	if t.picture {
		if err := t.draw(row, x); err != nil {
			return err
		}
	} else {
		load(row, x)
	}
	if !t.plain() {
		for k, v := range row {
			f := float64(v) * t.scale
			if t.mean != nil {
				f -= t.mean[t.index(len(t.mean), k)]
			}
			if t.std != nil {
				f /= t.std[t.index(len(t.std), k)]
			}
			row[k] = float32(f)
		}
	}
	y := dst.Rows(i, i+1)
	if y.DType() == tensor.Float32 {
		copy(y.Float32s(), row)
		return nil
	}
	for k, v := range row {
		y.Uint8s()[k] = uint8(v + 0.5)
	}
	return nil
}

// index is the place of element k's number among n: one for all, one a
// channel, or one a feature.
func (t *turn) index(n, k int) int {
	switch {
	case n == 1:
		return 0
	case n < t.want.Shape.Len() && t.to.planes:
		return k / (t.to.h * t.to.w)
	}
	return k % n
}

func load(dst []float32, x *tensor.Tensor) {
	switch x.DType() {
	case tensor.Uint8:
		for k, v := range x.Uint8s() {
			dst[k] = float32(v)
		}
	case tensor.Float32:
		copy(dst, x.Float32s())
	default:
		for k := range dst {
			dst[k] = float32(x.Flat(k))
		}
	}
}

// draw brings a picture to the size, channels and layout of the model. Bytes are
// those of Pillow: first convert("L") where the model takes shades, then resize.
func (t *turn) draw(row []float32, x *tensor.Tensor) error {
	from, to := t.from, t.to
	if x.DType() == tensor.Uint8 && !from.planes {
		r, err := x.Reshape(from.h, from.w, from.c)
		if err == nil && to.c == 1 && from.c == 3 {
			r, err = images.Gray(r)
			from.c = 1
		}
		if err == nil && (from.h != to.h || from.w != to.w) {
			r, err = images.Resize(r, to.h, to.w)
		}
		if err != nil {
			return err
		}
		x = r
	} else if from.h != to.h || from.w != to.w {
		return fmt.Errorf("pictures with channels first are not resized; they have %d×%d pixels, the model takes %d×%d", from.w, from.h, to.w, to.h)
	}
	n := to.h * to.w
	raw := make([]float32, n*from.c)
	load(raw, x)
	at := func(p, ch int) float32 {
		if from.planes {
			return raw[ch*n+p]
		}
		return raw[p*from.c+ch]
	}
	for p := range n {
		for ch := range to.c {
			k := ch
			if t.bgr {
				k = to.c - 1 - ch
			}
			var v float32
			switch {
			case from.c == to.c:
				v = at(p, k)
			case from.c == 1:
				v = at(p, 0)
			default: // luma of ITU-R BT.601
				v = 0.299*at(p, 0) + 0.587*at(p, 1) + 0.114*at(p, 2)
			}
			if to.planes {
				row[ch*n+p] = v
			} else {
				row[p*to.c+ch] = v
			}
		}
	}
	return nil
}

// A fitted source is one whose rows are what a model takes.
type fitted struct {
	data.Source
	schema data.Schema
	from   []int // of each input: the source's
	turns  []*turn
	class  []int32   // new number of each class, or nil
	spare  sync.Pool // *stock
}

// A stock is the buffers of one read.
type stock struct {
	batch *data.Batch
	row   []float32
}

// stock is buffers for n rows.
func (f *fitted) stock(n int) *stock {
	if s, ok := f.spare.Get().(*stock); ok && s.batch.X[0].Shape()[0] >= n {
		return s
	}
	size := 0
	for _, t := range f.turns {
		size = max(size, t.want.Shape.Len())
	}
	return &stock{data.NewBatch(f.Source.Schema(), n), make([]float32, size)}
}

// fit makes rows of src ones of the model. The classes of the model stand in
// the schema where the source has some.
func (in *intake) fit(src data.Source, classes []string) (data.Source, error) {
	have := src.Schema()
	f := &fitted{Source: src, schema: data.Schema{Targets: have.Targets, Classes: have.Classes}}
	if len(have.Inputs) != len(in.own) && len(in.own) == 1 {
		return nil, fmt.Errorf("the data has %d inputs (%s), the model one", len(have.Inputs), fieldNames(have.Inputs))
	}
	sample := data.NewBatch(have, min(src.Len(), 256))
	rows := make([]int32, min(src.Len(), 256))
	for i := range rows {
		rows[i] = int32(i)
	}
	if err := src.Read(sample, rows); err != nil {
		return nil, err
	}
	for i, own := range in.own {
		at := slices.IndexFunc(have.Inputs, func(f data.Field) bool { return f.Name == own.Name })
		if at < 0 && len(have.Inputs) == 1 && len(in.own) == 1 {
			at = 0
		}
		if at < 0 {
			return nil, fmt.Errorf("the model takes %q; the data has %s", own.Name, fieldNames(have.Inputs))
		}
		t, err := in.turn(i, have.Inputs[at], sample.X[at])
		if err != nil {
			return nil, err
		}
		f.from, f.turns = append(f.from, at), append(f.turns, t)
		f.schema.Inputs = append(f.schema.Inputs, t.want)
	}
	if len(classes) > 0 && len(have.Classes) > 0 {
		var err error
		if f.class, err = in.renumber(classes, have.Classes); err != nil {
			return nil, err
		}
		f.schema.Classes = classes
	}
	return f, nil
}

func fieldNames(fs []data.Field) string {
	var names []string
	for _, f := range fs {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// renumber finds the model's number for each class of the data; nil where they
// are the same.
func (in *intake) renumber(model, have []string) ([]int32, error) {
	if slices.Equal(model, have) {
		return nil, nil
	}
	out := make([]int32, len(have))
	known := 0
	for i, name := range have {
		out[i] = int32(slices.Index(model, name))
		if out[i] >= 0 {
			known++
		}
	}
	switch {
	case known == len(have):
		return out, nil
	case len(model) == len(have):
		in.say("the model calls its classes %s, the data %s: they are taken in this order", some(model), some(have))
		return nil, nil
	case known == len(model):
		var keep []string
		for _, name := range model {
			keep = append(keep, fmt.Sprint(slices.Index(have, name)))
		}
		return nil, fmt.Errorf("the data has %d classes, of which the model knows %d; keep those with data.classes=%s", len(have), known, strings.Join(keep, ","))
	}
	return nil, fmt.Errorf("the data has the classes %s, the model %s; choose with data.classes=, such as data.classes=0-4", some(have), some(model))
}

// some is the first of a list of names, in words.
func some(names []string) string {
	return strings.Join(format.Few(names, 4), ", ")
}

func (f *fitted) Schema() data.Schema { return f.schema }

// Read reads rows of the source and turns them.
func (f *fitted) Read(dst *data.Batch, idx []int32) error {
	if err := dst.Start(idx); err != nil {
		return err
	}
	held := f.stock(len(idx))
	defer f.spare.Put(held)
	b := held.batch
	if err := f.Source.Read(b, idx); err != nil {
		return err
	}
	for k, t := range f.turns {
		x := b.X[f.from[k]]
		if t.same() {
			if err := dst.X[k].Rows(0, b.N).CopyFrom(x.Rows(0, b.N)); err != nil {
				return err
			}
			continue
		}
		row := held.row[:t.want.Shape.Len()]
		for i := range b.N {
			if err := t.apply(dst.X[k], x, i, row); err != nil {
				return err
			}
		}
	}
	for k, y := range b.Y {
		if err := dst.Y[k].Rows(0, b.N).CopyFrom(y.Rows(0, b.N)); err != nil {
			return err
		}
	}
	if f.class != nil {
		labels := dst.Y[0].Rows(0, b.N).Int32s()
		for i, c := range labels {
			labels[i] = f.class[c]
		}
	}
	if b.Weight != nil {
		copy(dst.Weigh(), b.Weight)
	}
	return nil
}

// standardize sets mean and std to those of each feature of src, whose rows
// are fitted already: the population's, with 1e-10 added to the deviation.
func (in *intake) standardize(ctx context.Context, src data.Source) error {
	if len(in.own) != 1 {
		return usage("input.standardize: the model has several inputs")
	}
	n := in.own[0].Shape.Len()
	mean, square := make([]float64, n), make([]float64, n)
	rows := 0.0
	for b, err := range data.Batches(src, 256, data.Order{}) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range b.N {
			rows++
			for k := range n {
				v := b.X[0].Flat(i*n + k)
				d := v - mean[k]
				mean[k] += d / rows
				square[k] += d * (v - mean[k])
			}
		}
	}
	for k := range square {
		square[k] = math.Sqrt(square[k]/rows) + 1e-10
	}
	in.mean, in.std = mean, square
	return nil
}
