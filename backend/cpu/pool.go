package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A job is work in independent chunks. run is called once for every chunk, by
// any worker; the worker's number chooses its scratch memory. What all chunks share
// is made by first, where there is something, before any of them.
type job struct {
	chunks int
	first  func()
	run    func(worker, chunk int)
}

func (j *job) begin() {
	if j.first != nil {
		j.first()
	}
}

const maxChunks = 1<<16 - 1

// A pool is a fixed set of goroutines that share the chunks of one job at a
// time with the caller. Idle ones spin briefly, since the next job of a step
// is microseconds away, and then sleep, so that a neighbour gets the core.
//
// The ticket holds everything that a claim depends on in one word: the job's
// generation (32 bits), its number of chunks (16) and the next chunk (16). A
// claim is one compare-and-swap, and one that was prepared for an earlier job
// cannot succeed.
type pool struct {
	threads int
	users   int // plans, under the backend's mutex
	busy    sync.Mutex
	alone   time.Time // until then the caller works alone; zero for not
	job     atomic.Pointer[job]
	ticket  atomic.Uint64
	done    atomic.Int64
	closed  atomic.Bool
	helpers []*helper
	wg      sync.WaitGroup
}

type helper struct {
	parked atomic.Bool
	wake   chan struct{}
}

// spins is how often an idle helper looks for work before it sleeps: some 10 µs.
const spins = 4000

// A helper that makes the caller wait for longer than late has lost its core to
// somebody else. Its core is then left alone for patience times as long as was
// lost: a busy neighbour costs one part in patience of the time at most, and one
// that is gone is soon forgotten.
const (
	late     = 200 * time.Microsecond
	patience = 8
)

func newPool(threads int) *pool {
	p := &pool{threads: threads}
	for i := 1; i < threads; i++ {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers = append(p.helpers, h)
		p.wg.Add(1)
		go p.help(h, i)
	}
	return p
}

// do runs a job and returns when all its chunks are done. Where another plan
// has the helpers, or they were late, the caller does the work alone: the bytes
// are the same.
func (p *pool) do(j *job) {
	j.begin()
	if j.chunks == 1 || len(p.helpers) == 0 || !p.busy.TryLock() {
		j.all()
		return
	}
	defer p.busy.Unlock()
	if !p.alone.IsZero() {
		if time.Now().Before(p.alone) {
			j.all()
			return
		}
		p.alone = time.Time{}
	}
	p.job.Store(j)
	p.done.Store(0)
	gen := p.ticket.Load()>>32 + 1
	p.ticket.Store(gen<<32 | uint64(j.chunks)<<16)
	for i, h := range p.helpers {
		if i+1 >= j.chunks {
			break
		}
		if h.parked.Load() && h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	for p.claim(0) {
	}
	var since time.Time
	for n := 0; p.done.Load() < int64(j.chunks); n++ {
		if n == spins {
			since = time.Now()
		}
		if n > spins {
			runtime.Gosched()
		}
	}
	if !since.IsZero() {
		now := time.Now()
		if lost := now.Sub(since); lost > late {
			p.alone = now.Add(patience * lost)
		}
	}
}

// all runs every chunk.
func (j *job) all() {
	for c := range j.chunks {
		j.run(0, c)
	}
}

// claim takes one chunk and runs it, or reports that there is none.
func (p *pool) claim(worker int) bool {
	for {
		t := p.ticket.Load()
		next, chunks := t&0xffff, t>>16&0xffff
		if next >= chunks {
			return false
		}
		j := p.job.Load()
		if p.ticket.CompareAndSwap(t, t+1) {
			j.run(worker, int(next))
			p.done.Add(1)
			return true
		}
	}
}

func (p *pool) help(h *helper, worker int) {
	defer p.wg.Done()
	idle := 0
	for !p.closed.Load() {
		if p.claim(worker) {
			idle = 0
			continue
		}
		if idle++; idle < spins {
			continue
		}
		h.parked.Store(true)
		// Work that came between the last look and the flag would be missed.
		t := p.ticket.Load()
		if (t&0xffff < t>>16&0xffff || p.closed.Load()) && h.parked.CompareAndSwap(true, false) {
			idle = 0
			continue
		}
		<-h.wake
		idle = 0
	}
}

// stop ends the helpers and waits for them.
func (p *pool) stop() {
	p.closed.Store(true)
	for _, h := range p.helpers {
		if h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	p.wg.Wait()
}
