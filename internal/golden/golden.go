// Package golden reads reference values computed by other frameworks and
// compares results with them.
//
// A [File] is one topic and holds cases. A [Case] is one computation: its
// hyperparameters, inputs and expected results, and the tolerance that an
// implementation is held to. Inputs and results are trees of [Value].
package golden

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nadir-ml/nadir/internal/shared"
)

// A File is one topic's cases.
type File struct {
	Topic  string
	Common *Value
	Cases  []*Case
}

// A Case is one computation of a reference framework.
type Case struct {
	Name    string
	Op      string // what is computed: cases with one Op have one meaning
	Source  string // framework, version and function
	DType   string // precision of the values, such as "float64"
	Formula string
	Note    string
	Hyper   map[string]any // hyperparameters under the source's own names
	Inputs  *Value
	// Expected holds the results to be reproduced.
	Expected *Value
	Tol      map[string]map[string]any
}

// Load reads a topic, such as "losses". It skips the test where the golden
// values are absent.
func Load(t testing.TB, topic string) *File {
	t.Helper()
	name := topic + ".json"
	if topic == "traces" {
		name += ".gz"
	}
	path := shared.File(t, "golden", name)
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatalf("golden: %s: %v", path, err)
		}
	}
	file, err := read(r)
	if err != nil {
		t.Fatalf("golden: %s: %v", path, err)
	}
	return file
}

func read(r io.Reader) (*File, error) {
	var doc struct {
		Schema string
		File
	}
	if err := json.NewDecoder(r).Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Schema != "nadir-golden/1" {
		return nil, fmt.Errorf("schema is %q, want nadir-golden/1", doc.Schema)
	}
	byName := map[string]*Case{}
	for _, c := range doc.Cases {
		if byName[c.Name] != nil {
			return nil, fmt.Errorf("two cases are named %q", c.Name)
		}
		byName[c.Name] = c
	}
	for _, c := range doc.Cases {
		if other := c.Inputs.At("same_as"); other != nil {
			if byName[other.Text] == nil {
				return nil, fmt.Errorf("case %q has the inputs of %q, which is not there", c.Name, other.Text)
			}
			c.Inputs = byName[other.Text].Inputs
		}
		for _, v := range []**Value{&c.Inputs, &c.Expected} {
			if err := resolve(v, doc.Common); err != nil {
				return nil, fmt.Errorf("case %q: %w", c.Name, err)
			}
		}
	}
	return &doc.File, nil
}

// resolve replaces every {"ref": name} by the common entry of that name.
func resolve(v **Value, common *Value) error {
	if *v == nil {
		return nil
	}
	if ref := (*v).At("ref"); ref != nil {
		if *v = common.At(ref.Text); *v == nil {
			return fmt.Errorf("common has no entry %q", ref.Text)
		}
		return nil
	}
	for name, member := range (*v).members {
		if err := resolve(&member, common); err != nil {
			return err
		}
		(*v).members[name] = member
	}
	return nil
}

// Case is the case of that name; there being none fails the test.
func (f *File) Case(t testing.TB, name string) *Case {
	t.Helper()
	for _, c := range f.Cases {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("golden: %s has no case %q", f.Topic, name)
	return nil
}

// Of is every case that computes op, in the file's order.
func (f *File) Of(op string) []*Case {
	var cases []*Case
	for _, c := range f.Cases {
		if c.Op == op {
			cases = append(cases, c)
		}
	}
	return cases
}

// Number is the hyperparameter of the first of the given names that is set,
// or otherwise. Truth values count as 0 and 1.
func (c *Case) Number(otherwise float64, names ...string) float64 {
	for _, name := range names {
		switch v := c.Hyper[name].(type) {
		case float64:
			return v
		case bool:
			if v {
				return 1
			}
			return 0
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				return f
			}
		}
	}
	return otherwise
}

// Text is the hyperparameter of that name where it is a text, else "".
func (c *Case) Text(name string) string {
	s, _ := c.Hyper[name].(string)
	return s
}

// Input is the tensor or number at a path of the inputs; there being none
// fails the test.
func (c *Case) Input(t testing.TB, path ...string) *Value {
	t.Helper()
	return c.leaf(t, "inputs", c.Inputs, path)
}

// Want is the tensor or number at a path of the expected results; there being
// none fails the test.
func (c *Case) Want(t testing.TB, path ...string) *Value {
	t.Helper()
	return c.leaf(t, "expected", c.Expected, path)
}

func (c *Case) leaf(t testing.TB, part string, v *Value, path []string) *Value {
	t.Helper()
	v = v.At(path...)
	if v == nil || v.Data == nil {
		t.Fatalf("golden: %s: no tensor or number at %s.%s", c.Name, part, strings.Join(path, "."))
	}
	return v
}

// Tolerance is how far a result computed with 32 or 64 bits may lie from the
// expected one: |got − want| ≤ abs + rel·|want|. ok is false where the case is
// not to be compared in that precision, or by statistics alone.
func (c *Case) Tolerance(precision int) (rel, abs float64, ok bool) {
	tol := c.Tol["f"+strconv.Itoa(precision)]
	rel, isRel := tol["rel"].(float64)
	abs, isAbs := tol["abs"].(float64)
	return rel, abs, isRel && isAbs
}

