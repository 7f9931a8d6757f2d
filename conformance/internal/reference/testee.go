// Package reference is a small worker, made to be looked at by the suite: it keeps to worker.proto, and can be told to break it in
// one chosen way, so that the suite can show that it sees that. It is not an SDK.
package reference

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Testee reads commands and writes events, as docs/conformance.md says.
type Testee struct {
	// Mutation is the way in which the worker is wrong; empty: it is right.
	Mutation string

	writing sync.Mutex
	output  *json.Encoder

	mu     sync.Mutex
	gates  map[string]chan struct{}
	worker *worker
}

type command struct {
	Cmd     string  `json:"cmd"`
	Gate    string  `json:"gate"`
	Options options `json:"options"`
}

type options struct {
	Gateways           []string `json:"gateways"`
	Chains             []string `json:"chains"`
	WorkerName         string   `json:"worker_name"`
	Instance           string   `json:"instance"`
	WindowMessages     *uint32  `json:"window_messages"`
	WindowBytes        *uint64  `json:"window_bytes"`
	Concurrency        *int     `json:"concurrency"`
	LeaseMS            uint32   `json:"lease_ms"`
	ResolveIntervalMS  *int64   `json:"resolve_interval_ms"`
	ReconnectFirstMS   *int64   `json:"reconnect_first_ms"`
	ReconnectLongestMS *int64   `json:"reconnect_longest_ms"`
	ConnectTimeoutMS   *int64   `json:"connect_timeout_ms"`
	DrainTimeoutMS     *int64   `json:"drain_timeout_ms"`
	SendBufferBytes    *int     `json:"send_buffer_bytes"`
	Security           string   `json:"security"`
	CAFile             string   `json:"ca_file"`
	CertFile           string   `json:"cert_file"`
	KeyFile            string   `json:"key_file"`
	ServerName         string   `json:"server_name"`
	TokenFile          string   `json:"token_file"`
	Token              string   `json:"token"`
	ResolveFile        string   `json:"resolve_file"`
	Signals            bool     `json:"signals"`
}

func millis(value *int64, instead time.Duration) time.Duration {
	if value == nil {
		return instead
	}
	return time.Duration(*value) * time.Millisecond
}

func or[T any](value *T, instead T) T {
	if value == nil {
		return instead
	}
	return *value
}

func (t *Testee) is(mutation string) bool { return t.Mutation == mutation }

// Serve ends when the input does.
func (t *Testee) Serve(input io.Reader, output io.Writer) error {
	t.output = json.NewEncoder(output)
	t.output.SetEscapeHTML(false)
	t.gates = map[string]chan struct{}{}
	lines := bufio.NewReader(input)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			return fmt.Errorf("not a command: %s", line)
		}
		t.do(c)
	}
}

func (t *Testee) do(c command) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch c.Cmd {
	case "run":
		w := newWorker(t, c.Options)
		t.worker = w
		go func() {
			status, text := w.run(context.Background())
			t.say("ended", map[string]any{"status": status, "text": text})
		}()
	case "drain":
		t.worker.drain()
	case "stop":
		t.worker.stop()
	case "release":
		select {
		case <-t.gateLocked(c.Gate):
		default:
			close(t.gateLocked(c.Gate))
		}
	case "stats":
		streams, received, settled := t.worker.stats()
		t.say("stats", map[string]any{"streams": streams, "received": received, "settled": settled})
	}
}

func (t *Testee) say(event string, members map[string]any) {
	members["event"] = event
	t.writing.Lock()
	defer t.writing.Unlock()
	_ = t.output.Encode(members)
}

func (t *Testee) gateLocked(name string) chan struct{} {
	gate, ok := t.gates[name]
	if !ok {
		gate = make(chan struct{})
		t.gates[name] = gate
	}
	return gate
}

func (t *Testee) gate(name string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gateLocked(name)
}
