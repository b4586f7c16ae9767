package cpu

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/internal/kernel"
	"github.com/nadir-ml/nadir/tensor"
)

// A Backend compiles plans that share one pool of threads for each number of
// threads asked for. The zero Backend is ready; it must not be copied after
// use. The threads end when the last of its plans is closed.
type Backend struct {
	mu    sync.Mutex
	pools map[int]*pool
}

// New is a backend with no plans.
func New() *Backend { return &Backend{} }

// Name is "cpu".
func (b *Backend) Name() string { return "cpu" }

// Compile lays out a plan. See [backend.Backend].
func (b *Backend) Compile(g *graph.Builder, o backend.Options) (backend.Plan, error) {
	if err := checkProducts(o); err != nil {
		return nil, err
	}
	switch o.Float {
	case 0, tensor.Float32:
		return newPlan[float32](b, g, o)
	case tensor.Float64:
		return newPlan[float64](b, g, o)
	}
	return nil, fmt.Errorf("cpu: no plan computes in %v; want float32 or float64", o.Float)
}

func (b *Backend) acquire(threads int) *pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pools == nil {
		b.pools = map[int]*pool{}
	}
	p := b.pools[threads]
	if p == nil {
		p = newPool(threads)
		b.pools[threads] = p
	}
	p.users++
	return p
}

func (b *Backend) release(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.users--; p.users == 0 {
		delete(b.pools, p.threads)
		p.stop()
	}
}

// Family is the name of the kernels in use: generic, avx2, avx512 or neon.
func Family() string { return kernel.Family() }

// Kernels is Family and, of plans whose products round their operands, what computes
// those: the bytes of results depend on both.
func Kernels(products tensor.DType) string {
	if products == tensor.Invalid {
		return Family()
	}
	return Family() + "+" + kernel.HalfProducts()
}

// Cores is the number of threads that 0 stands for.
func Cores() int { return runtime.GOMAXPROCS(0) }

// Families lists the kernels that this processor and build have, the best
// last.
func Families() []string { return kernel.Families() }

// Check says what is wrong with the family that NADIR_CPU asks for, if
// anything.
func Check() error { return kernel.Err() }
