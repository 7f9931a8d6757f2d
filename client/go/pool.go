package sluice

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Work that takes less than a few wake-ups is better done by one goroutine than by two.
	worthAGoroutine = 50 * time.Microsecond
	// Below, what goroutines do about a message costs more than the handler, and they only get in each other's way.
	cheap      = 5 * time.Microsecond
	slow       = 100 * time.Microsecond
	patience   = time.Millisecond
	firstGuess = slow
)

// pool runs handlers on a bounded number of goroutines, which it starts when they are needed.
//
// A wake-up costs more than many a handler, so no more goroutines are woken than the work is worth by the handlers'
// recent durations. If that guess was wrong because a handler waits for once, nudge wakes another within a millisecond.
//
// Safe for several goroutines. What waits here is bounded by the windows of the streams it comes from.
type pool struct {
	size    int
	runner  *runner
	time    *handlerTime
	handler atomic.Int64 // What a handler takes, by samples, in nanoseconds. Assumed to be slow until known.

	mu         sync.Mutex
	work       *sync.Cond
	queue      []*batch // Those with unclaimed messages, oldest first.
	queued     int      // Messages in it, at most: some are claimed already.
	frontSince time.Time
	running    int // Goroutines that are there.
	parked     int // Of these, those that wait for work.
	nudging    bool
	timer      *time.Timer
	stopping   bool
	gone       sync.WaitGroup
}

func newPool(size int, r *runner, t *handlerTime) *pool {
	p := &pool{size: size, runner: r, time: t}
	p.work = sync.NewCond(&p.mu)
	p.handler.Store(int64(firstGuess))
	p.timer = time.AfterFunc(time.Hour, p.nudge)
	p.timer.Stop()
	return p
}

// close waits for running handlers. Batches of streams that have ended are passed over.
func (p *pool) close() {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.work.Broadcast()
	p.gone.Wait()
	p.timer.Stop()
}

// wanted is how many goroutines the queued work keeps busy for long enough. With mu held.
func (p *pool) wanted() int {
	handler := time.Duration(p.handler.Load())
	switch {
	case handler < cheap:
		return 1
	case handler >= worthAGoroutine:
		return p.size
	default:
		return 1 + int(time.Duration(p.queued)*handler/worthAGoroutine)
	}
}

func (p *pool) busy() int { return p.running - p.parked }

func (p *pool) submit(b *batch) {
	messages := len(b.messages)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.frontSince = time.Now()
	}
	p.queue = append(p.queue, b)
	p.queued += messages
	idle, wanted := p.size-p.busy(), p.wanted()
	useful := min(idle, messages)
	wake := 0
	if wanted == p.size {
		// Where handlers are slow, those that are busy will not come to this batch soon.
		wake = useful
	} else if missing := wanted - p.busy(); missing > 0 {
		wake = min(missing, useful)
	}
	p.wake(wake)
	if wake < useful {
		p.armNudge(patience)
	}
}

// wake parked goroutines, or start more. With mu held.
func (p *pool) wake(count int) {
	for range count {
		if p.parked > 0 {
			p.parked--
			p.work.Signal()
			continue
		}
		p.running++
		p.gone.Add(1)
		go p.serve()
	}
}

func (p *pool) armNudge(after time.Duration) {
	if !p.nudging {
		p.nudging = true
		p.timer.Reset(after)
	}
}

// nudge wakes a goroutine if work has waited too long while some are idle.
func (p *pool) nudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nudging = false
	if len(p.queue) == 0 || p.busy() >= p.size || p.stopping {
		return
	}
	if waited := time.Since(p.frontSince); waited < patience {
		p.armNudge(patience - waited)
		return
	}
	p.handler.Store(int64(worthAGoroutine))
	p.wake(1)
	p.armNudge(patience)
}

// claimed: no message of the batch is left for others.
func (p *pool) claimed(b *batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.queue {
		if p.queue[i] == b {
			p.queue[i] = nil
			p.queue = append(p.queue[:i], p.queue[i+1:]...)
			p.queued -= len(b.messages)
			p.frontSince = time.Now()
			return
		}
	}
}

// serve is one goroutine.
func (p *pool) serve() {
	returned := false
	defer func() {
		if !returned {
			// A handler has ended the goroutine: another takes its place.
			go p.serve()
			return
		}
		p.gone.Done()
	}()
	for {
		b := p.take()
		if b == nil {
			returned = true
			return
		}
		t := p.runner.run(b, func() { p.claimed(b) })
		if t.first >= 0 {
			p.time.add(t.mean)
			// Goroutines may overwrite each other's contribution: it is an estimate.
			known := p.handler.Load()
			p.handler.Store((known*3 + int64(min(t.first, slow))) / 4)
		}
	}
}

// take waits for a batch; nil: the pool closes.
func (p *pool) take() *batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if len(p.queue) > 0 {
			if others := p.busy() - 1; p.stopping || others < p.wanted() {
				return p.queue[0]
			}
			p.armNudge(patience) // In case that the others do not come to it.
		} else if p.stopping {
			p.running--
			return nil
		}
		p.parked++
		p.work.Wait()
	}
}
