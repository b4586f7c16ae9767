package cpu

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/nadir-ml/nadir/backend"
	"github.com/nadir-ml/nadir/graph"
	"github.com/nadir-ml/nadir/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPool gives pools jobs of all sizes: every chunk is run once, by a worker
// that has no other at the time, and is done when do returns.
func TestPool(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2, 3, 5, 8} {
		p := newPool(threads)
		busy := make([]atomic.Bool, threads)
		for n := range 300 {
			chunks := 1 + n%17
			if n%100 == 0 {
				chunks = 5000
			}
			ran := make([]int, chunks)
			p.do([]*job{{chunks: chunks, run: func(worker, chunk int) {
				if !busy[worker].CompareAndSwap(false, true) {
					t.Errorf("worker %d of %d has two chunks at once", worker, threads)
				}
				ran[chunk]++
				busy[worker].Store(false)
			}}})
			for c, times := range ran {
				if times != 1 {
					t.Fatalf("%d threads: chunk %d of %d ran %d times", threads, c, chunks, times)
				}
			}
		}
		p.stop()
	}
}

// TestPoolJobs hands over lists of jobs: each finds done what those before it do,
// whatever share of it the workers have.
func TestPoolJobs(t *testing.T) {
	t.Parallel()
	for _, threads := range []int{1, 2, 3, 5, 8} {
		p := newPool(threads)
		rapid.Check(t, func(t *rapid.T) {
			chunks := rapid.SliceOfN(rapid.IntRange(1, 40), 0, 30).Draw(t, "chunks")
			ran := make([][]int, len(chunks))
			early := atomic.Int64{}
			var jobs []*job
			for i, n := range chunks {
				ran[i] = make([]int, n)
				jobs = append(jobs, &job{chunks: n, run: func(_, chunk int) {
					ran[i][chunk]++
					if i > 0 && slices.Contains(ran[i-1], 0) {
						early.Add(1)
					}
				}})
			}
			for times := range 3 {
				p.do(jobs)
				for i := range ran {
					for c, n := range ran[i] {
						if n != times+1 {
							t.Fatalf("%d threads: chunk %d of job %d ran %d times, want %d", threads, c, i, n, times+1)
						}
					}
				}
			}
			if early.Load() > 0 {
				t.Errorf("%d threads: %d chunks ran before the job in front was done", threads, early.Load())
			}
		})
		p.stop()
	}
}

// TestPoolShared lets several callers use one pool: those that do not get the
// helpers do their work alone.
func TestPoolShared(t *testing.T) {
	t.Parallel()
	p := newPool(3)
	defer p.stop()
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for n := range 200 {
				chunks := 1 + (n+caller)%9
				ran := make([]int, chunks)
				p.do([]*job{{chunks: chunks, run: func(_, chunk int) { ran[chunk]++ }}})
				for c, times := range ran {
					if times != 1 {
						t.Errorf("caller %d: chunk %d of %d ran %d times", caller, c, chunks, times)
					}
				}
			}
		})
	}
	wg.Wait()
}

