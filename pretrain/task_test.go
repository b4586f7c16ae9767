package pretrain

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/tensor"
)

// pictures are n distinct pictures of h×w bytes in k classes, row i of class i
// mod k.
func pictures(t rapid.TB, n, h, w, k int) data.Source {
	x, y := tensor.New(tensor.Uint8, n, h, w), tensor.New(tensor.Int32, n)
	for i := range x.Len() {
		x.Bytes()[i] = byte(i*7 + i/251)
	}
	for i := range n {
		y.Int32s()[i] = int32(i % k)
	}
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "image", DType: tensor.Uint8, Shape: tensor.Shape{h, w}}},
		Targets: []data.Field{{Name: "label", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: numbered(k),
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// rowsOf reads one epoch of a task: the samples of each row of src, and its label.
func rowsOf(t rapid.TB, task Task, src data.Source, o data.Order) (x [][][]byte, y []int32) {
	s, err := task.Rows(src)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != src.Len() || s.Schema().Inputs[0].Shape[0] != task.Samples() {
		t.Fatalf("%T: %d rows of shape %v", task, s.Len(), s.Schema().Inputs[0].Shape)
	}
	x, y = make([][][]byte, s.Len()), make([]int32, s.Len())
	for b, err := range data.Batches(s, 3, o) {
		if err != nil {
			t.Fatal(err)
		}
		for k := range b.N {
			row := b.X[0].Rows(k, k+1).Bytes()
			for part := range slices.Chunk(bytes.Clone(row), len(row)/task.Samples()) {
				x[b.Index[k]] = append(x[b.Index[k]], part)
			}
			y[b.Index[k]] = b.Y[0].Int32s()[k]
		}
	}
	return x, y
}

// plain is the rows of a source as they are.
func plain(t rapid.TB, src data.Source) (x [][]byte) {
	b := data.NewBatch(src.Schema(), 1)
	for i := range src.Len() {
		if err := src.Read(b, []int32{int32(i)}); err != nil {
			t.Fatal(err)
		}
		x = append(x, bytes.Clone(b.X[0].Bytes()))
	}
	return x
}

// TestTasks draws sizes and epochs and holds every task to its definition: samples
// that are what the label says, a pure function of seed, epoch and row.
func TestTasks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(6, 15).Draw(t, "rows"), rapid.IntRange(2, 3).Draw(t, "classes")
		side := rapid.IntRange(2, 7).Draw(t, "side")
		src := pictures(t, n, side, side, k)
		o := data.Order{Seed: rapid.Uint64Range(1, 1000).Draw(t, "seed"), Epoch: rapid.IntRange(0, 3).Draw(t, "epoch"), Shuffle: true}
		was := plain(t, src)
		at := func(x []byte) int { return slices.IndexFunc(was, func(y []byte) bool { return bytes.Equal(x, y) }) }
		jigsaw := Jigsaw{Tiles: 2, Permutations: rapid.IntRange(2, 24).Draw(t, "permutations")}
		for _, task := range []Task{Pairs{}, Triplets{}, labeled{}, Rotation{}, jigsaw, Corrupted{}, Corrupted{"shuffle"}, Corrupted{"noise"}} {
			x, y := rowsOf(t, task, src, o)
			again, _ := rowsOf(t, task, src, data.Order{Seed: o.Seed, Epoch: o.Epoch})
			if fmt.Sprint(x) != fmt.Sprint(again) {
				t.Fatalf("%T: the order changes the rows", task)
			}
			for i, row := range x {
				var good bool
				switch task := task.(type) {
				case Pairs:
					a, b := at(row[0]), at(row[1])
					good = a == i && b >= 0 && b != i && (a%k == b%k) == (y[i] == 1)
				case Triplets:
					a, p, q := at(row[0]), at(row[1]), at(row[2])
					good = a == i && p != i && p%k == a%k && q >= 0 && q%k != a%k && y[i] == 1
				case labeled:
					good = at(row[0]) == i && int(y[i]) == i%k
				case Rotation:
					turned := was[i]
					for range y[i] {
						turned = turn(turned, side)
					}
					good = bytes.Equal(turned, row[0])
				case Jigsaw:
					good = bytes.Equal(puzzle(was[i], side, 2, task.Orders()[y[i]]), row[0])
				case Corrupted:
					differ := 0
					for j := range row[0] {
						if row[0][j] != row[1][j] {
							differ++
						}
					}
					good = at(row[0]) == i && y[i] == 1 && (task.How == "noise" || differ <= (side/2)*(side/2) && (task.How == "shuffle" || differ > 0))
					if task.How == "shuffle" {
						a, b := slices.Sorted(slices.Values(row[0])), slices.Sorted(slices.Values(row[1]))
						good = good && bytes.Equal(a, b)
					}
				}
				if !good {
					t.Fatalf("%T: row %d with label %d is %v of %v", task, i, y[i], row, was[i])
				}
			}
		}
	})
}

