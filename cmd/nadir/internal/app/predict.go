package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/csv"
	"github.com/nadir-ml/nadir/data/images"
	"github.com/nadir-ml/nadir/data/sets"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

func predictVerb(c *command) *cobra.Command {
	return &cobra.Command{
		Use:   "predict MODEL INPUT… [key=value …]",
		Short: "Predict for pictures, rows of a table, arrays, stdin",
		Long: `Predict for each INPUT: a PNG or JPEG picture, a folder of them, a table (CSV),
an array (.npy, .npz), or - for a table, an array or a picture from stdin. MODEL is
a saved model, the directory of a run, or a model of another framework; bare
weights want model=, the net that they are for.

Inputs are raw: pictures of another size are brought to the model's, and rows of a
table are encoded as those that the model was trained on, with or without the
label's column. A line is printed for each row; rows count from 0.

mc=100 predicts a hundred times with dropout at work, and prints the mean with its
deviation: what the model is unsure of spreads (Gal and Ghahramani 2016).`,
		Example: `  nadir predict runs/digits digit.png
  nadir predict runs/iris flowers.csv --json
  nadir predict model.safetensors x.npy
  nadir predict runs/digits digit.png mc=100
  echo '5.1,3.5,1.4,0.2' | nadir predict runs/iris -
  nadir predict model.safetensors photo.jpg input.mean=[0.485,0.456,0.406] input.std=[0.229,0.224,0.225]`,
		RunE: func(cmd *cobra.Command, args []string) error {
			targets, keys, err := words(cmd, args)
			if err != nil {
				return err
			}
			if len(targets) == 1 {
				return usage("predict wants an input beside the model: pictures, CSV or npy files, or - for stdin")
			}
			model := ""
			if len(targets) > 0 {
				model = targets[0]
			}
			return c.predict(cmd.Context(), model, targets[min(1, len(targets)):], keys)
		},
	}
}

func (c *command) predict(ctx context.Context, model string, inputs, keys []string) error {
	mc, keys, err := passes(keys)
	if err != nil {
		return err
	}
	if err := meant("predict", keys, sourceKeys("data.val", "data.test", "model", "model.*", "input", "input.*", "output.node", "precision", "threads")...); err != nil {
		return err
	}
	s, err := c.openSubject("predict", model, keys)
	if err != nil {
		return err
	}
	if err := s.fold(); err != nil {
		return err
	}
	in, err := c.newIntake(s)
	if err != nil {
		return err
	}
	if inputs, err = expand(inputs); err != nil {
		return err
	}
	if err := c.fitStandard(ctx, s, in); err != nil {
		return err
	}
	p := &predictor{command: c, subject: s, intake: in, mc: mc, nets: map[string]*train.Net{}, w: bufio.NewWriter(c.out.W)}
	defer p.Close()
	for _, input := range inputs {
		p.width = max(p.width, len([]rune(input)))
	}
	for _, input := range inputs {
		if err := p.input(ctx, input); err != nil {
			_ = p.w.Flush()
			return err
		}
	}
	return p.w.Flush()
}

