package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/ckpt"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/rng"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/optim"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// pictures is n rows of 4×3 bytes in three classes.
func pictures(t testing.TB, n int) data.Source {
	t.Helper()
	x, y := tensor.New(tensor.Uint8, n, 4, 3), tensor.New(tensor.Int32, n)
	r := rng.New(rng.Key(7, "transfer/test"), 0)
	for i := range n {
		y.SetFlat(i, float64(i%3))
		for j := range 12 {
			x.SetFlat(12*i+j, float64(80*(i%3))*float64(j%2)+90*r.Float64())
		}
	}
	src, err := data.FromTensors(data.Schema{
		Inputs:  []data.Field{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{4, 3}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
		Classes: []string{"a", "b", "c"},
	}, []*tensor.Tensor{x}, []*tensor.Tensor{y})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// weighted gives every row a weight.
type weighted struct{ data.Source }

func (w weighted) Read(dst *data.Batch, idx []int32) error {
	if err := w.Source.Read(dst, idx); err != nil {
		return err
	}
	for k, v := range dst.Weigh() {
		dst.Weight[k] = v + float32(idx[k]%5)/4
	}
	return nil
}

func deep() nn.Sequential {
	return nn.Sequential{
		nn.Flatten{}, nn.BatchNorm{},
		nn.Dense{Units: 9, Act: act.ELU{}, Name: "hidden1"}, nn.BatchNorm{},
		nn.Dense{Units: 8, Act: act.ELU{}, Name: "hidden2"}, nn.BatchNorm{},
		nn.Dense{Units: 7, Act: act.ELU{}, Name: "hidden3"}, nn.Dropout{Rate: 0.2},
		nn.Dense{Units: 3, Name: "top"},
	}
}

const lower = "batch_normalization,hidden1,batch_normalization_1,hidden2"

func trainer(t testing.TB, m nn.Model, cfg train.Config, frozen string) *train.Trainer {
	t.Helper()
	tr, err := train.New(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	if frozen != "" {
		if _, err := tr.Freeze(frozen); err != nil {
			t.Fatal(err)
		}
	}
	return tr
}

// state is all that training changes, and all that it measured.
func state(t testing.TB, tr *train.Trainer) string {
	t.Helper()
	var b strings.Builder
	for p := range tr.Params.All() {
		fmt.Fprintf(&b, "%s %v %x\n", p.Name, p.Frozen, p.Value.Bytes())
	}
	for _, e := range tr.History() {
		fmt.Fprintln(&b, e.Epoch, e.Step, e.LR, e.Train, e.Val)
	}
	return b.String()
}

// counted is a cache that counts the rows that layers are run on.
func counted(c *Cache) (cache *Cache, rows *int) {
	rows = new(int)
	c.Progress = func(done, total int) {
		if done == total {
			*rows += total
		}
	}
	return c, rows
}

// TestCachedIsUncached trains with and without a cache, with layers set free in
// the middle, stopped within an epoch: weights, statistics, slots and all that
// is measured are the same bytes.
func TestCachedIsUncached(t *testing.T) {
	t.Parallel()
	src, val := pictures(t, 83), pictures(t, 40)
	schema := src.Schema()
	for name, c := range map[string]struct {
		cfg      train.Config
		mode     Mode
		src, val data.Source
	}{
		"memory":        {train.Config{}, Memory, src, val},
		"auto, float64": {train.Config{Float: tensor.Float64}, Auto, src, val},
		"disk":          {train.Config{}, Disk, src, val},
		"no validation": {train.Config{}, Memory, src, nil},
		"row weights":   {train.Config{}, Disk, weighted{src}, weighted{val}},
		"in memory":     {train.Config{Threads: 1}, Memory, weighted{src}, val},
		"class weights": {train.Config{ClassWeight: []float64{1, 2, 0.5}}, Memory, src, val},
		"accumulated":   {train.Config{Accumulate: 3}, Memory, src, val},
		"optimizer": {train.Config{Optim: optim.Optimizer{Rule: optim.Adam{}, WeightDecay: 0.1, NoDecay: "none", EMA: true,
			GlobalClipNorm: 1}}, Memory, src, val},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Data, c.cfg.Seed = schema, 3
			var want string
			for _, mode := range []Mode{Off, c.mode} {
				cache, rows := counted(&Cache{Mode: mode, Dir: t.TempDir()})
				defer cache.Close()
				tr := trainer(t, deep(), c.cfg, lower+",batch_normalization_2,hidden3")
				run := train.Run{Train: c.src, Val: c.val, Batch: 16, Epochs: 6, Cache: cache}
				for range 3 { // goes on where it was left
					for s, err := range tr.Steps(t.Context(), run) {
						if err != nil {
							t.Fatal(err)
						}
						if s.Done != nil && s.Epoch == 2 {
							if _, err := tr.Unfreeze("hidden3"); err != nil {
								t.Fatal(err)
							}
						}
						if s.Epoch == 4 && s.Index == 2 {
							if _, err := tr.Unfreeze("batch_normalization_2", "hidden2"); err != nil {
								t.Fatal(err)
							}
						}
						if s.Index == 1 && s.Epoch%3 == 0 {
							break
						}
					}
				}
				if got := state(t, tr); want == "" {
					want = got
				} else if got != want {
					t.Error("a cache changes the result")
				}
				n := c.src.Len()
				if c.val != nil {
					n += c.val.Len()
				}
				// Three prefixes were kept: each was run once, though the run was left
				// and gone on with.
				if mode != Off && *rows != 3*n {
					t.Errorf("layers were run on %d rows, want 3 times %d", *rows, n)
				}
			}
		})
	}
}

// TestLearnAfter takes a step by hand after a run with a cache: on rows as they
// are.
func TestLearnAfter(t *testing.T) {
	t.Parallel()
	src := pictures(t, 20)
	tr := trainer(t, deep(), train.Config{Data: src.Schema()}, lower)
	if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: src, Val: src, Epochs: 1, Cache: &Cache{}})); err != nil {
		t.Fatal(err)
	}
	for b, err := range data.Batches(src, 20, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Learn(t.Context(), b); err != nil {
			t.Error(err)
		}
	}
	if _, err := tr.Evaluate(t.Context(), src); err != nil {
		t.Error(err)
	}
}

