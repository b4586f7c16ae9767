package transfer

import (
	"fmt"
	"testing"

	"github.com/nadir-ml/nadir/act"
	"github.com/nadir-ml/nadir/data"
	"github.com/nadir-ml/nadir/data/digits"
	"github.com/nadir-ml/nadir/nn"
	"github.com/nadir-ml/nadir/train"
)

// five is a net of five layers of 100 on digits.
func five() nn.Sequential {
	m := nn.Sequential{nn.Flatten{}}
	for i := range 5 {
		m = append(m, nn.Dense{Units: 100, Act: act.ELU{}, Name: fmt.Sprint("hidden", i+1)})
	}
	return append(m, nn.Dense{Units: 10, Name: "head"})
}

// BenchmarkEpoch trains epochs of 5,000 digits with four of five layers of 100
// frozen; an operation is an epoch. The frozen layers are run before the time is
// taken.
func BenchmarkEpoch(b *testing.B) {
	rows, _ := digits.New(1, 5000, 1)
	for _, mode := range []Mode{Off, Memory, Disk} {
		b.Run(string(mode), func(b *testing.B) {
			tr := trainer(b, five(), train.Config{Data: rows.Schema()}, "hidden[1-4]")
			cache := &Cache{Mode: mode, Dir: b.TempDir()}
			defer cache.Close()
			steps := tr.Steps(b.Context(), train.Run{Train: data.Source(rows), Epochs: 1 << 30, Cache: cache})
			for s, err := range steps {
				if err != nil {
					b.Fatal(err)
				}
				if s.Done != nil && !b.Loop() { // the first epoch has run before the loop begins
					break
				}
			}
		})
	}
}
