package backendtest

import (
	"testing"

	"github.com/nadir-ml/nadir/backend"
)

// Run runs the suite.
func Run(t *testing.T, b backend.Backend) {
	for _, part := range []struct {
		name string
		test func(*testing.T, backend.Backend)
	}{
		{"ops", testOps},
		{"chains", testChains},
		{"threads", testThreads},
		{"random", testRandom},
		{"updates", testUpdates},
		{"outputs", testOutputs},
		{"inputs", testInputs},
		{"guards", testGuards},
		{"compile errors", testCompileErrors},
		{"run errors", testRunErrors},
		{"steps", testSteps},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b) })
	}
}
