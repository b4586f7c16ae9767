package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A job is work in independent chunks. run is called once for every chunk, by
// any worker; the worker's number chooses its scratch memory.
type job struct {
	chunks int
	run    func(worker, chunk int)

	// Of a job whose chunks are not alike: what runs some at a time, the first of each
	// worker's own and how many a worker takes at once, but for the last quarter, so that
	// a worker that is done can help. With whole a worker takes all of its own.
	stretch func(worker, from, to int)
	shares  []int
	claim   int
	whole   bool
}

// do runs chunks [from, to).
func (j *job) do(worker, from, to int) {
	if j.stretch != nil {
		j.stretch(worker, from, to)
		return
	}
	for c := from; c < to; c++ {
		j.run(worker, c)
	}
}

// share is the chunks that are worker w's own.
func (j *job) share(w, workers int) (from, to int) {
	if j.shares != nil {
		return j.shares[w], j.shares[w+1]
	}
	return partOf(w, workers, j.chunks), partOf(w+1, workers, j.chunks)
}

const maxChunks = 1<<16 - 1

// A pool is a fixed set of goroutines that share the chunks of jobs with the
// caller, worker 0. They are handed a list of jobs at once and go through it
// together: a job begins when all chunks of the last are done. Idle workers spin
// briefly, since the next job is microseconds away, and then sleep, so that a
// neighbour gets the core.
//
// Of every job each worker has a range of neighbouring chunks of its own, the same
// share of all of them: what it wrote in one job is still in its cache when it reads
// there in the next. Whoever has done its own takes the last chunk of another's.
type pool struct {
	threads int
	users   int // plans, under the backend's mutex
	busy    sync.Mutex
	alone   time.Time // until then the caller works alone; zero for not

	jobs     []*job
	at       int           // the job that is worked on
	seq      atomic.Uint32 // its number among all jobs ever; odd while there is one
	done     atomic.Int64  // chunks of it
	leave    atomic.Bool   // the helpers have no part in what is begun
	portions []portion
	closed   atomic.Bool
	helpers  []*helper
	wg       sync.WaitGroup
}

// A portion holds everything that a claim depends on in one word: the job's number (32
// bits) and the chunks that are left, the first (16) and the one behind the last
// (16). A claim is one compare-and-swap, and one that was prepared for an earlier
// job cannot succeed.
type portion struct {
	word  atomic.Uint64
	claim atomic.Int64 // the most chunks that its own worker takes at once, or 0 for all
	_     [48]byte     // the rest of a cache line
}

// portionOf is the word of a portion. That of a worker which the job has no part for ends
// before it begins.
func portionOf(seq uint32, from, to int) uint64 {
	return uint64(seq)<<32 | uint64(from)<<16 | uint64(to)
}

// take claims the first chunks that are left, or the last one, if there is any. part
// reports whether the portion was one.
func (s *portion) take(seq uint32, last bool) (from, to int, part bool) {
	for {
		w := s.word.Load()
		from, to = int(w>>16&0xffff), int(w&0xffff)
		if uint32(w>>32) != seq || from >= to {
			return 0, 0, from <= to
		}
		var next uint64
		if last {
			from = to - 1
			next = w - 1
		} else {
			if claim := int(s.claim.Load()); claim > 0 {
				to = from + max(1, min((to-from)*3/4, claim))
			}
			next = w + uint64(to-from)<<16
		}
		if s.word.CompareAndSwap(w, next) {
			return from, to, true
		}
	}
}

type helper struct {
	parked atomic.Bool
	wake   chan struct{}
}

// An idle helper looks for work for so long before it sleeps: for about as long as it
// takes to wake one, 60 µs where it was measured, between lists, and longer within one,
// where the caller has a chunk or two to do alone. Meanwhile it lets other goroutines have
// its place now and then, and other threads its core: where a neighbour has all others, the
// thread that waits for this one may be the caller's.
const (
	patient       = 50 * time.Microsecond
	patientWithin = 200 * time.Microsecond
	spins         = 4000 // looks between two glances at the clock, some microseconds
)

// A helper that makes the caller wait for longer than late has lost its core to
// somebody else. Its core is then left alone for patience times as long as was
// lost: a busy neighbour costs one part in patience of the time at most, and one
// that is gone is soon forgotten.
const (
	late     = 200 * time.Microsecond
	patience = 8
)

// The caller that waits for a late helper sleeps for so long at a time: real-time threads
// are taken off a core by none but themselves, and the helper may be waiting for the
// caller's.
const nap = 50 * time.Microsecond

func newPool(threads int) *pool {
	p := &pool{threads: threads, portions: make([]portion, threads)}
	for i := 1; i < threads; i++ {
		h := &helper{wake: make(chan struct{}, 1)}
		p.helpers = append(p.helpers, h)
		p.wg.Add(1)
		go p.help(h, i)
	}
	return p
}

