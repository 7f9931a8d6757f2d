// Package backoff says how long to wait before a connection is tried again.
package backoff

import (
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
)

// Fatal tells whether a status will not go away by itself (worker.proto, "The life of a stream").
func Fatal(code codes.Code) bool {
	switch code {
	case codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied, codes.FailedPrecondition, codes.Unimplemented:
		return true
	default:
		return false
	}
}

// Backoff is not safe for several goroutines.
type Backoff struct {
	First, Longest time.Duration
	failures       uint
}

// Next is a random half … whole of a pause that doubles; after a fatal code, of the longest.
func (b *Backoff) Next(code codes.Code) time.Duration {
	whole := b.Longest
	if !Fatal(code) {
		const maxDoublings = 20
		whole = min(b.Longest, b.First<<min(b.failures, maxDoublings))
		b.failures++
	}
	return whole/2 + rand.N(whole/2+1)
}

// Reset after what was no failure: the next pause starts from the first again.
func (b *Backoff) Reset() { b.failures = 0 }
