package reference

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
)

// worker keeps a stream to each address.
type worker struct {
	testee *Testee
	o      options

	slots       chan struct{} // One for each handler that may run.
	received    atomic.Int64
	settled     atomic.Int64
	handlerTime atomic.Int64 // Of late, in nanoseconds.
	cancel      context.CancelFunc
	ctx         context.Context
	leave       chan struct{} // Closed by drain.
	once        sync.Once

	mu      sync.Mutex
	links   map[string]*link
	streams map[*stream]bool
	stopped bool
	late    bool // The drain timeout has passed.
	tasks   sync.WaitGroup
}

// link is one address: dialled for as long as a name stands for it.
type link struct {
	address, host string
	wanted        context.Context
	unwant        context.CancelFunc
}

func newWorker(t *Testee, o options) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	return &worker{testee: t, o: o, ctx: ctx, cancel: cancel, leave: make(chan struct{}), links: map[string]*link{}, streams: map[*stream]bool{},
		slots: make(chan struct{}, max(1, or(o.Concurrency, 4)))}
}

func (w *worker) validate() string {
	switch {
	case len(w.o.Gateways) == 0:
		return "gateways is empty"
	case len(w.o.Chains) == 0 || len(w.o.Chains) > 1000:
		return fmt.Sprintf("chains has %d entries; allowed are 1 … 1,000", len(w.o.Chains))
	case len(w.o.WorkerName) > 256 || len(w.o.Instance) > 256:
		return "worker_name and instance have at most 256 bytes"
	case or(w.o.WindowMessages, 1) == 0:
		return "window_messages is 0: nothing would ever be delivered"
	case or(w.o.ResolveIntervalMS, 1000) < 1000:
		return "resolve_interval is below 1,000 ms"
	case or(w.o.ReconnectFirstMS, 1) < 1 || or(w.o.ReconnectLongestMS, 30_000) < or(w.o.ReconnectFirstMS, 1):
		return "reconnect_longest must be at least reconnect_first, and both at least 1 ms"
	case or(w.o.ConnectTimeoutMS, 1) < 1 || or(w.o.DrainTimeoutMS, 0) < 0:
		return "connect_timeout must be at least 1 ms and drain_timeout at least 0"
	case (w.o.CertFile == "") != (w.o.KeyFile == ""):
		return "cert_file and key_file go together"
	case w.o.Security != "tls" && (w.o.CAFile != "" || w.o.CertFile != "" || w.o.ServerName != ""):
		return "tls is set, but security is plaintext"
	}
	for _, chain := range w.o.Chains {
		if chain == "" || len(chain) > 256 {
			return "a chain's name has 1 … 256 bytes"
		}
	}
	for _, gateway := range w.o.Gateways {
		host, port, err := net.SplitHostPort(gateway)
		number, notNumber := strconv.Atoi(port)
		if err != nil || host == "" || notNumber != nil || number < 1 || number > 65_535 {
			return "gateways: " + gateway + " is not HOST:PORT with a port of 1 … 65,535"
		}
	}
	for _, file := range []string{w.o.CAFile, w.o.CertFile, w.o.KeyFile} {
		if _, err := os.Stat(file); file != "" && err != nil {
			return err.Error()
		}
	}
	return ""
}

func (w *worker) run(context.Context) (status, text string) {
	if wrong := w.validate(); wrong != "" {
		return "INVALID_ARGUMENT", wrong
	}
	if w.o.Signals {
		caught := make(chan os.Signal, 4)
		signal.Notify(caught, syscall.SIGTERM, syscall.SIGINT)
		defer signal.Stop(caught)
		go func() {
			for count := 0; ; count++ {
				select {
				case <-caught:
					if count == 0 {
						w.drain()
					} else {
						w.stop()
					}
				case <-w.ctx.Done():
					return
				}
			}
		}()
	}
	w.tasks.Add(1)
	go w.resolve()
	select {
	case <-w.leave:
		timer := time.AfterFunc(millis(w.o.DrainTimeoutMS, 20*time.Second), func() {
			w.mu.Lock()
			w.late = true
			w.mu.Unlock()
			w.cancel()
		})
		defer timer.Stop()
	case <-w.ctx.Done():
	}
	w.tasks.Wait()
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped:
		return "CANCELLED", "stopped"
	case w.late:
		return "DEADLINE_EXCEEDED", "the drain timeout passed"
	}
	return "OK", ""
}

func (w *worker) leaving() bool {
	select {
	case <-w.leave:
		return true
	case <-w.ctx.Done():
		return true
	default:
		return false
	}
}

func (w *worker) drain() {
	w.once.Do(func() {
		close(w.leave)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.streams) > 0 {
			w.event("draining", "", codes.OK, -1, "draining")
		}
		for s := range w.streams {
			s.drain()
		}
	})
}

func (w *worker) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cancel()
}