// TestRestored goes on from a checkpoint that was taken with a cache, without
// one, and the other way round.
func TestRestored(t *testing.T) {
	t.Parallel()
	src := pictures(t, 50)
	cfg := train.Config{Data: src.Schema()}
	var want string
	for _, caches := range [][2]*Cache{{nil, nil}, {{}, nil}, {nil, {}}, {{}, {}}} {
		store := ckpt.Store{Dir: filepath.Join(t.TempDir(), "ckpt")}
		tr := trainer(t, deep(), cfg, lower)
		run := train.Run{Train: src, Val: src, Batch: 8, Epochs: 3}
		if caches[0] != nil {
			run.Cache = caches[0]
		}
		for s, err := range tr.Steps(t.Context(), run) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Step == 9 {
				break
			}
		}
		if _, err := tr.Save(store); err != nil {
			t.Fatal(err)
		}
		last, _, err := store.Latest()
		if err != nil {
			t.Fatal(err)
		}
		next := trainer(t, deep(), cfg, "")
		if err := next.Restore(last, false); err != nil {
			t.Fatal(err)
		}
		run.Cache = nil
		if caches[1] != nil {
			run.Cache = caches[1]
		}
		if err := train.Fit(next.Steps(t.Context(), run)); err != nil {
			t.Fatal(err)
		}
		if got := state(t, next); want == "" {
			want = got
		} else if got != want {
			t.Error("a cache before or after a checkpoint changes the result")
		}
	}
}

