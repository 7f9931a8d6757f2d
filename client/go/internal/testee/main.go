// Command testee is what the conformance suite drives this SDK with; see docs/conformance.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"sluice.dev/client/go"
)

type command struct {
	Cmd     string         `json:"cmd"`
	Gate    string         `json:"gate"`
	Options commandOptions `json:"options"`
}

type commandOptions struct {
	Gateways           []string `json:"gateways"`
	Chains             []string `json:"chains"`
	WorkerName         *string  `json:"worker_name"`
	Instance           *string  `json:"instance"`
	WindowMessages     *int64   `json:"window_messages"`
	WindowBytes        *int64   `json:"window_bytes"`
	Concurrency        *int     `json:"concurrency"`
	LeaseMs            *int64   `json:"lease_ms"`
	ResolveIntervalMs  *int64   `json:"resolve_interval_ms"`
	ReconnectFirstMs   *int64   `json:"reconnect_first_ms"`
	ReconnectLongestMs *int64   `json:"reconnect_longest_ms"`
	ConnectTimeoutMs   *int64   `json:"connect_timeout_ms"`
	DrainTimeoutMs     *int64   `json:"drain_timeout_ms"`
	SendBufferBytes    *int64   `json:"send_buffer_bytes"`
	Security           string   `json:"security"`
	CAFile             string   `json:"ca_file"`
	CertFile           string   `json:"cert_file"`
	KeyFile            string   `json:"key_file"`
	ServerName         string   `json:"server_name"`
	TokenFile          string   `json:"token_file"`
	Token              *string  `json:"token"`
	ResolveFile        string   `json:"resolve_file"`
	Signals            bool     `json:"signals"`
}

// testee writes events; gates are shared by all handlers.
type testee struct {
	mu     sync.Mutex
	gates  map[string]chan struct{}
	worker *sluice.Worker
	ended  chan struct{}
}

type object = map[string]any

func (t *testee) tell(event string, members object) {
	members["event"] = event
	line, err := json.Marshal(members)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// gate returns what is closed by its release.
func (t *testee) gate(name string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	gate, known := t.gates[name]
	if !known {
		gate = make(chan struct{})
		t.gates[name] = gate
	}
	return gate
}

func (t *testee) release(name string) {
	gate := t.gate(name)
	select {
	case <-gate:
	default:
		close(gate)
	}
}

func with[T any](to *[]sluice.Option, value *T, option func(T) sluice.Option) {
	if value != nil {
		*to = append(*to, option(*value))
	}
}

func withMs(to *[]sluice.Option, value *int64, option func(time.Duration) sluice.Option) {
	if value != nil {
		*to = append(*to, option(time.Duration(*value)*time.Millisecond))
	}
}

func (t *testee) options(o *commandOptions) []sluice.Option {
	result := []sluice.Option{sluice.WithOnEvent(t.onEvent), sluice.WithOnResult(t.onResult)}
	with(&result, o.WorkerName, sluice.WithWorkerName)
	with(&result, o.Instance, sluice.WithInstance)
	with(&result, o.WindowMessages, sluice.WithWindowMessages)
	with(&result, o.WindowBytes, sluice.WithWindowBytes)
	with(&result, o.Concurrency, sluice.WithConcurrency)
	with(&result, o.SendBufferBytes, sluice.WithSendBufferBytes)
	withMs(&result, o.LeaseMs, sluice.WithLease)
	withMs(&result, o.ResolveIntervalMs, sluice.WithResolveInterval)
	withMs(&result, o.ConnectTimeoutMs, sluice.WithConnectTimeout)
	withMs(&result, o.DrainTimeoutMs, sluice.WithDrainTimeout)
	if o.ReconnectFirstMs != nil || o.ReconnectLongestMs != nil {
		first, longest := 100*time.Millisecond, 30*time.Second
		if o.ReconnectFirstMs != nil {
			first = time.Duration(*o.ReconnectFirstMs) * time.Millisecond
		}
		if o.ReconnectLongestMs != nil {
			longest = time.Duration(*o.ReconnectLongestMs) * time.Millisecond
		}
		result = append(result, sluice.WithReconnect(first, longest))
	}
	if o.Security != "tls" {
		result = append(result, sluice.WithSecurity(sluice.SecurityPlaintext))
	}
	if o.TokenFile != "" {
		result = append(result, sluice.WithTokenFile(o.TokenFile))
	}
	if o.Token != nil {
		token := *o.Token
		result = append(result, sluice.WithToken(func(context.Context) (string, error) { return token, nil }))
	}
	if o.ResolveFile != "" {
		result = append(result, sluice.WithResolver(resolveBy(o.ResolveFile)))
	}
	return append(result, sluice.WithTLS(sluice.TLS{CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile, ServerName: o.ServerName}))
}

func resolveBy(path string) sluice.Resolver {
	return func(_ context.Context, host string) ([]string, error) {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == host {
				return words[1:], nil
			}
		}
		return nil, errors.New("no such host")
	}
}

