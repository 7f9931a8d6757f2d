package sluice

import (
	"math"
	"time"
)

// never is later than all times of a session, which count from when its worker was made.
const never = time.Duration(math.MaxInt64)

type extension struct {
	deliveryID uint64
	lease      time.Duration
}

// leaseKeeper knows which deliveries are held, which of them handlers have begun, and when their leases are to be
// extended: at half the lease, again and again. It costs once per frame, nothing per message. Pure: time is a parameter.
// Not safe for several goroutines.
type leaseKeeper struct {
	batches    []*batch
	tellsBegun bool // The gateway wants to know what has begun, and extends nothing else.
}

func (k *leaseKeeper) empty() bool { return len(k.batches) == 0 }

// add takes deliveries whose leases began at `received`.
func (k *leaseKeeper) add(b *batch, received time.Duration) {
	b.due = dueAt(b, received)
	b.index = len(k.batches)
	k.batches = append(k.batches, b)
}

// remove when the last of the batch is done.
func (k *leaseKeeper) remove(b *batch) {
	if b.index < 0 {
		return
	}
	last := len(k.batches) - 1
	k.batches[b.index] = k.batches[last]
	k.batches[b.index].index = b.index
	k.batches[last] = nil
	k.batches = k.batches[:last]
	b.index = -1
}

func isHeld(d *delivery) bool {
	state := d.state.Load()
	return state == stateHeld || state == stateRunning
}

// dueAt is half of the batch's shortest lease, of those still held; never: none has one.
func dueAt(b *batch, from time.Duration) time.Duration {
	shortest := never
	for i := range b.deliveries {
		if d := &b.deliveries[i]; d.lease > 0 && d.lease < shortest && isHeld(d) {
			shortest = d.lease
		}
	}
	if shortest == never {
		return never
	}
	return from + shortest/2
}

func (k *leaseKeeper) find(id uint64) *delivery {
	for _, b := range k.batches {
		for i := range b.deliveries {
			if b.deliveries[i].id == id {
				return &b.deliveries[i]
			}
		}
	}
	return nil
}

// markLost returns the delivery that the gateway has given to another worker; nil: it is not held.
func (k *leaseKeeper) markLost(id uint64) *delivery {
	if d := k.find(id); d != nil && d.lose() {
		return d
	}
	return nil
}

// stopExtending a lease that cannot be made longer.
func (k *leaseKeeper) stopExtending(id uint64) {
	if d := k.find(id); d != nil {
		d.lease = 0
	}
}

// takeBegun returns what handlers have begun since the last call.
func (k *leaseKeeper) takeBegun(now time.Duration) []uint64 {
	var begun []uint64
	for _, b := range k.batches {
		for i := range b.deliveries {
			if d := &b.deliveries[i]; d.told == never && d.state.Load() == stateRunning {
				d.told = now
				begun = append(begun, d.id)
			}
		}
	}
	return begun
}

// running returns how much of what takeBegun has told is still in a handler, and when the last of it was told.
func (k *leaseKeeper) running() (count int, youngest time.Duration) {
	for _, b := range k.batches {
		for i := range b.deliveries {
			if d := &b.deliveries[i]; d.told != never && d.state.Load() == stateRunning {
				youngest = max(youngest, d.told)
				count++
			}
		}
	}
	return count, youngest
}

// takeDue returns what is to be extended now.
func (k *leaseKeeper) takeDue(now time.Duration) []extension {
	var due []extension
	for _, b := range k.batches {
		if b.due > now {
			continue
		}
		for i := range b.deliveries {
			d := &b.deliveries[i]
			if d.lease > 0 && isHeld(d) && (!k.tellsBegun || d.told != never) {
				due = append(due, extension{d.id, d.lease})
			}
		}
		b.due = dueAt(b, now)
	}
	return due
}

// next is when takeDue is worth a call.
func (k *leaseKeeper) next() time.Duration {
	next := never
	for _, b := range k.batches {
		next = min(next, b.due)
	}
	return next
}
