package pretrain

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/loss"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// Auxiliary trains the lower layers of the net together on a task whose labels
// cost little, under a head of their own that is dropped afterwards: the first net
// of a pair of which the second reuses the lower layers. The tower is all of the
// net from its input to the uppermost of the layers named, which may be of any
// kind. Where a row holds
// several samples, one tower sees them all, as one batch: the weights are shared.
//
// The tasks are those of [Task]; the losses go with them:
//
//	pairs      binary_cross_entropy: both codes side by side, a hidden layer of
//	           head units, one logit. contrastive: the codes themselves, drawn
//	           together where they are alike (Hadsell, Chopra and LeCun 2006).
//	triplets   triplet: the codes themselves (Schroff, Kalenichenko and Philbin
//	           2015); with negatives: hard the hardest of each batch (Hermans, Beyer
//	           and Leibe 2017). margin_ranking: a score of two codes side by side is
//	           to be higher for those that are alike.
//	corrupted  margin_ranking: the score of a good sample is to be higher than that
//	           of a spoilt one by the margin, max(0, margin − (s⁺ − s⁻)).
//	rotation, jigsaw  cross_entropy.
type Auxiliary struct {
	Common     `spec:",inline"`
	Task       string  `spec:"task,required" doc:"pairs, triplets, corrupted, rotation or jigsaw"`
	Loss       string  `spec:"loss" default:"what goes with the task" doc:"binary_cross_entropy or contrastive; triplet or margin_ranking"`
	Margin     float64 `spec:"margin" default:"1" doc:"margin of the loss"`
	Head       int     `spec:"head" default:"10" doc:"units of the hidden layer that compares two codes"`
	Embedding  int     `spec:"embedding" default:"the code itself" doc:"width that codes are brought to before distances are taken"`
	Apart      bool    `spec:"share,not" doc:"one tower for both samples of a pair, not one each"`
	Negatives  string  `spec:"negatives" default:"random" doc:"random, or hard: the nearest of another class in the batch"`
	Corruption string  `spec:"corruption" default:"mix" doc:"mix, shuffle or noise"`
	Tiles      int     `spec:"tiles" default:"2" doc:"tiles of a side of the jigsaw"`
	Orders     int     `spec:"permutations" default:"all, 64 at most" doc:"permutations of the jigsaw that are told apart"`
}

var tasks = []string{"pairs", "triplets", "corrupted", "rotation", "jigsaw"}

// losses lists what goes with a task, the default first.
func losses(task string) []string {
	switch task {
	case "pairs":
		return []string{"binary_cross_entropy", "contrastive"}
	case "triplets":
		return []string{"triplet", "margin_ranking"}
	case "corrupted":
		return []string{"margin_ranking"}
	}
	return []string{"cross_entropy"}
}

// Validate refuses tasks, losses and margins that make no sense, and keys that
// another task has.
func (s Auxiliary) Validate() error {
	if s.Task == "" {
		return spec.Field("task", "there is none; want one of %s", strings.Join(tasks, ", "))
	}
	if !slices.Contains(tasks, s.Task) {
		return spec.Field("task", "want one of %s, found %q", strings.Join(tasks, ", "), s.Task)
	}
	if s.Loss != "" && !slices.Contains(losses(s.Task), s.Loss) {
		return spec.Field("loss", "task %s goes with %s, not with %q", s.Task, strings.Join(losses(s.Task), " and "), s.Loss)
	}
	if m := spec.Or(s.Margin, 0); s.Margin != 0 && !(m > 0) {
		return spec.Field("margin", "want a number above 0, got %g", m)
	}
	distances := s.loss() == "contrastive" || s.loss() == "triplet"
	for _, f := range []struct {
		key    string
		given  bool
		unless bool
		of     string
	}{
		{"margin", s.Margin != 0, distances || s.loss() == "margin_ranking", "losses with a margin"},
		{"head", s.Head != 0, s.compares(), "pairs of codes that a hidden layer compares"},
		{"embedding", s.Embedding != 0, distances, "losses of distances"},
		{"share", s.Apart, s.Task == "pairs", "task: pairs"},
		{"negatives", s.Negatives != "", s.loss() == "triplet", "loss: triplet"},
		{"corruption", s.Corruption != "", s.Task == "corrupted", "task: corrupted"},
		{"tiles", s.Tiles != 0, s.Task == "jigsaw", "task: jigsaw"},
		{"permutations", s.Orders != 0, s.Task == "jigsaw", "task: jigsaw"},
	} {
		if f.given && !f.unless {
			return spec.Field(f.key, "it is for %s", f.of)
		}
	}
	switch {
	case s.Head < 0:
		return spec.Field("head", "want a whole number above 0, got %d", s.Head)
	case s.Embedding < 0:
		return spec.Field("embedding", "want a whole number above 0, got %d", s.Embedding)
	case s.Negatives != "" && s.Negatives != "random" && s.Negatives != "hard":
		return spec.Field("negatives", "want random or hard, found %q", s.Negatives)
	}
	if c, ok := s.task().(interface{ Validate() error }); ok {
		if err := c.Validate(); err != nil {
			return err
		}
	}
	return s.Common.Validate()
}