func (t *testee) onEvent(event sluice.Event) {
	retry := int64(-1)
	if event.RetryIn >= 0 {
		retry = event.RetryIn.Milliseconds()
	}
	t.tell(event.Kind.String(), object{"address": event.Address, "status": statusName(event.Err), "retry_in_ms": retry, "text": event.Text})
}

func (t *testee) onResult(r sluice.Result) {
	t.tell("result", object{"reply_id": r.ReplyID, "delivery_id": r.DeliveryID, "code": r.Code.String(),
		"mqtt_reason_code": r.MQTTReasonCode, "message": r.Message})
}

func (t *testee) run(o commandOptions) {
	if t.ended != nil {
		<-t.ended // The one before.
	}
	ended := make(chan struct{})
	t.ended = ended
	worker, err := sluice.NewWorker(o.Gateways, o.Chains, t.handle, t.options(&o)...)
	if err != nil {
		t.tellEnd(err)
		close(ended)
		return
	}
	t.worker = worker
	go func() {
		defer close(ended)
		if o.Signals {
			t.tellEnd(worker.RunUntilSignal(context.Background()))
		} else {
			t.tellEnd(worker.Run(context.Background()))
		}
	}()
}

func (t *testee) tellEnd(err error) {
	name, text := "OK", ""
	if err != nil {
		text = err.Error()
	}
	invalid := (*sluice.OptionError)(nil)
	switch {
	case err == nil:
	case errors.As(err, &invalid):
		name = "INVALID_ARGUMENT"
	case errors.Is(err, sluice.ErrDrainTimeout):
		name = "DEADLINE_EXCEEDED"
	case errors.Is(err, sluice.ErrStopped):
		name = "CANCELLED"
	default:
		name = "FAILED_PRECONDITION"
	}
	t.tell("ended", object{"status": name, "text": text})
}

var statusNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func statusName(err error) string {
	if code := int(status.Code(err)); code < len(statusNames) {
		return statusNames[code]
	}
	return "UNKNOWN"
}

func (t *testee) obey(c command) {
	switch c.Cmd {
	case "run":
		t.run(c.Options)
	case "drain":
		if t.worker != nil {
			t.worker.Drain()
		}
	case "stop":
		if t.worker != nil {
			t.worker.Stop()
		}
	case "release":
		t.release(c.Gate)
	case "stats":
		var stats sluice.Stats
		if t.worker != nil {
			stats = t.worker.Stats()
		}
		t.tell("stats", object{"streams": stats.Streams, "received": stats.Received, "settled": stats.Settled})
	default:
		fmt.Fprintf(os.Stderr, "testee: unknown command %q\n", c.Cmd)
	}
}

func main() {
	t := &testee{gates: make(map[string]chan struct{})}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 64<<20)
	for input.Scan() {
		var c command
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "testee:", err)
			os.Exit(2)
		}
		t.obey(c)
	}
}