func (w *worker) stats() (streams int, received, settled int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.streams {
		if s.serving() {
			streams++
		}
	}
	return streams, w.received.Load(), w.settled.Load()
}

func (w *worker) event(name, address string, code codes.Code, retry time.Duration, text string) {
	retryMS := retry.Milliseconds()
	if retry < 0 {
		retryMS = -1
	}
	w.testee.say(name, map[string]any{"address": address, "status": statusName(code), "retry_in_ms": retryMS, "text": text})
}

func statusName(code codes.Code) string {
	if code == codes.OK {
		return "OK"
	}
	var name strings.Builder
	for i, r := range code.String() {
		if r >= 'A' && r <= 'Z' && i > 0 {
			name.WriteByte('_')
		}
		name.WriteRune(r)
	}
	return strings.ToUpper(name.String())
}

// resolve looks the names up for as long as the worker runs.
func (w *worker) resolve() {
	defer w.tasks.Done()
	failures := 0
	for {
		again := millis(w.o.ResolveIntervalMS, 10*time.Second)
		found, failed := map[string]string{}, map[string]bool{}
		for _, gateway := range w.o.Gateways {
			host, port, _ := net.SplitHostPort(gateway)
			addresses, err := w.lookUp(host)
			if err != nil {
				failed[host] = true
				again = min(again, w.pause(failures, codes.Unavailable))
				failures++
				w.event("resolve_failed", host, codes.Unavailable, again, err.Error())
			}
			for _, address := range addresses {
				found[net.JoinHostPort(address, port)] = host
			}
		}
		if len(failed) == 0 {
			failures = 0
		}
		w.keep(found, failed)
		select {
		case <-time.After(again):
		case <-w.leave:
			return
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *worker) lookUp(host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	if w.o.ResolveFile == "" {
		return net.LookupHost(host)
	}
	content, err := os.ReadFile(w.o.ResolveFile)
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(content), "\n") {
		if words := strings.Fields(line); len(words) > 0 && words[0] == host {
			return words[1:], nil
		}
	}
	return nil, fmt.Errorf("%s cannot be found", host)
}

// keep starts links for new addresses and lets those go that no name stands for any more.
func (w *worker) keep(found map[string]string, failed map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaving() {
		return
	}
	for address, host := range found {
		if _, ok := w.links[address]; ok {
			continue
		}
		l := &link{address: address, host: host}
		l.wanted, l.unwant = context.WithCancel(w.ctx)
		w.links[address] = l
		w.tasks.Add(1)
		go w.serve(l)
	}
	for address, l := range w.links {
		if _, ok := found[address]; !ok && !failed[l.host] {
			l.unwant()
			delete(w.links, address)
		}
	}
}

var fatal = []codes.Code{codes.InvalidArgument, codes.Unauthenticated, codes.PermissionDenied, codes.FailedPrecondition, codes.Unimplemented}

func (w *worker) pause(failures int, code codes.Code) time.Duration {
	if w.testee.is("reconnects_at_once") {
		return 0
	}
	first, longest := millis(w.o.ReconnectFirstMS, 100*time.Millisecond), millis(w.o.ReconnectLongestMS, 30*time.Second)
	whole := min(longest, first<<min(failures, 20))
	if slices.Contains(fatal, code) && !w.testee.is("fatal_is_no_different") {
		whole = longest
	}
	return whole/2 + rand.N(whole/2+1)
}

const steady = time.Second

// serve keeps a stream to one address.
func (w *worker) serve(l *link) {
	defer w.tasks.Done()
	failures := 0
	for !w.leaving() && l.wanted.Err() == nil {
		s := newStream(w, l)
		w.mu.Lock()
		if w.leaving() {
			w.mu.Unlock()
			return
		}
		w.streams[s] = true
		w.mu.Unlock()
		moved := make(chan struct{})
		w.tasks.Add(1)
		over := make(chan time.Duration, 1)
		go func() {
			defer w.tasks.Done()
			began := time.Now()
			code, text := s.run(moved)
			w.mu.Lock()
			delete(w.streams, s)
			w.mu.Unlock()
			connected := s.wasWelcomed()
			if connected && time.Since(began) >= steady {
				failures = 0
			}
			pause := time.Duration(-1)
			if !w.leaving() && l.wanted.Err() == nil && !s.moved {
				pause = w.pause(failures, code)
				if !slices.Contains(fatal, code) {
					failures++
				}
			}
			name := "connect_failed"
			if connected {
				name = "disconnected"
			}
			w.event(name, l.address, code, pause, text)
			over <- pause
		}()
		select {
		case <-moved: // The gateway drains: the next stream does not wait.
			failures = 0
			select {
			case <-time.After(w.pause(0, codes.OK)):
			case <-w.leave:
			case <-l.wanted.Done():
			}
		case pause := <-over:
			if pause < 0 {
				return
			}
			select {
			case <-time.After(pause):
			case <-w.leave:
			case <-l.wanted.Done():
			}
		}
	}
}