// TestPrefix finds the layers that are run once.
func TestPrefix(t *testing.T) {
	t.Parallel()
	src := pictures(t, 20)
	dense := func(name string) nn.Dense { return nn.Dense{Units: 4, Act: act.ReLU{}, Name: name} }
	towers := nn.Functional{Layers: []nn.Entry{
		{Layer: nn.Flatten{}}, {Layer: dense("left"), Inputs: []string{"flatten"}}, {Layer: dense("right"), Inputs: []string{"flatten"}},
		{Layer: nn.Concatenate{Name: "both"}, Inputs: []string{"left", "right"}}, {Layer: nn.Dense{Units: 3, Name: "top"}},
	}}
	for name, c := range map[string]struct {
		model  nn.Model
		frozen string
		layers string // of the prefix
		fields string
	}{
		"nothing is frozen":         {deep(), "", "", ""},
		"the lowest is not":         {deep(), "hidden1,hidden2", "", ""},
		"statistics move":           {deep(), "*/gamma,*/beta,hidden*", "", ""},
		"only normalization":        {deep(), "batch_normalization", "flatten batch_normalization", "batch_normalization"},
		"up to hidden1":             {deep(), "batch_normalization,hidden1", "flatten batch_normalization hidden1", "hidden1"},
		"a gap ends it":             {deep(), "batch_normalization,hidden1,hidden2", "flatten batch_normalization hidden1", "hidden1"},
		"up to hidden2":             {deep(), lower, "flatten batch_normalization hidden1 batch_normalization_1 hidden2", "hidden2"},
		"dropout ends it":           {deep(), "*,!top", "flatten batch_normalization hidden1 batch_normalization_1 hidden2 batch_normalization_2 hidden3", "hidden3"},
		"a bias is free":            {deep(), lower + ",!hidden2/bias", "flatten batch_normalization hidden1 batch_normalization_1", "batch_normalization_1"},
		"a random slope":            {nn.Sequential{nn.Flatten{}, nn.Dense{Units: 4, Act: act.RReLU{}, Name: "a"}, nn.Dense{Units: 3, Name: "top"}}, "a", "", ""},
		"noise in front":            {nn.Sequential{nn.Flatten{}, nn.GaussianNoise{Stddev: 0.1}, dense("a"), nn.Dense{Units: 3, Name: "top"}}, "a", "", ""},
		"an activation of its own":  {nn.Sequential{nn.Flatten{}, nn.Dense{Units: 4, Name: "a"}, nn.Activation{Act: act.ELU{}}, nn.Dense{Units: 3, Name: "top"}}, "a", "flatten a elu", "elu"},
		"one of two towers":         {towers, "left", "flatten left", "left x"},
		"two towers":                {towers, "left,right", "flatten left right both", "both"},
		"a block":                   {nn.Sequential{nn.Flatten{}, nn.Residual{Layers: nn.Sequential{nn.Dense{Units: 12, Act: act.ReLU{}}}, Name: "r"}, nn.Dense{Units: 3, Name: "top"}}, "r", "flatten r", "r"},
		"a part of a block is free": {nn.Sequential{nn.Flatten{}, dense("a"), nn.Block{Layers: nn.Sequential{dense("b"), dense("c")}, Name: "block"}, nn.Dense{Units: 3, Name: "top"}}, "a,b", "flatten a", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := trainer(t, c.model, train.Config{Data: src.Schema()}, c.frozen)
			p, err := tr.Prefix()
			if err != nil {
				t.Fatal(err)
			}
			layers, fields := "", []string{}
			if p != nil {
				layers = strings.Join(p.Layers, " ")
				for _, f := range p.Fields {
					fields = append(fields, f.Name)
				}
			}
			if layers != c.layers || strings.Join(fields, " ") != c.fields {
				t.Errorf("prefix %q with fields %q, want %q with %q", layers, fields, c.layers, c.fields)
			}
			// Whatever it is, it changes nothing.
			var want string
			for _, mode := range []Mode{Off, Memory} {
				tr := trainer(t, c.model, train.Config{Data: src.Schema()}, c.frozen)
				if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: src, Val: src, Batch: 6, Epochs: 2, Cache: &Cache{Mode: mode}})); err != nil {
					t.Fatal(err)
				}
				if got := state(t, tr); want == "" {
					want = got
				} else if got != want {
					t.Error("a cache changes the result")
				}
			}
		})
	}
}