// Check compares a result in row-major order, computed with 32 or 64 bits, with
// the expected one at the path. Where the case is not to be compared in that
// precision it does nothing.
func (c *Case) Check(t testing.TB, precision int, got []float64, path ...string) {
	t.Helper()
	want := c.Want(t, path...)
	rel, abs, ok := c.Tolerance(precision)
	if !ok {
		return
	}
	if err := Compare(got, want, rel, abs); err != nil {
		t.Errorf("golden: %s: %s (float%d): %v", c.Name, strings.Join(path, "."), precision, err)
	}
}

// Compare says where got lies further from want than abs + rel·|want|, and how
// far at worst. NaN equals NaN and an infinity equals itself.
func Compare(got []float64, want *Value, rel, abs float64) error {
	if len(got) != len(want.Data) {
		return fmt.Errorf("%d numbers, want %d (shape %v)", len(got), len(want.Data), want.Shape)
	}
	wrong, worst, at := 0, -1.0, 0
	for i, w := range want.Data {
		g := got[i]
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		excess := math.Abs(g-w) / (abs + rel*math.Abs(w))
		if excess <= 1 && !math.IsInf(w, 0) {
			continue
		}
		wrong++
		if math.IsNaN(excess) {
			excess = math.Inf(1)
		}
		if excess > worst {
			worst, at = excess, i
		}
	}
	if wrong == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d numbers differ; worst at %v: got %.17g, want %.17g, %.3g times the tolerance (rel %g, abs %g)",
		wrong, len(got), want.index(at), got[at], want.Data[at], worst, rel, abs)
}

// A Value is a tensor, a number (a tensor of shape []), a text, or an object
// of named values.
type Value struct {
	Shape []int
	Data  []float64 // row-major; nil for a text and an object
	Text  string
	Names []string // of an object's members, in the file's order

	members map[string]*Value
}

// At is the value that a path of names leads to, or nil.
func (v *Value) At(path ...string) *Value {
	for _, name := range path {
		if v == nil {
			return nil
		}
		v = v.members[name]
	}
	return v
}

// Float32s is the data rounded to 32 bits.
func (v *Value) Float32s() []float32 {
	out := make([]float32, len(v.Data))
	for i, x := range v.Data {
		out[i] = float32(x)
	}
	return out
}

// Int32s is the data as integers.
func (v *Value) Int32s() []int32 {
	out := make([]int32, len(v.Data))
	for i, x := range v.Data {
		out[i] = int32(x)
	}
	return out
}

func (v *Value) index(flat int) []int {
	index := make([]int, len(v.Shape))
	for a := len(index) - 1; a >= 0; a-- {
		index[a], flat = flat%v.Shape[a], flat/v.Shape[a]
	}
	return index
}

// UnmarshalJSON reads a tensor, number, text or object.
func (v *Value) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '{':
		return v.object(text)
	case '"':
		if err := json.Unmarshal(text, &v.Text); err != nil {
			return err
		}
		if f, ok := special(v.Text); ok {
			v.Shape, v.Data, v.Text = []int{}, []float64{f}, ""
		}
		return nil
	default:
		v.Shape, v.Data = []int{}, make([]float64, 1)
		return json.Unmarshal(text, &v.Data[0])
	}
}

func (v *Value) object(text []byte) error {
	var tensor struct {
		Shape []int
		Data  json.RawMessage
	}
	if bytes.HasPrefix(text, []byte(`{"shape":`)) {
		if err := json.Unmarshal(text, &tensor); err != nil {
			return err
		}
		data, err := numbers(tensor.Data)
		if err != nil {
			return err
		}
		n := 1
		for _, d := range tensor.Shape {
			n *= d
		}
		if n != len(data) {
			return fmt.Errorf("%d numbers do not fill shape %v", len(data), tensor.Shape)
		}
		v.Shape, v.Data = tensor.Shape, data
		return nil
	}
	v.members = map[string]*Value{}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		member := new(Value)
		if err := dec.Decode(member); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
		name := key.(string)
		v.Names = append(v.Names, name)
		v.members[name] = member
	}
	return nil
}

func numbers(text []byte) ([]float64, error) {
	if !bytes.ContainsRune(text, '"') {
		data := []float64{}
		return data, json.Unmarshal(text, &data)
	}
	var mixed []any
	if err := json.Unmarshal(text, &mixed); err != nil {
		return nil, err
	}
	data := make([]float64, len(mixed))
	for i, m := range mixed {
		f, ok := m.(float64)
		if s, isText := m.(string); isText {
			f, ok = special(s)
		}
		if !ok {
			return nil, fmt.Errorf("%v is no number", m)
		}
		data[i] = f
	}
	return data, nil
}

// special reads the numbers that JSON cannot write.
func special(text string) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "+Inf":
		return math.Inf(1), true
	case "-Inf":
		return math.Inf(-1), true
	}
	return 0, false
}
