package backoff

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

func TestPausesDoubleAndAreHeldToARandomHalf(t *testing.T) {
	b := Backoff{First: 100 * time.Millisecond, Longest: time.Second}
	for _, whole := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		whole *= time.Millisecond
		if got := b.Next(codes.Unavailable); got < whole/2 || got > whole {
			t.Fatalf("%v where %v … %v was due", got, whole/2, whole)
		}
	}
	b.Reset()
	if got := b.Next(codes.Unauthenticated); got < 500*time.Millisecond {
		t.Fatalf("%v after a fatal status", got)
	}
	if got := b.Next(codes.Unavailable); got > 100*time.Millisecond {
		t.Fatalf("%v after a fatal one, which is no failure of the connection", got)
	}
}
