package tune

import (
	"context"
	"slices"
	"time"

	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/tensor"
	"github.com/nadir-ml/nadir/train"
)

// A Cost is what a prediction takes, in microseconds, with all that preprocesses
// its input and with batch normalization folded into the layers beside it.
type Cost struct {
	One   float64 `json:"one"`   // of a row by itself
	Batch float64 `json:"batch"` // of a row among many
}

// The measuring of costs: each net in turn for a slice of time, and again.
const (
	costRounds = 15
	costSlice  = 5 * time.Millisecond
	costBatch  = 256
)

// Latency measures what a prediction costs each net, on rows of src, the nets
// taking turns so that what disturbs the machine disturbs all. It is to run by
// itself. Of each net it is the median of the rounds.
func Latency(ctx context.Context, src data.Source, nets ...*train.Net) ([]Cost, error) {
	out := make([]Cost, len(nets))
	for _, rows := range []int{1, min(costBatch, src.Len())} {
		b := data.NewBatch(src.Schema(), rows)
		idx := make([]int32, rows)
		for i := range idx {
			idx[i] = int32(i)
		}
		if err := src.Read(b, idx); err != nil {
			return nil, err
		}
		x, _ := b.View()
		times := make([][]float64, len(nets))
		var ready []prediction
		for _, n := range nets {
			p, err := n.Predictor(rows)
			if err != nil {
				return nil, err
			}
			defer p.Close()
			ready = append(ready, prediction{p, p.Outputs(), x})
		}
		for round := range costRounds + 1 {
			for i, p := range ready {
				us, err := p.spend(ctx)
				if err != nil {
					return nil, err
				}
				if round > 0 { // the first warms
					times[i] = append(times[i], us/float64(rows))
				}
			}
		}
		for i := range nets {
			slices.Sort(times[i])
			v := times[i][len(times[i])/2]
			if rows == 1 {
				out[i].One = v
			}
			out[i].Batch = v
		}
	}
	return out, nil
}

// A prediction is one that can be made again and again.
type prediction struct {
	*train.Predictor
	to, of []*tensor.Tensor
}

// spend predicts for a slice of time: microseconds a call.
func (p prediction) spend(ctx context.Context) (float64, error) {
	start, calls := time.Now(), 0
	for {
		if err := p.Predict(ctx, p.to, p.of); err != nil {
			return 0, err
		}
		calls++
		if d := time.Since(start); d >= costSlice {
			return float64(d.Nanoseconds()) / 1e3 / float64(calls), nil
		}
	}
}
