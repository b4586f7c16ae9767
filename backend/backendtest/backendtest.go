package backendtest

import (
	"testing"

	"github.com/nadir-ml/nadir/backend"
)

// Run runs the suite.
func Run(t *testing.T, b backend.Backend) {
	t.Run("ops", func(t *testing.T) { testOps(t, b) })
}