// turn is a picture turned by a quarter, counter-clockwise.
func turn(x []byte, side int) []byte {
	out := make([]byte, len(x))
	for r := range side {
		for c := range side {
			out[(side-1-c)*side+r] = x[r*side+c]
		}
	}
	return out
}

// puzzle is a picture with its tiles in another order.
func puzzle(x []byte, side, n int, order []int32) []byte {
	out, tile := bytes.Clone(x), side/n
	for i := range out {
		r, c := i/side, i%side
		if r < tile*n && c < tile*n {
			from := int(order[r/tile*n+c/tile])
			out[i] = x[(from/n*tile+r%tile)*side+from%n*tile+c%tile]
		}
	}
	return out
}

// TestTasksAreDrawnEvenly counts labels over many rows: the deviation of a share
// of 4000 draws with chance ½ is 0.008, and 0.04 are five of them, which chance
// brings about less than once in 10⁶ times.
func TestTasksAreDrawnEvenly(t *testing.T) {
	t.Parallel()
	src := pictures(t, 4000, 4, 4, 2)
	_, y := rowsOf(t, Pairs{}, src, data.Order{Seed: 5})
	_, z := rowsOf(t, Rotation{}, src, data.Order{Seed: 5})
	same, turned := 0, make([]int, 4)
	for i := range y {
		same += int(y[i])
		turned[z[i]]++
	}
	if s := float64(same) / 4000; s < 0.46 || s > 0.54 {
		t.Errorf("%g of the pairs are of one class", s)
	}
	for k, n := range turned {
		if s := float64(n) / 4000; s < 0.21 || s > 0.29 {
			t.Errorf("%g of the pictures are turned %d times", s, k)
		}
	}
}

func TestJigsawOrders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		j    Jigsaw
		want int
	}{{Jigsaw{}, 24}, {Jigsaw{Tiles: 2, Permutations: 5}, 5}, {Jigsaw{Tiles: 3}, 64}, {Jigsaw{Tiles: 3, Permutations: 100}, 100}} {
		orders := tc.j.Orders()
		seen := map[string]bool{}
		for _, p := range orders {
			seen[fmt.Sprint(p)] = true
			q := slices.Sorted(slices.Values(p))
			for i, v := range q {
				if int(v) != i {
					t.Fatalf("%v is no permutation", p)
				}
			}
		}
		if len(orders) != tc.want || len(seen) != tc.want {
			t.Errorf("%+v: %d orders, %d of them different, want %d", tc.j, len(orders), len(seen), tc.want)
		}
		if !slices.IsSorted(orders[0]) {
			t.Errorf("the first order is %v", orders[0])
		}
	}
}

func TestTasksRefuse(t *testing.T) {
	t.Parallel()
	wide := pictures(t, 6, 2, 3, 2)
	one := pictures(t, 6, 4, 4, 1)
	bare, err := data.FromTensors(data.Schema{Inputs: []data.Field{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{4}}}}, []*tensor.Tensor{tensor.New(tensor.Float32, 3, 4)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		task Task
		src  data.Source
		want string
	}{
		{Pairs{}, bare, "which rows are alike, but these have no classes"},
		{Triplets{}, one, "two classes or more, found 1"},
		{Rotation{}, wide, "pictures of 3×2 pixels do not fit"},
		{Rotation{}, bare, "one of pictures, but a sample has the shape [4]"},
		{Jigsaw{Tiles: 3}, wide, "have no 3×3 tiles"},
		{Jigsaw{Tiles: 9}, one, "want 2 to 8 tiles"},
		{Jigsaw{Tiles: 2, Permutations: 25}, one, "want 24 at most"},
		{Corrupted{"bent"}, one, `found "bent"`},
	} {
		if _, err := tc.task.Rows(tc.src); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want one with %q", tc.task, err, tc.want)
		}
	}
	if _, err := (Corrupted{}).Rows(bare); err != nil {
		t.Errorf("rows of numbers: %v", err)
	}
}

