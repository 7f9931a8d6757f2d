package sluice

import (
	"sync/atomic"
	"time"
)

// What waits in a worker is out of the reach of others. So there is no more of it than the handlers get through in
// longestWait, and where one message takes longer than that, none: a worker that joins then finds its share with the
// gateway.
const (
	longestWait    = 100 * time.Millisecond
	mostAutoWindow = 1000
)

// autoWindow for one stream of `streams` that have something to do. `handler`: what one message takes; 0: not known yet,
// and then it may be long.
func autoWindow(concurrency int, handler time.Duration, streams int) uint32 {
	total := concurrency
	if handler > 0 {
		total += concurrency * int(min(longestWait/handler, mostAutoWindow))
	}
	streams = max(streams, 1)
	return uint32(min(max((total+streams-1)/streams, 1), mostAutoWindow))
}

// worthTelling: small changes are not worth a message of their own.
func worthTelling(told, wanted uint32) bool {
	change := max(told, wanted) - min(told, wanted)
	return change > 0 && change >= told/4
}

// handlerTime is what a message takes in a handler, lately. Goroutines may overwrite each other's contribution: it is an
// estimate.
type handlerTime struct{ nanos atomic.Int64 }

func (h *handlerTime) add(took time.Duration) {
	known := h.nanos.Load()
	if known == 0 {
		h.nanos.Store(int64(took) + 1)
		return
	}
	h.nanos.Store((known*3+int64(took))/4 + 1)
}

// get returns 0 while it is not known.
func (h *handlerTime) get() time.Duration { return time.Duration(h.nanos.Load()) }