// do runs jobs one after the other and returns when all their chunks are done.
// Where another plan has the helpers, or they were late, the caller does the work
// alone: the bytes are the same.
func (p *pool) do(jobs []*job) {
	if len(p.helpers) == 0 || !shared(jobs) || !p.busy.TryLock() {
		for _, j := range jobs {
			j.all()
		}
		return
	}
	defer p.busy.Unlock()
	if !p.alone.IsZero() && !time.Now().Before(p.alone) {
		p.alone = time.Time{}
	}
	p.leave.Store(!p.alone.IsZero())
	p.jobs, p.at = jobs, -1
	p.next(0, p.seq.Load())
	for seq := p.seq.Load(); seq&1 != 0; seq = p.seq.Load() {
		start, own := time.Now(), 0
		for p.work(0, seq) {
			own++
		}
		p.wait(seq, start, own)
	}
	p.jobs = nil
}

// shared reports whether a job has a chunk for a helper.
func shared(jobs []*job) bool {
	for _, j := range jobs {
		if j.chunks > 1 {
			return true
		}
	}
	return false
}

// all runs every chunk.
func (j *job) all() {
	j.do(0, 0, j.chunks)
}

// next begins the job behind the present one, whose number is seq, or ends the list.
// The caller need not tell anybody of what is for it alone.
func (p *pool) next(worker int, seq uint32) {
	seq |= 1 // of an idle pool, whose list begins: the number before
	p.at++
	for worker == 0 && p.at < len(p.jobs) && (p.jobs[p.at].chunks == 1 || p.leave.Load()) {
		p.jobs[p.at].all()
		p.at++
	}
	if p.at == len(p.jobs) {
		p.seq.Store(seq + 1)
		return
	}
	seq += 2
	n := p.jobs[p.at].chunks
	p.done.Store(0)
	alone := p.leave.Load()
	for w := range p.portions {
		from, to := p.jobs[p.at].share(w, p.threads)
		switch {
		case alone && w == 0:
			from, to = 0, n
		case alone || from == to:
			from, to = 1, 0
		}
		claim := max(1, p.jobs[p.at].claim)
		if p.jobs[p.at].whole {
			claim = 0
		}
		p.portions[w].claim.Store(int64(claim))
		p.portions[w].word.Store(portionOf(seq, from, to))
	}
	p.seq.Store(seq)
	if n == 1 || alone {
		return
	}
	for i, h := range p.helpers {
		if i+1 < n && h.parked.Load() && h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
}

// partOf is the first of n chunks that are worker w's.
func partOf(w, workers, n int) int { return (w*n + workers - 1) / workers }

// work claims a chunk of the job with that number and runs it, or reports that there
// is none. A helper that the job has no part for does not take another's.
func (p *pool) work(worker int, seq uint32) bool {
	from, to, part := p.portions[worker].take(seq, false)
	for k := 1; from == to && k < p.threads && (part || worker == 0); k++ {
		from, to, _ = p.portions[(worker+k)%p.threads].take(seq, true)
	}
	if from == to {
		return false
	}
	j := p.jobs[p.at]
	j.do(worker, from, to)
	if p.done.Add(int64(to-from)) == int64(j.chunks) {
		p.next(worker, seq)
	}
	return true
}

// wait lets the caller wait for the end of a job of which it has done own chunks. A
// helper may be at work for as long as one of those took, and a little longer.
func (p *pool) wait(seq uint32, start time.Time, own int) {
	var since time.Time
	var grace time.Duration
	for n := 0; p.seq.Load() == seq; n++ {
		if n < spins {
			continue
		}
		if n == spins {
			since = time.Now()
			grace = late + since.Sub(start)/time.Duration(max(own, 1))
		}
		if time.Since(since) <= grace {
			runtime.Gosched()
			continue
		}
		p.leave.Store(true)
		time.Sleep(nap)
	}
	if since.IsZero() {
		return
	}
	now := time.Now()
	if lost := now.Sub(since); lost > grace {
		p.leave.Store(true)
		p.alone = now.Add(patience * (lost - grace + late))
	}
}

// look waits for a job other than the one seen last, and returns that where none comes
// soon.
func (p *pool) look(seen uint32) (seq uint32) {
	most := patient
	if seen&1 != 0 {
		most = patientWithin
	}
	var start time.Time
	for n := 1; ; n++ {
		if seq = p.seq.Load(); seq != seen {
			return seq
		}
		if n%spins != 0 {
			continue
		}
		switch now := time.Now(); {
		case start.IsZero():
			start = now
		case now.Sub(start) > most:
			return seq
		default:
			runtime.Gosched()
			yield()
		}
	}
}

func (p *pool) help(h *helper, worker int) {
	defer p.wg.Done()
	seen := uint32(0)
	for !p.closed.Load() {
		seq := p.look(seen)
		if seq != seen {
			for seq&1 != 0 && p.work(worker, seq) {
			}
			seen = seq
			continue
		}
		h.parked.Store(true)
		// Work that came between the last look and the flag would be missed.
		if (p.seq.Load() != seen || p.closed.Load()) && h.parked.CompareAndSwap(true, false) {
			continue
		}
		<-h.wake
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