// TestAuxiliary trains the lower layers on every task, with every loss.
func TestAuxiliary(t *testing.T) {
	t.Parallel()
	tr, val := digits.New(2, 300, 120)
	for _, tc := range []struct{ stage, measure string }{
		{`"task":"pairs"`, "accuracy"},
		{`"task":"pairs","share":false,"head":5`, "accuracy"},
		{`"task":"pairs","loss":"contrastive","margin":2,"embedding":4`, "pair_accuracy"},
		{`"task":"triplets"`, "pair_accuracy"},
		{`"task":"triplets","loss":"margin_ranking"`, "pair_accuracy"},
		{`"task":"triplets","negatives":"hard","embedding":3`, "loss"},
		{`"task":"corrupted"`, "pair_accuracy"},
		{`"task":"corrupted","corruption":"noise","margin":0.5`, "pair_accuracy"},
		{`"task":"corrupted","corruption":"shuffle"`, "pair_accuracy"},
		{`"task":"rotation"`, "accuracy"},
		{`"task":"jigsaw","permutations":4`, "accuracy"},
	} {
		n := netOf(t, logistic(20, 10), tr)
		head := n.Params.Value("logits/kernel").Clone()
		before := n.Params.Value("hidden1/kernel").Clone()
		p := run(t, n, `[{"kind":"auxiliary","layers":"hidden*","epochs":2,"lr":0.01,`+tc.stage+`}]`, Config{Train: tr, Val: val, Seed: 2})
		h := p.History()
		if _, ok := h[1].Val.Get(tc.measure); len(h) != 2 || !ok || h[1].Layers != "hidden1,hidden2" {
			t.Errorf("%s: %+v", tc.stage, h)
		}
		if !bytes.Equal(head.Bytes(), n.Params.Value("logits/kernel").Bytes()) || bytes.Equal(before.Bytes(), n.Params.Value("hidden1/kernel").Bytes()) {
			t.Errorf("%s: the wrong layers have changed", tc.stage)
		}
	}
	for stage, want := range map[string]string{
		`"task":"pair"`:                            `want one of pairs, triplets, corrupted, rotation, jigsaw, found "pair"`,
		`"task":"pairs","loss":"triplet"`:          "task pairs goes with binary_cross_entropy and contrastive",
		`"task":"corrupted","margin":0`:            "margin: want a number above 0, got 0",
		`"task":"corrupted","margin":-1`:           "margin: want a number above 0, got -1",
		`"task":"rotation","margin":1`:             "margin: it is for losses with a margin",
		`"task":"rotation","tiles":3`:              "tiles: it is for task: jigsaw",
		`"task":"jigsaw","tiles":20`:               "want 2 to 8 tiles",
		`"task":"triplets","negatives":"semihard"`: "want random or hard",
		`"epochs":1`:                               `needs "task"`,
	} {
		v := stageError(t, `[{"kind":"auxiliary",`+stage+`}]`)
		if v == nil || !strings.Contains(v.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", stage, v, want)
		}
	}
}

// TestConvolutions trains the convolutions of a net, whose only dense layer is its
// head.
func TestConvolutions(t *testing.T) {
	t.Parallel()
	tr, _ := digits.New(2, 100, 1)
	m := nn.Sequential{nn.Reshape{Shape: []int{28, 28, 1}}, nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3, 3}, Strides: tensor.Shape{3, 3}, Act: act.ReLU{}, Name: "conv1"}, nn.BatchNorm{},
		nn.Conv2D{Filters: 4, Kernel: tensor.Shape{3, 3}, Strides: tensor.Shape{3, 3}, Name: "conv2"}, nn.Activation{Act: act.ReLU{}}, nn.Flatten{}, nn.Dense{Units: 10, Name: "logits"}}
	for stage, layers := range map[string]string{`"task":"jigsaw"`: "conv1,conv2", `"task":"pairs","layers":"conv1"`: "conv1"} {
		n := netOf(t, m, tr)
		before := n.Params.Clone()
		p := run(t, n, `[{"kind":"auxiliary","epochs":1,`+stage+`}]`, Config{Train: tr})
		if h := p.History(); len(h) != 1 || h[0].Layers != layers {
			t.Errorf("%s: history %+v", stage, h)
		}
		for q := range before.Of(param.Weight) {
			layer, _, _ := strings.Cut(q.Name, "/")
			mine := strings.Contains(layers, layer) || layer == "batch_normalization"
			if same := bytes.Equal(q.Value.Bytes(), n.Params.Value(q.Name).Bytes()); same == mine {
				t.Errorf("%s: %s has changed: %t", stage, q.Name, !same)
			}
		}
	}
	if _, err := New(netOf(t, m, tr), stagesOf(t, `[{"kind":"auxiliary","task":"pairs","layers":"batch_normalization"}]`), Config{Train: tr}); err == nil || !strings.Contains(err.Error(), "names no layer with a kernel; there are conv1, conv2, logits") {
		t.Errorf("error %v", err)
	}
}

// TestTasksAllocateLittle reads batch after batch into the same buffers. Under
// the race detector, which goes with -short, a pool forgets at random.
func TestTasksAllocateLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: counts of allocations say nothing under the race detector")
	}
	src := pictures(t, 64, 8, 8, 4)
	idx := make([]int32, 32)
	for i := range idx {
		idx[i] = int32(2 * i)
	}
	for _, task := range []Task{Pairs{}, Triplets{}, labeled{}, Rotation{}, Jigsaw{}, Corrupted{}, Corrupted{"shuffle"}, Corrupted{"noise"}} {
		s, err := task.Rows(src)
		if err != nil {
			t.Fatal(err)
		}
		b := data.NewBatch(s.Schema(), len(idx))
		// A garbage collection may empty the pool once in a while.
		if n := testing.AllocsPerRun(100, func() {
			if err := s.Read(b, idx); err != nil {
				t.Fatal(err)
			}
		}); n > 2 {
			t.Errorf("%T: %g allocations a batch", task, n)
		}
	}
}
