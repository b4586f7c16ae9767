package train

import (
	"context"
	"testing"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/data"
)

// run runs a plan once on a batch.
func run(t testing.TB, tr *Trainer, c *compiled, m mode, batch *data.Batch) {
	t.Helper()
	if err := tr.load(c, batch, m, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.plan.Run(context.Background(), backend.Inputs{Values: c.feed}); err != nil {
		t.Fatal(err)
	}
}