// TestPlansTogether runs plans of one backend at the same time, made and closed
// meanwhile.
func TestPlansTogether(t *testing.T) {
	t.Parallel()
	b := New()
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for n := range 5 {
				if err := square(b, 1+(caller+n)%3, float64(caller+2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(b.pools) != 0 {
		t.Errorf("%d pools are left", len(b.pools))
	}
}

// square multiplies a matrix of a number with itself and checks the result.
func square(b *Backend, threads int, v float64) error {
	const n = 150
	g := graph.New()
	x := g.Input("x", graph.Float, n, n)
	g.Output("y", x.MatMul(x).Sum())
	p, err := b.Compile(g, backend.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer p.Close()
	in := tensor.New(tensor.Float32, n, n)
	for i := range in.Len() {
		in.SetFlat(i, v)
	}
	for range 3 {
		if err := p.Run(context.Background(), backend.Inputs{Values: map[string]*tensor.Tensor{"x": in}}); err != nil {
			return err
		}
		if got, want := p.Output("y").Flat(0), n*n*n*v*v; got != want {
			return fmt.Errorf("%d threads: %v, want %v", threads, got, want)
		}
	}
	return nil
}

// TestClose takes a plan back twice, and one while another goes on.
func TestClose(t *testing.T) {
	t.Parallel()
	b := New()
	g := graph.New()
	g.Output("y", g.Input("x", graph.Float, 3).Square())
	var plans []backend.Plan
	for range 2 {
		p, err := b.Compile(g, backend.Options{Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	for range 2 {
		if err := plans[0].Close(); err != nil {
			t.Error(err)
		}
	}
	in := backend.Inputs{Values: map[string]*tensor.Tensor{"x": tensor.Of([]float32{1, 2, 3}, 3)}}
	if err := plans[1].Run(context.Background(), in); err != nil || plans[1].Output("y").Flat(2) != 9 {
		t.Errorf("%v, %v", plans[1].Output("y"), err)
	}
	if err := plans[1].Close(); err != nil || len(b.pools) != 0 {
		t.Errorf("%v, %d pools", err, len(b.pools))
	}
	if _, err := b.Compile(g, backend.Options{Float: tensor.Int32}); err == nil || len(b.pools) != 0 {
		t.Errorf("a plan of ints is %v, %d pools", err, len(b.pools))
	}
	g.Fail("broken")
	if _, err := b.Compile(g, backend.Options{Threads: 2}); err == nil || len(b.pools) != 0 {
		t.Errorf("a plan of a broken graph is %v, %d pools", err, len(b.pools))
	}
}

// A helper that lost its core is left alone for a while, and asked again after it.
func TestPoolLeavesLateHelpersAlone(t *testing.T) {
	t.Parallel()
	p := newPool(2)
	defer p.stop()
	meet := func(delay time.Duration) {
		started := make(chan struct{})
		p.do([]*job{{chunks: 2, run: func(worker, _ int) {
			if worker == 1 {
				close(started)
				time.Sleep(delay)
			} else {
				<-started
			}
		}}})
	}
	for try := 0; p.alone.IsZero() && try < 20; try++ { // the caller may be late itself
		meet(20 * late)
	}
	if p.alone.IsZero() {
		t.Fatal("a helper that was late is not known to be")
	}
	p.alone = time.Now().Add(time.Hour)
	p.do([]*job{{chunks: 100, run: func(worker, chunk int) {
		if worker != 0 {
			t.Errorf("the helper has chunk %d", chunk)
		}
	}}})
	p.alone = time.Now().Add(-time.Second)
	meet(0) // ends only if the helper takes part
}

// A caller that waits for a late helper sleeps: its thread has the core no longer, which
// may be what the helper's waits for.
func TestPoolGivesItsThreadUp(t *testing.T) {
	t.Parallel()
	p := newPool(2)
	defer p.stop()
	seen := false
	started := make(chan struct{})
	p.do([]*job{{chunks: 2, run: func(worker, _ int) {
		if worker == 0 {
			<-started
			return
		}
		close(started)
		stacks := make([]byte, 1<<20)
		for end := time.Now().Add(10 * time.Second); !seen && time.Now().Before(end); {
			for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
				head, _, _ := strings.Cut(stack, "\n")
				seen = seen || strings.Contains(head, "[sleep") && strings.Contains(stack, "(*pool).wait(")
			}
		}
	}}})
	if !seen {
		t.Error("the caller spins for as long as the helper is at work")
	}
}

// BenchmarkNeighbour is work in chunks of some 20 µs, on one thread and on two in
// turns, window by window, while somebody else keeps a core busy or not. Two should
// take no more than 1.2 times as long as one: what is reported as two/one, of the
// sums and of the medians.
func BenchmarkNeighbour(b *testing.B) {
	for _, busy := range []bool{false, true} {
		b.Run(fmt.Sprintf("busy=%v", busy), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1))
			var end atomic.Bool
			var wg sync.WaitGroup
			if busy {
				wg.Go(func() {
					runtime.LockOSThread() // the thread ends with it
					for !end.Load() {
					}
				})
			}
			j := []*job{{chunks: 8, run: func(int, int) {
				x := uint64(1)
				for range 20000 {
					x ^= x << 13
					x ^= x >> 7
				}
				if x == 0 {
					b.Error("a generator ended")
				}
			}}}
			var took [2][]time.Duration
			var sum [2]time.Duration
			var pools [2]*pool
			for i := range pools {
				pools[i] = newPool(i + 1)
			}
			for b.Loop() {
				for i, p := range pools {
					start := time.Now()
					for range 30 {
						p.do(j)
					}
					d := time.Since(start)
					sum[i] += d
					took[i] = append(took[i], d)
				}
			}
			for i, p := range pools {
				p.stop()
				slices.Sort(took[i])
			}
			end.Store(true)
			wg.Wait()
			median := func(d []time.Duration) float64 { return float64(d[len(d)/2]) }
			b.ReportMetric(float64(sum[1])/float64(sum[0]), "two/one")
			b.ReportMetric(median(took[1])/median(took[0]), "two/one-median")
		})
	}
}
