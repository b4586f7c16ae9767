package hdf5

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nadir-ml/nadir/tensor"
	"pgregory.net/rapid"
)

// written is a tree as a file, opened.
func written(t interface {
	Helper()
	Fatal(...any)
}, root *Node) (*File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, root); err != nil {
		t.Fatal(err)
	}
	f, err := NewFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f, b.Bytes()
}

// expected is what describe says of a written tree.
func expected(n *Node, path string, out map[string]described) map[string]described {
	d := described{Attrs: map[string]value{}}
	for _, a := range n.Attrs {
		switch v := a.Value.(type) {
		case string:
			d.Attrs[a.Name] = ofText(nil, []string{v})
		case []string:
			d.Attrs[a.Name] = ofText(tensor.Shape{len(v)}, v)
		case Fixed:
			d.Attrs[a.Name] = ofText(tensor.Shape{len(v)}, v)
		case *tensor.Tensor:
			d.Attrs[a.Name] = ofTensor(v)
		}
	}
	if n.Tensor != nil {
		v := ofTensor(n.Tensor)
		d.Data = &v
	}
	if path == "" {
		out["/"] = d
	} else {
		out[path] = d
	}
	for _, c := range n.Children {
		expected(c, path+"/"+c.Name, out)
	}
	return out
}

func tensors() *rapid.Generator[*tensor.Tensor] {
	return rapid.Custom(func(t *rapid.T) *tensor.Tensor {
		dt := rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int8, tensor.Int16,
			tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64, tensor.Bool}).Draw(t, "dtype")
		x := tensor.New(dt, rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")...)
		for i := range x.Bytes() {
			x.Bytes()[i] = rapid.Byte().Draw(t, "byte")
			if dt == tensor.Bool {
				x.Bytes()[i] &= 1
			}
		}
		return x
	})
}

func nodes(depth int) *rapid.Generator[*Node] {
	return rapid.Custom(func(t *rapid.T) *Node {
		n := &Node{}
		text := rapid.StringMatching(`[a-zü ]{0,9}`)
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-cß]{1,3}`), 0, 4, rapid.ID).Draw(t, "attrs") {
			n.Set(name, rapid.OneOf(
				rapid.Map(text, func(s string) any { return s }),
				rapid.Map(rapid.SliceOfN(text, 0, 4), func(s []string) any { return s }),
				rapid.Map(rapid.SliceOfN(text, 0, 4), func(s []string) any { return Fixed(s) }),
				rapid.Map(tensors(), func(x *tensor.Tensor) any { return x }),
			).Draw(t, "value"))
		}
		if depth < 3 && rapid.Bool().Draw(t, "dataset") {
			n.Tensor = tensors().Draw(t, "tensor")
			return n
		}
		if depth > 0 {
			for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c:0.]{1,2}ü?`).Filter(func(s string) bool { return s != "." }), 0, 12, rapid.ID).Draw(t, "names") {
				c := nodes(depth-1).Draw(t, "child")
				c.Name = name
				n.Children = append(n.Children, c)
			}
		}
		return n
	})
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	tb := t
	rapid.Check(t, func(t *rapid.T) {
		root := nodes(3).Draw(t, "tree")
		f, b := written(t, root)
		if diff := cmp.Diff(expected(root, "", map[string]described{}), describe(tb, f), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-written +read):\n%s", diff)
		}
		// The order in which a tree was put together does not show.
		slices.Reverse(root.Children)
		if _, again := written(t, root); !bytes.Equal(b, again) {
			t.Fatal("the same tree gives other bytes")
		}
	})
}