// TestAnyPrefix freezes any layers of any net.
func TestAnyPrefix(t *testing.T) {
	t.Parallel()
	src := pictures(t, 23)
	rapid.Check(t, func(rt *rapid.T) {
		m := nn.Sequential{nn.Flatten{}}
		var frozen []string
		for i := range rapid.IntRange(1, 4).Draw(rt, "layers") {
			name := fmt.Sprint("l", i)
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				m = append(m, nn.BatchNorm{Name: name})
			case 1:
				m = append(m, nn.Dropout{Rate: 0.5, Name: name})
				continue
			default:
				m = append(m, nn.Dense{Units: rapid.IntRange(1, 20).Draw(rt, "units"), Act: act.ELU{}, Name: name})
			}
			if rapid.IntRange(0, 3).Draw(rt, "frozen") > 0 {
				frozen = append(frozen, name)
			}
		}
		m = append(m, nn.Dense{Units: 3, Name: "top"})
		batch := rapid.IntRange(2, 25).Draw(rt, "batch")
		var want string
		for _, mode := range []Mode{Off, Memory} {
			tr := trainer(t, m, train.Config{Data: src.Schema()}, strings.Join(frozen, ","))
			if err := train.Fit(tr.Steps(context.Background(), train.Run{Train: src, Val: src, Batch: batch, Epochs: 1, Cache: &Cache{Mode: mode}})); err != nil {
				rt.Fatal(err)
			}
			got := state(t, tr)
			_ = tr.Close()
			if want == "" {
				want = got
			} else if got != want {
				rt.Fatal("a cache changes the result")
			}
		}
	})
}

// TestMix keeps nothing where rows are mixed with each other.
func TestMix(t *testing.T) {
	t.Parallel()
	src := pictures(t, 20)
	tr := trainer(t, deep(), train.Config{Data: src.Schema(), Mix: train.Mix{MixUp: 0.2}}, lower)
	if p, err := tr.Prefix(); p != nil || err != nil {
		t.Errorf("prefix %v, %v", p, err)
	}
	cache, rows := counted(&Cache{})
	if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: src, Epochs: 1, Cache: cache})); err != nil || *rows > 0 {
		t.Errorf("%d rows were kept, %v", *rows, err)
	}
}

type jitter struct{}

func (jitter) Apply(b *data.Batch, seed uint64, epoch int) {
	for i := range b.X[0].Bytes() {
		b.X[0].Bytes()[i] += byte(epoch)
	}
}

// TestAugmented leaves rows alone that are others in each epoch.
func TestAugmented(t *testing.T) {
	t.Parallel()
	src := data.Augmented(pictures(t, 20), jitter{})
	cache, rows := counted(&Cache{})
	tr := trainer(t, deep(), train.Config{Data: src.Schema()}, lower)
	if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: src, Epochs: 2, Cache: cache})); err != nil {
		t.Fatal(err)
	}
	p, err := tr.Prefix()
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if f, err := cache.Features(t.Context(), p, data.Limit(src, 5)); f != nil || err != nil || *rows > 0 {
		t.Errorf("features of augmented rows: %v, %v, %d rows were run", f, err, *rows)
	}
}

// prefix is one of a net with fresh weights.
func prefix(t testing.TB, cfg train.Config, change func(*train.Trainer)) *train.Prefix {
	t.Helper()
	tr := trainer(t, deep(), cfg, lower)
	if change != nil {
		change(tr)
	}
	p, err := tr.Prefix()
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	return p
}

