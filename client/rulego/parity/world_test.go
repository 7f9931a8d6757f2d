package parity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	sluice "sluice.dev/client/go"
	"sluice.dev/client/rulego"
)

const patience = 30 * time.Second

// world is a broker, a gateway, and a client that publishes and listens.
type world struct {
	t       *testing.T
	folder  string
	broker  string // HOST:PORT
	workers string
	client  paho.Client
	heard   chan received
	gateway *process
	config  string
}

type received struct {
	topic   string
	qos     byte
	payload string
}

// program finds what the C++ build has made, or skips the test.
func program(t *testing.T, name string) string {
	path := os.Getenv("SLUICE_BIN")
	if path == "" {
		path = filepath.Join("..", "..", "..", "build", "release", "bin")
	}
	path, err := filepath.Abs(filepath.Join(path, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not built: cmake --preset release && cmake --build build/release --target %s", path, name)
	}
	return path
}

func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// process is a program that a test has started, and what it has said on both of its streams.
type process struct {
	*exec.Cmd
	t    *testing.T
	name string

	mu      sync.Mutex
	said    strings.Builder
	changed chan struct{} // Closed when more is said.
}

// Write is for the program's streams.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said.Write(text)
	close(p.changed)
	p.changed = make(chan struct{})
	return len(text), nil
}

// says waits until the program has said something so many times.
func (p *process) says(text string, times int) {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		said, changed := strings.Count(p.said.String(), text), p.changed
		p.mu.Unlock()
		if said >= times {
			return
		}
		select {
		case <-changed:
		case <-late:
			p.t.Fatalf("within %v %s has said %q %d times, not %d", patience, p.name, text, said, times)
		}
	}
}

func (p *process) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// start runs a program that ends with the test; what it says is shown if the test fails.
func (w *world) start(name string, arguments ...string) *process {
	p := &process{Cmd: exec.Command(name, arguments...), t: w.t, name: filepath.Base(name), changed: make(chan struct{})}
	p.Stdout, p.Stderr = p, p
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		p.kill()
		if w.t.Failed() {
			w.t.Logf("%s:\n%s", p.name, tail(p.said.String()))
		}
	})
	return p
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// newBroker starts a broker, and a client of it.
func newBroker(t *testing.T) *world {
	mosquitto, err := exec.LookPath("mosquitto")
	if err != nil {
		mosquitto = "/usr/sbin/mosquitto"
	}
	w := &world{t: t, folder: t.TempDir(), broker: freePort(t), workers: freePort(t), heard: make(chan received, 100000)}
	_, port, _ := net.SplitHostPort(w.broker)
	settings := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\n", port)
	w.write("mosquitto.conf", settings)
	w.start(mosquitto, "-c", filepath.Join(w.folder, "mosquitto.conf")).says(" running\n", 1)
	w.client = w.connect("device")
	w.subscribe("out/#")
	return w
}

// newWorld starts the broker and the gateway with these routes.
func newWorld(t *testing.T, routes, chains string) *world {
	gateway := program(t, "sluice-gateway")
	w := newBroker(t)
	w.config = w.write("gateway.yaml", fmt.Sprintf(`
connections:
  plant: {server: "tcp://%s", clientId: gateway, protocol: "5"}
routes:
%s
chains: {%s}
workers: {listen: "%s", insecure: true}
http: {listen: "%s"}
journal: {path: %q}
`, w.broker, routes, chains, w.workers, freePort(t), filepath.Join(w.folder, "journal")))
	w.startGateway(gateway, strings.Count(routes, "- {id: "))
	return w
}

// startGateway returns when the gateway has subscribed to its filters.
func (w *world) startGateway(program string, filters int) {
	w.gateway = w.start(program, "--config", w.config)
	w.gateway.says(`"event":"mqtt connected"`, 2) // Intake and replies.
	w.gateway.says(`"event":"mqtt subscribed"`, filters)
}

func (w *world) write(name, text string) string {
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) connect(id string) paho.Client {
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + w.broker).SetClientID(id).SetOrderMatters(true))
	if token := client.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
		w.t.Fatal("the device cannot connect: ", token.Error())
	}
	w.t.Cleanup(func() { client.Disconnect(0) })
	return client
}

func (w *world) subscribe(filter string) {
	token := w.client.Subscribe(filter, 2, func(_ paho.Client, m paho.Message) {
		w.heard <- received{m.Topic(), m.Qos(), string(m.Payload())}
	})
	if !token.WaitTimeout(patience) || token.Error() != nil {
		w.t.Fatal(token.Error())
	}
}

func (w *world) publish(topic string, qos byte, payload string) {
	if token := w.client.Publish(topic, qos, false, payload); !token.WaitTimeout(patience) || token.Error() != nil {
		w.t.Fatal(token.Error())
	}
}

// answers are the replies below each of these topics, so many of them, and whatever else comes until the gateway has
// nothing left in hand and has ended.
func (w *world) answers(wanted map[string]int) (replies []received) {
	missing := maps.Clone(wanted)
	late := time.After(patience)
	next := func() (received, bool) {
		select {
		case one := <-w.heard:
			return one, true
		case <-late:
			w.t.Errorf("within %v %d replies came; missing: %v", patience, len(replies), missing)
			return received{}, false
		}
	}
	for len(missing) > 0 {
		one, ok := next()
		if !ok {
			return replies
		}
		replies = append(replies, one)
		for below := range missing {
			if !strings.HasPrefix(one.topic, below) {
				continue
			}
			if missing[below]--; missing[below] == 0 {
				delete(missing, below)
			}
		}
	}
	if err := w.gateway.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	w.gateway.says(`"event":"drained"`, 1)
	if err := w.gateway.Wait(); err != nil {
		w.t.Error("the gateway ended with: ", err)
	}
	w.publish("out/end", 2, "") // The broker hands it on after all that it has had before.
	for one, ok := next(); ok && one.topic != "out/end"; one, ok = next() {
		replies = append(replies, one)
	}
	return replies
}

// serve runs a worker in this process until the test ends, and returns when it is connected.
func (w *world) serve(options rulego.Options) *rulego.Worker {
	connected := make(chan struct{}, 1000)
	options.Gateways, options.Logger = []string{w.workers}, slog.New(slog.DiscardHandler)
	options.Worker = append(options.Worker, sluice.WithSecurity(sluice.SecurityPlaintext), sluice.WithOnEvent(func(event sluice.Event) {
		if event.Kind == sluice.EventConnected {
			connected <- struct{}{}
		}
	}))
	worker, err := rulego.New(options)
	if err != nil {
		w.t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := worker.Run(); err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("the worker ended with: %v", err)
		}
	})
	w.t.Cleanup(func() {
		worker.Drain()
		wait.Wait()
	})
	select {
	case <-connected:
	case <-time.After(patience):
		w.t.Fatal("the worker is not connected within ", patience)
	}
	return worker
}
