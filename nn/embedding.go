package nn

import (
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/initial"
	"github.com/nadir-ml/nadir/param"
	"github.com/nadir-ml/nadir/regular"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/tensor"
)

func init() {
	Layers.Register("embedding", Embedding{}, spec.Doc("a learned vector for each word"))
}

// Embedding gives each word, a whole number from 0 to below Words, a vector that
// is learned (Bengio, Ducharme, Vincent and Jauvin, "A Neural Probabilistic
// Language Model", JMLR 2003): x (N, …), table (words, units), y (N, …, units). A
// number outside has a vector of zeros, unless those below 0 count from the end. What comes as floats is cut to whole
// numbers.
type Embedding struct {
	Words       int                 `spec:"input_dim,required" doc:"how many words there are, numbered from 0"`
	Units       int                 `spec:"output_dim,required" doc:"length of a word's vector"`
	Init        param.Init          `spec:"embeddings_initializer" default:"random_uniform" doc:"initializer of the vectors"`
	Regularizer regular.Regularizer `spec:"embeddings_regularizer" doc:"penalty on the vectors, none without"`
	Constraint  regular.Constraint  `spec:"embeddings_constraint" doc:"what the table must be after each step, anything without"`
	MaskZero    bool                `spec:"mask_zero" doc:"word 0 is padding, which layers behind this one that go along steps leave out"`
	FromEnd     bool                `spec:"from_end" doc:"numbers below 0 count from the end, as ONNX has it"`
	Name        string              `spec:"name" doc:"name of the layer"`
}

// wordsFromEnd bounds what is counted from the end: float32 holds whole numbers
// up to here.
const wordsFromEnd = 1 << 24

// Validate refuses sizes below 1.
func (l Embedding) Validate() error {
	if err := positive("input_dim", l.Words); err != nil {
		return err
	}
	if l.FromEnd && l.Words > wordsFromEnd {
		return spec.Field("from_end", "want input_dim at most %d, got %d", wordsFromEnd, l.Words)
	}
	return positive("output_dim", l.Units)
}

// Apply declares the table, embeddings, and looks up.
func (l Embedding) Apply(s *Scope, x graph.Node) graph.Node {
	if !check(s, l.Validate()) || !x.Valid() {
		return graph.Node{}
	}
	if x.Rank() < 1 || x.Rank() >= tensor.MaxRank {
		return s.B.Misfit("wants a batch of words, (N, …), got %v", x.Type())
	}
	init := l.Init
	if init == nil {
		init = initial.RandomUniform{}
	}
	table := s.Weight("embeddings", init, l.Words, l.Units)
	s.Constrain(table, l.Constraint)
	penalize(s, l.Regularizer, table)
	words := x.ToInt()
	if l.FromEnd {
		n, zero := words.ToFloat(), s.B.Const(0)
		words = zero.Greater(n).Select(n.Add(s.B.Const(float64(l.Words))), n).ToInt()
	}
	y := table.Gather(words) // (N, …, units)
	if l.MaskZero {
		s.SetMask(y, words.ToFloat().Equal(s.B.Const(0)).Select(s.B.Const(0), s.B.Const(1)))
	}
	return y
}