// expand checks that all inputs are there and replaces folders by the pictures
// in them.
func expand(inputs []string) ([]string, error) {
	var out []string
	for _, path := range inputs {
		if path == "-" {
			if slices.Contains(out, "-") {
				return nil, usage("- stands for stdin, which can be read once")
			}
			out = append(out, path)
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, &data.Error{Path: path, Msg: "there is no such file or folder" + nearFiles(path)}
		}
		if !info.IsDir() {
			out = append(out, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, asData(err)
		}
		before := len(out)
		for _, e := range entries {
			switch strings.ToLower(filepath.Ext(e.Name())) {
			case ".png", ".jpg", ".jpeg":
				if !e.IsDir() {
					out = append(out, filepath.Join(path, e.Name()))
				}
			}
		}
		if len(out) == before {
			return nil, &data.Error{Path: path, Msg: "no .png or .jpg files stand in this folder; a folder with a folder a class is for nadir eval data=" + path}
		}
	}
	return out, nil
}

// fitStandard does what input.standardize=train asks for.
func (c *command) fitStandard(ctx context.Context, s *subject, in *intake) error {
	v, now := s.said("input", "standardize")
	at, other := s.said("data", "name")
	if !now && other {
		return &spec.Error{Pos: at.Pos, Path: "data", Msg: "data: predict takes its inputs as words; data= says what input.standardize=train is fitted to"}
	}
	if !now {
		return nil
	}
	if !other && s.run == "" {
		return usage("input.standardize=%s wants the data whose training part it is: data=", v.Text)
	}
	cfg, err := s.reading(other)
	if err != nil {
		return err
	}
	o := openOptions{table: s.table, labels: s.classified()}
	if !other {
		if o.within, err = s.home(); err != nil {
			return err
		}
	}
	d, err := c.openData(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer d.Close()
	rows, err := in.fit(d.train, nil)
	if err != nil {
		return s.about(err)
	}
	return in.standardize(ctx, rows)
}

// A predictor prints what a model makes of inputs.
type predictor struct {
	*command
	*subject
	*intake
	mc    int                   // passes with dropout at work, 0: one without
	nets  map[string]*train.Net // by the types of their inputs
	w     *bufio.Writer
	width int // of the inputs' names
}

func (p *predictor) Close() {
	for _, n := range p.nets {
		_ = n.Close()
	}
}

// input predicts for all rows of one input.
func (p *predictor) input(ctx context.Context, input string) error {
	if input == "-" { // the file that it is put into goes even if the user stops this
		p.orderly.Store(true)
		defer p.orderly.Store(false)
	}
	src, single, done, err := p.open(ctx, input)
	if err != nil {
		return named(input, err)
	}
	defer done()
	if src, err = p.intake.fit(src, nil); err != nil {
		return named(input, err)
	}
	net, err := p.netFor(src)
	if err != nil {
		return err
	}
	if !single {
		p.width = max(p.width, len([]rune(stdinName(input)))+len(strconv.Itoa(src.Len()-1))+2)
	}
	rows := p.watch(src, "predicting")
	defer rows.Close()
	at := 0
	for b, err := range data.Batches(rows, 256, data.Order{}) {
		if err != nil {
			return named(input, err)
		}
		x, _ := b.View()
		var out, std []*tensor.Tensor
		if p.mc > 0 {
			var s *train.Sampled
			if s, err = net.PredictSampled(ctx, p.mc, x...); err == nil {
				out, std = s.Mean, s.Std
			}
		} else {
			out, err = net.Predict(ctx, x...)
		}
		if err != nil {
			return noNoise(p.mc, err)
		}
		for i := range b.N {
			name := stdinName(input)
			if !single {
				name += "[" + strconv.Itoa(at) + "]"
			}
			at++
			if err := p.row(name, out, std, i); err != nil {
				return err
			}
		}
	}
	return nil
}

func stdinName(input string) string {
	if input == "-" {
		return "stdin"
	}
	return input
}

// named makes an error one of an input.
func named(input string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if e, ok := err.(*data.Error); ok && (e.Path == "" || input == "-") {
		e.Path = stdinName(input)
		return e
	}
	if is[*data.Error](err) || is[*usageError](err) || is[*fs.PathError](err) {
		return asData(err)
	}
	return &data.Error{Path: stdinName(input), Msg: err.Error()}
}

// noNoise says what mc= needs.
func noNoise(mc int, err error) error {
	if errors.Is(err, train.ErrNoNoise) {
		return usage("mc=%d: %v", mc, err)
	}
	return err
}

// netFor ties the model to rows of that schema.
func (p *predictor) netFor(src data.Source) (*train.Net, error) {
	schema := src.Schema()
	schema.Targets, schema.Classes = p.Data.Targets, p.Data.Classes
	key := fmt.Sprint(schema.Inputs)
	if n := p.nets[key]; n != nil {
		return n, nil
	}
	n, err := p.net(train.Config{Data: schema})
	if err == nil {
		p.nets[key] = n
	}
	return n, err
}

// open opens an input as rows; single says that it is one sample by itself.
func (p *predictor) open(ctx context.Context, input string) (src data.Source, single bool, done func(), err error) {
	path, head, remove, err := spool(ctx, input)
	if err != nil {
		return nil, false, nil, err
	}
	defer func() {
		if err != nil {
			remove()
		}
	}()
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG")), bytes.HasPrefix(head, []byte("\xff\xd8")):
		src, err = p.picture(path, stdinName(input))
		return src, true, remove, err
	case bytes.HasPrefix(head, []byte("\x93NUMPY")), bytes.HasPrefix(head, []byte("PK")):
		src, single, err = p.array(path)
		return src, single, remove, err
	case len(head) == 0:
		return nil, false, nil, &data.Error{Msg: "it is empty"}
	case bytes.ContainsRune(head, 0):
		return nil, false, nil, &data.Error{Msg: "neither a PNG or JPEG picture, nor a CSV file, nor a .npy or .npz array"}
	}
	if p.table == nil {
		src, err = p.numbers(path)
		return src, false, remove, err
	}
	t, err := csv.Open(path, csv.Options{Table: p.table})
	if err != nil {
		return nil, false, nil, err
	}
	for _, n := range t.Notes() {
		p.say("%s: %s", stdinName(input), n)
	}
	return t, false, func() { _ = t.Close(); remove() }, nil
}

// spool is the path of an input and how it begins. Stdin becomes a file, whose
// ending says what is in it.
func spool(ctx context.Context, input string) (path string, head []byte, done func(), err error) {
	if input != "-" {
		f, err := os.Open(input)
		if err != nil {
			return "", nil, nil, err
		}
		defer f.Close()
		head, err = beginning(f)
		return input, head, func() {}, err
	}
	dir, err := os.MkdirTemp("", "nadir-")
	if err != nil {
		return "", nil, nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	ended := make(chan struct{})
	var copyErr error
	go func() { // a terminal may say nothing for long
		defer close(ended)
		path, head, copyErr = keep(dir, os.Stdin)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		done()
		return "", nil, nil, ctx.Err()
	}
	if copyErr != nil {
		done()
		return "", nil, nil, copyErr
	}
	return path, head, done, nil
}

// beginning is the first bytes of r.
func beginning(r io.Reader) ([]byte, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// keep writes what r has to a file in dir.
func keep(dir string, r io.Reader) (path string, head []byte, err error) {
	if head, err = beginning(r); err != nil {
		return "", nil, err
	}
	ending := ".csv"
	switch {
	case bytes.HasPrefix(head, []byte("\x93NUMPY")):
		ending = ".npy"
	case bytes.HasPrefix(head, []byte("PK")):
		ending = ".npz"
	}
	path = filepath.Join(dir, "stdin"+ending)
	f, err := os.Create(path)
	if err != nil {
		return "", nil, err
	}
	_, err = io.Copy(f, io.MultiReader(bytes.NewReader(head), r))
	return path, head, errors.Join(err, f.Close())
}

// picture is a source of one row.
func (p *predictor) picture(path, name string) (data.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := images.Decode(f)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err == nil {
		if o := images.Orientation(f); o != 1 {
			p.say("%s: its metadata says that it is to be turned (Exif orientation %d): it is taken as it is stored", name, o)
		}
	}
	if len(p.own) == 1 {
		if g, ok := p.geometry(p.own[0].Shape); ok && (g.h != x.Shape()[0] || g.w != x.Shape()[1]) {
			p.say("%s: %d×%d pixels are brought to the model's %d×%d", name, x.Shape()[1], x.Shape()[0], g.w, g.h)
		}
	}
	field := data.Field{Name: "x", DType: tensor.Uint8, Shape: x.Shape()}
	if x, err = x.Reshape(append([]int{1}, x.Shape()...)...); err != nil {
		return nil, err
	}
	return data.FromTensors(data.Schema{Inputs: []data.Field{field}}, []*tensor.Tensor{x}, nil)
}

// array is the rows of a .npy or .npz file, or one sample that has the shape of
// the model's input.
func (p *predictor) array(path string) (data.Source, bool, error) {
	s, err := sets.OpenPath(path, sets.Options{})
	if err != nil {
		return nil, false, err
	}
	for _, n := range s.Notes {
		p.say("%s", n)
	}
	src := s.Train
	if s.Test != nil {
		p.say("%s: the test part is taken", path)
		src = s.Test
	}
	schema := src.Schema()
	if len(schema.Inputs) != 1 || len(p.own) != 1 {
		return src, false, nil
	}
	f, want := schema.Inputs[0], p.own[0].Shape
	whole := append(tensor.Shape{src.Len()}, f.Shape...)
	if !whole.Equal(want) && !(len(want) == 1 && whole.Equal(tensor.Shape{want[0], 1})) || f.Shape.Equal(want) {
		return src, false, nil
	}
	b := data.NewBatch(schema, src.Len())
	rows := make([]int32, src.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	if err := src.Read(b, rows); err != nil {
		return nil, false, err
	}
	x, err := b.X[0].Reshape(append([]int{1}, want...)...)
	if err != nil {
		return nil, false, err
	}
	f.Shape = want
	src, err = data.FromTensors(data.Schema{Inputs: []data.Field{f}}, []*tensor.Tensor{x}, nil)
	return src, true, err
}

// numbers reads rows of numbers for a model that was not trained on a table,
// each as long as a sample.
func (p *predictor) numbers(path string) (data.Source, error) {
	if len(p.own) != 1 {
		return nil, fmt.Errorf("the model takes %d inputs, %s; give them as a .npz archive of arrays with these names", len(p.own), fieldNames(p.own))
	}
	n := p.own[0].Shape.Len()
	t := &csv.Table{}
	for i := range n {
		t.Columns = append(t.Columns, csv.Column{Name: strconv.Itoa(i), Kind: csv.Number})
	}
	return csv.Open(path, csv.Options{Table: t})
}

// row prints what is predicted for one row.
func (p *predictor) row(name string, out, std []*tensor.Tensor, i int) error {
	var results []result
	for k, o := range out {
		r := p.result(k, o.Rows(i, i+1))
		if std != nil {
			r.spread(std[k].Rows(i, i+1))
		}
		results = append(results, r)
	}
	if p.json {
		line := object{{"input", name}}
		if len(results) == 1 {
			line = append(line, results[0].object()...)
		} else {
			each := object{}
			ports := p.outputs
			for k, r := range results {
				each = append(each, member{ports[k].Name, r.object()})
			}
			line = append(line, member{"outputs", each})
		}
		text, err := encode(line)
		if err == nil {
			_, err = p.w.Write(append(text, '\n'))
		}
		return err
	}
	fmt.Fprintf(p.w, "%-*s", p.width, printable(name))
	ports := p.outputs
	for k, r := range results {
		fmt.Fprint(p.w, "  ")
		if len(results) > 1 {
			fmt.Fprintf(p.w, "%s: ", ports[k].Name)
		}
		fmt.Fprint(p.w, r.text())
	}
	_, err := fmt.Fprintln(p.w)
	return err
}

// A result is one output for one row.
type result struct {
	classes []string // nil: numbers
	p       []float32
	probs   bool      // p adds up to 1
	std     []float32 // of p over the passes, or nil

	// Where a row has several places that are told apart, such as steps: what each is, and
	// the shape that they stand in. Then there is nothing else.
	each   []result
	places tensor.Shape
}

// spread adds the deviation of what was predicted.
func (r *result) spread(t *tensor.Tensor) {
	if r.each != nil {
		t, err := t.Reshape(len(r.each), t.Len()/len(r.each))
		for i := range r.each {
			if err == nil {
				r.each[i].spread(t.Rows(i, i+1))
			}
		}
		return
	}
	for i := range t.Len() {
		r.std = append(r.std, float32(t.Flat(i)))
	}
	if len(r.p) == 2 && len(r.std) == 1 { // no and yes
		r.std = append(r.std, r.std[0])
	}
}

// result reads output k, that of one row.
func (p *predictor) result(k int, t *tensor.Tensor) result {
	if s := t.Shape(); len(s) > 2 && s[len(s)-1] > 1 && k < len(p.Losses) && manyClasses(p.Losses[k].Loss) {
		r := result{places: s[1 : len(s)-1]}
		if t, err := t.Reshape(r.places.Len(), s[len(s)-1]); err == nil {
			for i := range r.places.Len() {
				r.each = append(r.each, p.one(k, t.Rows(i, i+1)))
			}
			return r
		}
	}
	return p.one(k, t)
}

// manyClasses reports whether a loss tells one of several classes.
func manyClasses(l loss.Loss) bool {
	switch l.(type) {
	case nil, loss.BinaryCrossEntropy, loss.BinaryFocal:
		return false
	}
	return train.Classifies(l)
}

// one reads output k at one place.
func (p *predictor) one(k int, t *tensor.Tensor) result {
	r := result{p: make([]float32, t.Len())}
	for i := range r.p {
		r.p[i] = float32(t.Flat(i))
	}
	if k >= len(p.Losses) {
		return r
	}
	l := p.Losses[k].Loss
	if _, ok := l.(loss.Predictor); !ok {
		if !p.Data.Classification() || len(r.p) != len(p.Data.Classes) {
			return r
		}
	} else {
		r.probs = true
	}
	r.classes = p.Data.Classes
	if r.probs && len(r.p) == 1 {
		r.p = []float32{1 - r.p[0], r.p[0]}
	}
	if len(r.classes) != len(r.p) {
		r.classes = make([]string, len(r.p))
		for i := range r.classes {
			r.classes[i] = strconv.Itoa(i)
		}
	}
	return r
}

// order is the two likeliest classes.
func (r result) order() (best, second int) {
	second = -1
	for i, v := range r.p {
		switch {
		case i == 0:
		case v > r.p[best]:
			best, second = i, best
		case second < 0 || v > r.p[second]:
			second = i
		}
	}
	return best, second
}

func (r result) object() object {
	if r.each != nil {
		return r.objectOfPlaces()
	}
	finite := func(vs []float32) []any {
		values := make([]any, len(vs))
		for i, v := range vs {
			if values[i] = v; v-v != 0 {
				values[i] = nil
			}
		}
		return values
	}
	var o object
	key := "output"
	if r.classes != nil {
		best, _ := r.order()
		o = object{{"label", r.classes[best]}}
		if r.probs {
			key = "p"
		}
	}
	o = append(o, member{key, finite(r.p)})
	if r.std != nil {
		o = append(o, member{"std", finite(r.std)})
	}
	return o
}

// objectOfPlaces has the members of each place's, nested as the places are.
func (r result) objectOfPlaces() object {
	var o object
	for m, first := range r.each[0].object() {
		values := make([]any, len(r.each))
		for i := range r.each {
			values[i] = r.each[i].object()[m].value
		}
		for a := len(r.places) - 1; a > 0; a-- {
			values = slices.Collect(func(yield func(any) bool) {
				for part := range slices.Chunk(values, r.places[a]) {
					if !yield(part) {
						return
					}
				}
			})
		}
		o = append(o, member{first.key, values})
	}
	return o
}

// textOfPlaces is the likeliest class at each.
func (r result) textOfPlaces() string {
	var words []string
	for i, e := range r.each {
		if i == shownNumbers {
			words = append(words, fmt.Sprintf("… (%d)", len(r.each)))
			break
		}
		best, _ := e.order()
		word := measure(float64(e.p[best]))
		if e.probs {
			word = fmt.Sprintf("%.0f %%", 100*e.p[best])
		}
		switch {
		case e.std != nil && e.probs:
			word += fmt.Sprintf(" ± %.0f", 100*e.std[best])
		case e.std != nil:
			word += " ± " + measure(float64(e.std[best]))
		}
		if e.classes != nil {
			word = printable(short(e.classes[best], 24)) + " " + word
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// The most numbers of a row that are printed for people.
const shownNumbers = 12

func (r result) text() string {
	if r.each != nil {
		return r.textOfPlaces()
	}
	if r.classes == nil {
		var words []string
		for i, v := range r.p {
			if i == shownNumbers {
				words = append(words, fmt.Sprintf("… (%d)", len(r.p)))
				break
			}
			word := measure(float64(v))
			if r.std != nil {
				word += " ± " + measure(float64(r.std[i]))
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	width := 0
	for _, name := range r.classes {
		width = max(width, len([]rune(short(name, 24))))
	}
	best, second := r.order()
	show := func(i int) string {
		v := measure(float64(r.p[i]))
		if r.probs {
			v = fmt.Sprintf("%5.1f %%", 100*r.p[i])
		}
		switch {
		case r.std != nil && r.probs:
			v += fmt.Sprintf(" ± %4.1f", 100*r.std[i])
		case r.std != nil:
			v += " ± " + measure(float64(r.std[i]))
		}
		return fmt.Sprintf("%-*s  %s", width, printable(short(r.classes[i], 24)), v)
	}
	if second < 0 {
		return show(best)
	}
	return show(best) + "   then " + show(second)
}