// TestKey is another one for whatever changes a result, and no other.
func TestKey(t *testing.T) {
	t.Parallel()
	src := pictures(t, 20)
	cfg := train.Config{Data: src.Schema(), Seed: 1}
	set := func(name string) func(*train.Trainer) {
		return func(tr *train.Trainer) {
			v := tr.Params.Value(name)
			v.SetFlat(v.Len()-1, v.Flat(v.Len()-1)+1e-3)
		}
	}
	key := prefix(t, cfg, nil).Key()
	for name, change := range map[string]func(*train.Trainer){
		"a weight above":    set("hidden3/kernel"),
		"a statistic above": set("batch_normalization_2/moving_mean"),
	} {
		if prefix(t, cfg, change).Key() != key {
			t.Errorf("%s changes the key", name)
		}
	}
	for name, change := range map[string]func(*train.Trainer){
		"a weight":    set("hidden2/kernel"),
		"a statistic": set("batch_normalization_1/moving_variance"),
		"a longer prefix": func(tr *train.Trainer) {
			if _, err := tr.Freeze("batch_normalization_2"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if prefix(t, cfg, change).Key() == key {
			t.Errorf("%s leaves the key as it was", name)
		}
	}
	other := cfg
	other.Preprocess = nn.Sequential{nn.Rescale{Scale: 1.0 / 128}}
	if prefix(t, other, nil).Key() == key {
		t.Error("preprocessing leaves the key as it was")
	}
	other = cfg
	other.Float = tensor.Float64
	if prefix(t, other, nil).Key() == key {
		t.Error("precision leaves the key as it was")
	}
}

// contents is all rows of a source.
func contents(t testing.TB, src data.Source) string {
	t.Helper()
	var b strings.Builder
	for batch, err := range data.Batches(src, 7, data.Order{}) {
		if err != nil {
			t.Fatal(err)
		}
		x, y := batch.View()
		for _, v := range append(slices.Clone(x), y...) {
			fmt.Fprintf(&b, "%v %x\n", v.Shape(), v.Bytes())
		}
		fmt.Fprintln(&b, batch.Weight, batch.Index)
	}
	return b.String()
}

// TestDisk keeps rows from one run to the next, and makes them anew where the
// file is not what it should be.
func TestDisk(t *testing.T) {
	t.Parallel()
	src := weighted{pictures(t, 300)}
	p := prefix(t, train.Config{Data: src.Schema()}, nil)
	memory, err := (&Cache{Mode: Memory}).Features(t.Context(), p, src)
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, memory)
	dir := filepath.Join(t.TempDir(), "a", "b")
	var notes []string
	open := func() int {
		t.Helper()
		c, rows := counted(&Cache{Mode: Disk, Dir: dir, Note: func(s string) { notes = append(notes, s) }})
		defer c.Close()
		f, err := c.Features(t.Context(), p, src)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, f); got != want {
			t.Error("rows on disk are others than in memory")
		}
		again, err := c.Features(t.Context(), p, src)
		if again != f || err != nil {
			t.Error("the same rows are not what was open", err)
		}
		if err := f.Read(data.NewBatch(f.Schema(), 1), []int32{300}); err == nil {
			t.Error("row 300 of 300")
		}
		return *rows
	}
	if n := open(); n != 300 {
		t.Errorf("at first %d rows were run", n)
	}
	if n := open(); n != 0 || len(notes) > 0 {
		t.Errorf("then %d rows were run, notes %q", n, notes)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 || !strings.HasSuffix(list[0].Name(), ending) {
		t.Fatal(list, err)
	}
	path := filepath.Join(dir, list[0].Name())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for said, spoil := range map[string]func([]byte) []byte{
		"checksum":  func(b []byte) []byte { b[len(b)/2]++; return b },
		"cut short": func(b []byte) []byte { return b[:len(b)-100] },
		"of version \"2\"": func(b []byte) []byte {
			return bytes.Replace(b, []byte(magic+version), []byte(magic+"2"), 1)
		},
		"header is damaged": func(b []byte) []byte { return bytes.Replace(b, []byte(`{"prefix"`), []byte(`["prefix"`), 1) },
		"other rows":        func(b []byte) []byte { return bytes.Replace(b, []byte(`"rows":300`), []byte(`"rows":299`), 1) },
		"no file of rows":   func([]byte) []byte { return []byte("hello\nworld\n") },
		"is cut short":      func([]byte) []byte { return nil },
	} {
		notes = nil
		if err := os.WriteFile(path, spoil(slices.Clone(whole)), 0o644); err != nil {
			t.Fatal(err)
		}
		if n := open(); n != 300 {
			t.Errorf("%s: %d rows were run", said, n)
		}
		if len(notes) != 1 || !strings.Contains(notes[0], said) || !strings.Contains(notes[0], "made anew") {
			t.Errorf("%s: notes %q", said, notes)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, whole) {
			t.Errorf("%s: the file was not mended: %v", said, err)
		}
	}
	// Other rows have a file of their own, also where the source looks the same.
	c := &Cache{Mode: Disk, Dir: dir}
	defer c.Close()
	if _, err := c.Features(t.Context(), p, data.Limit(src, 299)); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 2 {
		t.Errorf("%d files", len(list))
	}
}

// full is a disk with room for so many bytes.
type full struct {
	ckpt.FS
	room int
}

type fullFile struct {
	ckpt.WritableFile
	room *int
}

func (f *full) Create(path string) (ckpt.WritableFile, error) {
	w, err := f.FS.Create(path)
	return fullFile{w, &f.room}, err
}

func (f fullFile) Write(b []byte) (int, error) {
	if *f.room -= len(b); *f.room < 0 {
		return 0, &os.PathError{Op: "write", Path: "rows", Err: syscall.ENOSPC}
	}
	return f.WritableFile.Write(b)
}

// TestDiskFails says so where the disk was asked for, and goes on without where
// it was not. Nothing is left behind.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	src := pictures(t, 100)
	p := prefix(t, train.Config{Data: src.Schema()}, nil)
	occupied := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(occupied, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		room int
		want error
	}{
		"full at once":  {t.TempDir(), 10, syscall.ENOSPC},
		"full later":    {t.TempDir(), 3000, syscall.ENOSPC},
		"full at last":  {t.TempDir(), 100*(8*4+4) + 500, nil},
		"no folder":     {occupied, 1 << 20, syscall.ENOTDIR},
		"within a file": {filepath.Join(occupied, "x"), 1 << 20, syscall.ENOTDIR},
	} {
		var notes []string
		cache := &Cache{Mode: Disk, Dir: c.dir, Note: func(s string) { notes = append(notes, s) }, files: &full{ckpt.OS{}, c.room}}
		f, err := cache.Features(t.Context(), p, src)
		if !errors.Is(err, c.want) || (f == nil) != (c.want != nil) || err != nil && !strings.Contains(err.Error(), "cache=off") {
			t.Errorf("%s: %v, %v", name, f, err)
		}
		_ = cache.Close()
		if list, _ := os.ReadDir(c.dir); len(list) > 1 || c.want != nil && len(list) > 0 {
			t.Errorf("%s: left behind: %v", name, list)
		}
		if c.want == nil {
			continue
		}
		auto := &Cache{Mode: Auto, MaxMemory: 1, Dir: c.dir, Note: cache.Note, files: &full{ckpt.OS{}, c.room}}
		if f, err := auto.Features(t.Context(), p, src); f != nil || err != nil || len(notes) != 1 || !strings.Contains(notes[0], "anew every epoch") {
			t.Errorf("%s: %v, %v, notes %q", name, f, err, notes)
		}
	}
}

