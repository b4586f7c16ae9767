package diag

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/spec"
	"github.com/nadir-ml/nadir/train"
)

// An Overfit is a gap between training and validation that has opened: from an
// epoch on a net learns its training rows by heart, at the cost of all others.
type Overfit struct {
	// Onset is the epoch of the lowest validation loss, after which the gap opens.
	Onset int
	// Epochs is how many there were.
	Epochs int
	// Low is the validation loss at Onset, Val what it has risen to and Train the
	// training loss at the end.
	Low, Val, Train float64
	// Metric names what else was measured, "" where nothing was: its value on the
	// training and the validation rows at the end.
	Metric             string
	MetricTrain, Final float64
}

// The bounds of what counts as a rise, tried on histories that settle on a plateau:
// with noise of any size, fewer than one in a hundred is accused.
const (
	gapEpochs = 5    // fewer say nothing
	gapRise   = 0.02 // by this share of the lowest loss at least
	gapNoise  = 4    // and this many standard errors
)

// Overfitting finds the gap in a history: validation loss has risen from its lowest
// value by more than 2 % and by more than the epochs' noise explains, while training
// loss went on falling. The noise is that of second differences, which a smooth
// course cancels in: σ = 1.4826·median|v₋₁ − 2v + v₊₁|/√6. It is nil where there is
// no such gap, or none yet.
func Overfitting(history []train.Epoch) *Overfit {
	var val, learned []float64
	for _, e := range history {
		v, ok := e.Val.Get("loss")
		t, _ := e.Train.Get("loss")
		if !ok || math.IsNaN(v+t) || math.IsInf(v+t, 0) {
			return nil
		}
		val, learned = append(val, v), append(learned, t)
	}
	n := len(val)
	if n < gapEpochs {
		return nil
	}
	var second []float64
	for i := 1; i < n-1; i++ {
		second = append(second, math.Abs(val[i-1]-2*val[i]+val[i+1]))
	}
	slices.Sort(second)
	noise := 1.4826 * second[len(second)/2] / math.Sqrt(6)
	at := 0
	for i, v := range val {
		if v < val[at] {
			at = i
		}
	}
	after := min(3, n-1-at)
	if after < 2 {
		return nil
	}
	around := val[max(0, at-1):min(n, at+2)]
	low, end := mean(around), mean(val[n-after:])
	least := max(gapRise*math.Abs(low), gapNoise*noise*math.Sqrt(1/float64(after)+1/float64(len(around))))
	if !(end-low > least) || mean(learned[n-after:]) >= learned[at] {
		return nil
	}
	last := history[n-1]
	o := &Overfit{Onset: history[at].Epoch, Epochs: last.Epoch, Low: val[at], Val: val[n-1], Train: learned[n-1]}
	for _, v := range last.Val {
		if t, ok := last.Train.Get(v.Name); ok && v.Name != "loss" && v.Name != "penalty" {
			o.Metric, o.MetricTrain, o.Final = v.Name, t, v.Value
			break
		}
	}
	return o
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// String says what was seen and since when.
func (o *Overfit) String() string {
	text := fmt.Sprintf("overfits from epoch %d on: validation loss was lowest there, %.4g, and is %.4g after epoch %d, while training loss went down to %.4g",
		o.Onset, o.Low, o.Val, o.Epochs, o.Train)
	if o.Metric != "" {
		text += fmt.Sprintf(" (%s %.4g in training, %.4g in validation)", o.Metric, o.MetricTrain, o.Final)
	}
	return text
}

// Cure names a regularizer for a model that overfits: the first of dropout, ℓ2,
// max-norm that it does not have, and RReLU where its activations are rectifiers
// of another kind.
func (o *Overfit) Cure(m nn.Model) string {
	cures := []string{fmt.Sprintf("stop there with early_stop.patience=%d early_stop.restore_best=true", max(2, min(10, o.Epochs/5)))}
	has := vocabularyOf(m)
	any := func(names ...string) bool { return slices.ContainsFunc(names, func(n string) bool { return has[n] }) }
	switch {
	case any("selu") && !any("alpha_dropout"):
		cures = append(cures, "add a layer alpha_dropout: 0.1 before the dense layers, which keeps selu's mean and variance")
	case !any("dropout", "alpha_dropout", "gaussian_dropout"):
		cures = append(cures, "add a layer dropout: 0.2 before the dense layers")
	case !any("kernel_regularizer"):
		cures = append(cures, "give the dense layers kernel_regularizer: {name: l2, l2: 0.0001}")
	case !any("kernel_constraint"):
		cures = append(cures, "give the dense layers kernel_constraint: {name: max_norm, max_value: 1}")
	default:
		cures = append(cures, "take fewer units, or get more rows")
	}
	if any("relu", "leaky_relu", "prelu", "relu6") && !any("rrelu") {
		cures = append(cures, "try activation: rrelu, whose random slopes act as a regularizer")
	}
	return upper(strings.Join(cures[:len(cures)-1], "; ") + "; or " + cures[len(cures)-1] + ".")
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// vocabularyOf is all words that a model is written with: kinds of layers, keys
// and values.
func vocabularyOf(m nn.Model) map[string]bool {
	words := map[string]bool{}
	v, err := nn.Encode(m)
	if err != nil { // a function: nothing is known of it
		return words
	}
	var walk func(v spec.Value)
	walk = func(v spec.Value) {
		words[v.Text] = true
		for _, x := range v.Items {
			walk(x)
		}
		for _, e := range v.Entries {
			words[e.Key] = true
			walk(e.Value)
		}
	}
	walk(v)
	return words
}