func (s Auxiliary) loss() string {
	if s.Loss == "" {
		return losses(s.Task)[0]
	}
	return s.Loss
}

// compares reports whether two codes side by side go through a hidden layer.
func (s Auxiliary) compares() bool {
	return s.loss() == "binary_cross_entropy" || s.Task == "triplets" && s.loss() == "margin_ranking"
}

func (s Auxiliary) task() Task {
	switch s.Task {
	case "pairs":
		return Pairs{}
	case "triplets":
		if s.Negatives == "hard" {
			return labeled{}
		}
		return Triplets{}
	case "corrupted":
		return Corrupted{s.Corruption}
	case "rotation":
		return Rotation{}
	}
	return Jigsaw{s.Tiles, s.Orders}
}

// objective is the loss as the trainer takes it.
func (s Auxiliary) objective() loss.Loss {
	switch s.loss() {
	case "binary_cross_entropy":
		return loss.BinaryCrossEntropy{}
	case "contrastive":
		return loss.Contrastive{Margin: s.Margin}
	case "margin_ranking":
		return loss.MarginRanking{Margin: s.Margin}
	case "triplet":
		if s.Negatives == "hard" {
			return loss.TripletHard{Margin: s.Margin}
		}
		return loss.Triplet{Margin: s.Margin}
	}
	return loss.CrossEntropy{}
}

func (s Auxiliary) plan(_ *Pretraining, o *outline) ([]part, error) {
	names, top, err := o.lower(s.Layers)
	if err != nil {
		return nil, err
	}
	var input graph.Node
	n := 0
	for x := range o.b.Nodes() {
		if x.Op().Name == "input" {
			input = x
			n++
		}
	}
	if n != 1 {
		return nil, fmt.Errorf("the model has %d inputs; an auxiliary task is about one", n)
	}
	t := &tower{Auxiliary: s}
	if d, ok := o.layers[top].Layer.(nn.Dense); ok {
		t.act = d.Act
	}
	code, _ := o.behind(top, graph.Node.Valid)
	if t.segment, err = o.between(input, code); err != nil {
		return nil, err
	}
	for _, name := range names {
		if !t.segment.holds(name + "/") {
			return nil, fmt.Errorf("layers: %s is not below %s; the layers of a tower lie one above the other", name, o.layers[top].Path)
		}
	}
	at := part{task: s.Task, layers: strings.Join(names, ","), begin: t.begin}
	for _, a := range t.segment.layers {
		if _, ok := a.Layer.(nn.BatchNorm); ok {
			at.norms = append(at.norms, a.Path)
		}
	}
	return []part{at}, nil
}

// A tower is the lower part of the net, and the head that the task puts on it.
type tower struct {
	Auxiliary
	segment segment
	act     act.Activation // of the uppermost layer where it is dense; nil: rectified
}