// failing ends a source in the middle.
type failing struct{ data.Source }

func (f failing) Read(dst *data.Batch, idx []int32) error {
	if slices.Max(idx) > 280 {
		return &data.Error{Msg: "bad sector"}
	}
	return f.Source.Read(dst, idx)
}

// TestSourceFails gives the error of the data in every mode.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	src := failing{pictures(t, 300)}
	p := prefix(t, train.Config{Data: src.Schema()}, nil)
	for _, c := range []*Cache{{Mode: Memory}, {Mode: Disk}, {Mode: Auto, MaxMemory: 1}} {
		c.Dir = t.TempDir()
		if f, err := c.Features(t.Context(), p, src); f != nil || err == nil || !isData(err) {
			t.Errorf("%s: %v, %v", c.Mode, f, err)
		}
		if list, _ := os.ReadDir(c.Dir); len(list) > 0 {
			t.Errorf("left behind: %v", list)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, mode := range []Mode{Memory, Disk} {
		if f, err := (&Cache{Mode: mode, Dir: t.TempDir()}).Features(ctx, p, pictures(t, 10)); f != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", mode, f, err)
		}
	}
}

// TestCaps holds memory and disk to what they may take.
func TestCaps(t *testing.T) {
	t.Parallel()
	all := pictures(t, 300)
	p := prefix(t, train.Config{Data: all.Schema()}, nil)
	const row = 8*4 + 4 + 4 // hidden2, the label, room for a weight
	var notes []string
	note := func(s string) { notes = append(notes, s) }
	get := func(c *Cache, src data.Source) data.Source {
		t.Helper()
		f, err := c.Features(t.Context(), p, src)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, b, d := data.Limit(all, 50), data.Limit(all, 40), data.Limit(all, 30)
	c, rows := counted(&Cache{Mode: Memory, MaxMemory: 100 * row, Note: note})
	for _, src := range []data.Source{a, b, a, d, a} { // b goes when d comes
		if get(c, src) == nil {
			t.Fatal("not kept")
		}
	}
	if *rows != 50+40+30 {
		t.Errorf("%d rows were run", *rows)
	}
	if get(c, b); *rows != 50+40+30+40 {
		t.Errorf("%d rows were run", *rows)
	}
	if get(c, all) != nil || len(notes) != 1 || !strings.Contains(notes[0], "cache=disk") {
		t.Errorf("300 rows in the memory of 100: %q", notes)
	}
	notes = nil
	disk := &Cache{Mode: Disk, Dir: t.TempDir(), MaxDisk: 100 * row, Note: note}
	defer disk.Close()
	if get(disk, all) != nil || len(notes) != 1 {
		t.Errorf("300 rows on the disk of 100: %q", notes)
	}
	for _, src := range []data.Source{a, b, d} {
		get(disk, src)
	}
	total := int64(0)
	list, err := os.ReadDir(disk.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if len(list) != 2 || total > 100*row {
		t.Errorf("%d files of %d bytes", len(list), total)
	}
	var off *Cache
	for _, c := range []*Cache{off, {Mode: Off}} {
		if get(c, a) != nil {
			t.Error("kept, though it is off")
		}
	}
}

// A mixer is a layer that breaks the rule: a row's result depends on the others.
type mixer struct{}

func (mixer) Apply(_ *nn.Scope, x graph.Node) graph.Node { return x.ToFloat().Sub(x.ToFloat().Mean(0)) }

// TestMixed leaves layers alone that mix rows.
func TestMixed(t *testing.T) {
	t.Parallel()
	src := pictures(t, 30)
	m := nn.Sequential{nn.Flatten{}, mixer{}, nn.Dense{Units: 4, Name: "a"}, nn.Dense{Units: 3}}
	var notes []string
	cache := &Cache{Note: func(s string) { notes = append(notes, s) }}
	tr := trainer(t, m, train.Config{Data: src.Schema()}, "a")
	if err := train.Fit(tr.Steps(t.Context(), train.Run{Train: src, Epochs: 1, Cache: cache})); err != nil {
		t.Fatal(err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "by itself") {
		t.Errorf("notes %q", notes)
	}
}

// TestUntil trains on what a layer in the middle makes of rows.
func TestUntil(t *testing.T) {
	t.Parallel()
	src := pictures(t, 30)
	tr := trainer(t, deep(), train.Config{Data: src.Schema()}, "")
	p, err := tr.Until("hidden2")
	if err != nil {
		t.Fatal(err)
	}
	f, err := (&Cache{}).Features(t.Context(), p, src)
	if err != nil {
		t.Fatal(err)
	}
	if in := f.Schema().Inputs; len(in) != 1 || in[0].Name != "hidden2" || !in[0].Shape.Equal(tensor.Shape{8}) || in[0].DType != tensor.Float32 {
		t.Errorf("inputs %v", in)
	}
	labels, err := data.Labels(f)
	if err != nil || len(labels) != 30 || labels[4] != 1 {
		t.Errorf("labels %v, %v", labels, err)
	}
	for _, bad := range [][]string{{"hidden9"}, {}} {
		if _, err := tr.Until(bad...); err == nil {
			t.Errorf("no layer %q", bad)
		}
	}
}

// FuzzRows opens any bytes as a file of rows.
func FuzzRows(f *testing.F) {
	schema := data.Schema{
		Inputs:  []data.Field{{Name: "h", DType: tensor.Float32, Shape: tensor.Shape{2}}},
		Targets: []data.Field{{Name: "y", DType: tensor.Int32, Shape: tensor.Shape{}}},
	}
	want := header{Prefix: "p", Data: "d", Rows: 2, Inputs: fieldsOf(schema.Inputs), Targets: fieldsOf(schema.Targets)}
	const head = magic + version + "\n" + `{"prefix":"p","data":"d","rows":2,"inputs":[{"name":"h","dtype":"float32","shape":[2]}],"targets":[{"name":"y","dtype":"int32","shape":[]}],"weighted":false}` + "\n"
	f.Add([]byte(head + strings.Repeat("\x00", 24) + "\x00\x00\x00\x00"))
	f.Add([]byte(head))
	f.Add([]byte(magic + "9\n{}\n"))
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x"+ending)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := openRows(path, want, schema)
		if err != nil {
			if _, ok := errors.AsType[*fault](err); !ok && !errors.Is(err, io.EOF) {
				t.Errorf("%v", err)
			}
			return
		}
		defer s.Close()
		if err := s.Read(data.NewBatch(schema, 2), []int32{1, 0}); err != nil {
			t.Errorf("%v", err)
		}
	})
}