// kerasLike is a tree with what Keras writes, and more children than a node of
// the B-tree over the symbol tables holds.
func kerasLike() *Node {
	root := &Node{}
	root.Set("keras_version", "2.3.0")
	root.Set("model_config", strings.Repeat(`{"größe": 1}`, 20000))
	root.Set("empty", "")
	weights := root.Group("model_weights")
	weights.Set("layer_names", Fixed{"dense", "dropout", "größe"})
	weights.Set("no_names", Fixed{})
	weights.Set("names", []string{"a", "", "ccc"})
	weights.Group("dropout").Set("weight_names", tensor.New(tensor.Float64, 0))
	weights.Put("dense/dense/kernel:0", floats24())
	weights.Put("dense/dense/bias:0", tensor.Of([]float64{1, 2, 3}, 3))
	for dt := tensor.Float32; dt <= tensor.Bool; dt++ {
		if dt != tensor.BFloat16 { // of which NumPy has none
			x := tensor.New(dt, 2, 3)
			x.SetFlat(4, 1)
			weights.Put("types/"+dt.String(), x)
			weights.Group("types").Set(dt.String(), x)
		}
	}
	weights.Put("none", tensor.New(tensor.Float32, 0, 3))
	root.Put("iterations", tensor.Of([]int64{1 << 40}))
	for i := range 300 {
		root.Put(fmt.Sprintf("vars/%d", i), tensor.Of([]int32{int32(i)}))
	}
	return root
}

func TestWrittenForH5py(t *testing.T) {
	t.Parallel()
	root := kerasLike()
	f, b := written(t, root)
	if diff := cmp.Diff(expected(root, "", map[string]described{}), describe(t, f), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-written +read):\n%s", diff)
	}
	path := filepath.Join(t.TempDir(), "keras.h5")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	compare(t, []string{path})
}

func TestWrittenForH5dump(t *testing.T) {
	t.Parallel()
	h5dump, err := exec.LookPath("h5dump")
	if err != nil {
		t.Skip("h5dump is not installed: apt-get install hdf5-tools")
	}
	_, b := written(t, kerasLike())
	path := filepath.Join(t.TempDir(), "keras.h5")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(h5dump, "-d", "/model_weights/dense/dense/kernel:0", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "(5,0): 20, 21, 22, 23") || !strings.Contains(string(out), "H5T_IEEE_F32LE") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = exec.Command(h5dump, "-H", path).CombinedOutput(); err != nil || strings.Count(string(out), "DATASET") < 300 {
		t.Errorf("%v\n%.2000s", err, out)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	node := func(change func(n *Node)) *Node {
		n := &Node{}
		change(n)
		return n
	}
	circle := &Node{Name: "c"}
	circle.Children = []*Node{circle}
	for name, tc := range map[string]struct {
		root *Node
		want string
	}{
		"two children":   {node(func(n *Node) { n.Put("a/b", floats24()); n.Put("a/b", floats24()) }), `two children are named "b"`},
		"two attributes": {node(func(n *Node) { n.Set("a", "1"); n.Set("a", "2") }), `two attributes are named "a"`},
		"both":           {node(func(n *Node) { n.Put("a", floats24()); n.Put("a/b", floats24()) }), `"/a": it has both`},
		"root":           {&Node{Tensor: floats24()}, "must be a group"},
		"circle":         {circle, "hold themselves"},
		"no name":        {node(func(n *Node) { n.Put("", floats24()) }), `named ""`},
		"dot":            {node(func(n *Node) { n.Group("a/.") }), `named "."`},
		"zero":           {node(func(n *Node) { n.Group("a\x00") }), "without a slash or a zero"},
		"long name":      {node(func(n *Node) { n.Group(strings.Repeat("a", 2000)) }), "1 to 1024 bytes"},
		"value":          {node(func(n *Node) { n.Set("a", 7) }), `attribute "a": a value of type int`},
		"zero in text":   {node(func(n *Node) { n.Set("a", "x\x00y") }), "zero byte"},
		"large":          {node(func(n *Node) { n.Set("a", tensor.New(tensor.Float64, 9000)) }), "split it"},
		"long list":      {node(func(n *Node) { n.Set("a", make(Fixed, 70000)) }), "split it"},
		"wide list":      {node(func(n *Node) { n.Set("a", Fixed{strings.Repeat("x", 40000), "y"}) }), "split it"},
		"axes":           {node(func(n *Node) { n.Put("a", tensor.New(tensor.Int8, make([]int, 33)...)) }), "33 axes"},
		"attr's axes":    {node(func(n *Node) { n.Set("a", tensor.New(tensor.Int8, make([]int, 33)...)) }), "33 axes"},
	} {
		err := Write(&bytes.Buffer{}, tc.root)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
}