func (t *tower) begin(_ context.Context, p *Pretraining, of rows) (*training, error) {
	task := t.task()
	g := &training{}
	var err error
	if g.run.Train, err = task.Rows(of.train); err != nil {
		return nil, err
	}
	if of.val != nil {
		if g.run.Val, err = task.Rows(of.val); err != nil {
			return nil, err
		}
	}
	schema := g.run.Train.Schema()
	set, err := p.share(t.segment.holds)
	if err != nil {
		return nil, err
	}
	g.trainer, err = p.trainer(t.model(task.Samples(), len(schema.Classes)), set, t.Common, p.cfg.Optim, train.Config{Data: schema, Loss: t.objective()})
	if err != nil || !t.Apart {
		return g, err
	}
	for q := range g.trainer.Params.Of(param.Stat) { // a twin sees the data as the other does
		if twin := g.trainer.Params.Value("twin/" + q.Name); twin != nil {
			if err := twin.CopyFrom(q.Value); err != nil {
				return nil, err
			}
		}
	}
	return g, nil
}

// model is tower and head on rows of k samples.
func (t *tower) model(k, classes int) nn.Model {
	return nn.Func{In: []nn.Port{{Name: "x"}}, Out: []nn.Port{{Name: "y"}}, Build: func(s *nn.Scope, in []graph.Node) []graph.Node {
		x := in[0] // (N, k, sample…)
		n := x.Dim(0)
		sample := x.Shape()[2:].Clone()
		all := func(x graph.Node) graph.Node { return x.Reshape(append(tensor.Shape{-1}, sample...)...) }
		var code graph.Node // (N, k, d)
		if t.Apart {
			first := t.segment.apply(s, all(x.Slice(1, 0, 1)), false)
			second := s.SubFunc("twin", nn.Block{}, []graph.Node{x}, func(c *param.Scope) graph.Node {
				return t.segment.apply(c, all(x.Slice(1, 1, 2)), false)
			})
			code = graph.Concat(1, first.Reshape(n, 1, -1), second.Reshape(n, 1, -1))
		} else {
			code = t.segment.apply(s, all(x), false)
			if code.Valid() {
				code = code.Reshape(n, k, -1)
			}
		}
		if !code.Valid() {
			return []graph.Node{code}
		}
		return []graph.Node{s.SubFunc("auxiliary", nn.Block{}, []graph.Node{code}, func(c *param.Scope) graph.Node { return t.head(c, code, classes) })}
	}}
}

// head is what the task's loss takes, of codes (N, k, d).
func (t *tower) head(s *nn.Scope, code graph.Node, classes int) graph.Node {
	n, k, d := code.Dim(0), code.Dim(1), code.Dim(2)
	one := func(i int) graph.Node { return code.Slice(1, i, i+1).Reshape(n, d) }
	hidden := nn.Dense{Units: 10, Act: t.act}
	if t.act == nil {
		hidden.Act = act.ReLU{}
	}
	if t.Head > 0 {
		hidden.Units = t.Head
	}
	switch t.loss() {
	case "binary_cross_entropy":
		x := s.Sub("compare", hidden, code.Reshape(n, k*d))
		return s.Sub("same", nn.Dense{Units: 1}, x).Reshape(n)
	case "contrastive", "triplet":
		if t.Embedding > 0 {
			code = s.Sub("embedding", nn.Dense{Units: t.Embedding}, code.Reshape(n*k, d)).Reshape(n, k, t.Embedding)
		}
		if k == 1 {
			return code.Reshape(n, -1)
		}
		return code
	case "margin_ranking":
		if t.Task == "corrupted" {
			return s.Sub("score", nn.Dense{Units: 1}, code.Reshape(n*k, d)).Reshape(n, k)
		}
		// Both pairs of the anchor as one batch, scored by the same weights.
		pairs := graph.Concat(0, graph.Concat(1, one(0), one(1)), graph.Concat(1, one(0), one(2)))
		score := s.Sub("score", nn.Dense{Units: 1}, s.Sub("compare", hidden, pairs)) // (2N, 1)
		return graph.Concat(1, score.Slice(0, 0, n), score.Slice(0, n, 2*n))
	}
	return s.Sub("classes", nn.Dense{Units: classes}, code.Reshape(n, d))
}
