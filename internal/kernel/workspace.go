//go:build (amd64 || arm64) && !noasm

package kernel

import (
	"runtime"
	"sync/atomic"
)

// A workspace is where one running product packs its operands. The workspaces
// are static: a product takes no memory, and one that was never claimed costs
// none.
type workspace struct {
	busy atomic.Bool
	*packed
	slide    slide
	depth    depthCall
	winograd winogradCall
}

// packed is what a workspace has that holds no pointers. It lies apart, so that the garbage
// collector has no map of it to unroll when the process starts, and to walk each time.
type packed struct {
	block  [depth*(blockRows+stripPad) + line]float32
	panels [depth*groupCols + line]float32
}

var (
	workspaces [32]workspace
	packs      [len(workspaces)]packed
)

// claim waits for a free workspace.
func claim() *workspace {
	for {
		for i := range workspaces {
			w := &workspaces[i]
			if !w.busy.Load() && w.busy.CompareAndSwap(false, true) {
				w.packed = &packs[i]
				return w
			}
		}
		runtime.Gosched()
	}
}

func (w *workspace) release() { w.busy.Store(false) }
