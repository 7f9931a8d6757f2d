package sluice

import (
	"context"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/internal/backoff"
	"sluice.dev/client/go/internal/target"
)

// link is one replica, served by a goroutine that dials it again whenever its stream ends.
type link struct {
	address target.Address
	backoff backoff.Backoff
	changed chan struct{} // wanted is another.
	wanted  bool          // False: its name no longer gives it; not dialled again. Guarded by the fleet's mu.
}

// openStream registers a stream; nil: the link is to end, and is no longer known.
func (f *fleet) openStream(l *link) *stream {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaving || !l.wanted {
		delete(f.links, l.address.Replica())
		return nil
	}
	window := uint32(f.options.windowMessages)
	if f.options.windowMessages == AutoWindow {
		window = f.autoWindow(f.now())
	}
	s := newStream(f.base, f.options, f, l.address, f.instance, window)
	f.streams[s] = never
	f.tasks.Go(s.serve)
	return s
}

// serveLink until the worker leaves, or the address is not wanted any more.
func (f *fleet) serveLink(l *link) {
	for {
		s := f.openStream(l)
		if s == nil {
			return
		}
		select {
		case <-s.ended:
		case <-s.moved:
		}
		var pause time.Duration
		select {
		case <-s.moved:
			// The next stream does not wait for this one's last handlers.
			f.tasks.Go(func() {
				<-s.ended
				f.streamEnded(s, nil)
			})
			pause = f.pauseAfterMove(l, s)
		default:
			pause = f.streamEnded(s, l)
		}
		if pause > 0 && !f.rest(l, pause) {
			return
		}
	}
}

// rest before the link is dialled again. False: it is not to be, and is no longer known.
func (f *fleet) rest(l *link, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		f.mu.Lock()
		over := f.leaving || !l.wanted
		if over {
			delete(f.links, l.address.Replica())
		}
		f.mu.Unlock()
		if over {
			return false
		}
		select {
		case <-timer.C:
			return true
		case <-l.changed:
		case <-f.leave:
		}
	}
}

// pauseAfterMove: taking leave is no failure. Of a gateway that hardly came, the next waits a little all the same.
func (f *fleet) pauseAfterMove(l *link, s *stream) time.Duration {
	f.mu.Lock()
	since, known := f.streams[s]
	f.mu.Unlock()
	l.backoff.Reset()
	if known && f.now()-since >= steady {
		return 0
	}
	return l.backoff.Next(codes.Unavailable)
}

// streamEnded tells of it, and when its link (nil: it has another stream) is dialled again.
func (f *fleet) streamEnded(s *stream, l *link) time.Duration {
	f.mu.Lock()
	since := f.streams[s]
	delete(f.streams, s)
	again := l != nil && l.wanted && !f.leaving
	f.mu.Unlock()
	connected := since != never
	pause := noRetry
	if again {
		if connected && f.now()-since >= steady {
			l.backoff.Reset()
		}
		pause = l.backoff.Next(status.Code(s.status))
	}
	address := s.address.String()
	if connected {
		f.streamsConnected.Add(-1)
		f.events.raise(EventDisconnected, address, s.status, pause, "the stream ended to "+address)
	} else {
		f.events.raise(EventConnectFailed, address, s.status, pause, "no stream to "+address)
	}
	return pause
}

// ---- what names stand for

func (f *fleet) keepLookingUp(ctx context.Context, index int) {
	pauses := backoff.Backoff{First: f.options.reconnectFirst, Longest: f.options.reconnectLongest}
	for {
		addresses, err := f.lookUp(ctx, f.targets[index])
		again := f.options.resolveInterval
		if err != nil {
			again = min(again, pauses.Next(codes.NotFound))
		} else {
			pauses.Reset()
		}
		f.lookedUp(index, addresses, err, again)
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return
		}
	}
}

func (f *fleet) lookUp(ctx context.Context, t target.Target) (_ []target.Address, err error) {
	defer recoverAs(&err, "the resolver")
	var found []string
	if f.options.resolver != nil {
		found, err = f.options.resolver(ctx, t.Host)
	} else {
		found, err = net.DefaultResolver.LookupHost(ctx, t.Host)
	}
	if err == nil {
		var addresses []target.Address
		family := f.options.family
		if addresses, err = target.Choose(t, found, family != PreferIPv6, family != PreferIPv4); err == nil {
			return addresses, nil
		}
	}
	return nil, status.Error(codes.NotFound, err.Error())
}

// lookedUp takes what a target's name stands for now. New addresses get a stream, vanished ones are not dialled again.
func (f *fleet) lookedUp(index int, addresses []target.Address, err error, again time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leaving {
		return
	}
	if err != nil {
		// Said once until it changes: it is tried again every few seconds.
		if f.failures[index] != err.Error() {
			f.failures[index] = err.Error()
			host := f.targets[index].Host
			f.events.raise(EventResolveFailed, host, err, again, "cannot look up "+host)
		}
		return
	}
	f.failures[index] = ""
	f.found[index] = addresses
	wanted := make(map[target.Replica]bool)
	for _, address := range slices.Concat(f.found...) {
		replica := address.Replica()
		wanted[replica] = true
		if l := f.links[replica]; l != nil {
			l.wanted = true
			continue
		}
		l := &link{address: address, wanted: true, changed: make(chan struct{}, 1),
			backoff: backoff.Backoff{First: f.options.reconnectFirst, Longest: f.options.reconnectLongest}}
		f.links[replica] = l
		f.tasks.Go(func() { f.serveLink(l) })
	}
	for replica, l := range f.links {
		// A stream that still works is left alone: its gateway drains it when it goes.
		if l.wanted && !wanted[replica] {
			l.wanted = false
			poke(l.changed)
		}
	}
}
