package parity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const patience = 30 * time.Second

// world is a broker, a gateway, and a client that publishes and listens.
type world struct {
	t       *testing.T
	folder  string
	broker  string // HOST:PORT
	workers string
	http    string
	client  paho.Client
	heard   chan received
	gateway *exec.Cmd
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

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("within %v there was not: %s", patience, what)
		}
	}
}

func listens(address string) bool {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = connection.Close()
	}
	return err == nil
}

// start runs a program that ends with the test; what it says is shown if the test fails.
func (w *world) start(name string, arguments ...string) *exec.Cmd {
	log, err := os.OpenFile(filepath.Join(w.folder, filepath.Base(name)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	command := exec.Command(name, arguments...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if w.t.Failed() {
			if text, err := os.ReadFile(log.Name()); err == nil {
				w.t.Logf("%s:\n%s", filepath.Base(log.Name()), tail(string(text)))
			}
		}
		_ = log.Close()
	})
	return command
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// newWorld starts the broker and the gateway with these routes.
func newWorld(t *testing.T, routes, chains string) *world {
	gateway := program(t, "sluice-gateway")
	mosquitto, err := exec.LookPath("mosquitto")
	if err != nil {
		mosquitto = "/usr/sbin/mosquitto"
	}
	w := &world{t: t, folder: t.TempDir(), broker: freePort(t), workers: freePort(t), http: freePort(t), heard: make(chan received, 100000)}
	_, port, _ := net.SplitHostPort(w.broker)
	settings := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\n", port)
	w.write("mosquitto.conf", settings)
	w.start(mosquitto, "-c", filepath.Join(w.folder, "mosquitto.conf"))
	until(t, "a broker", func() bool { return listens(w.broker) })
	w.config = w.write("gateway.yaml", fmt.Sprintf(`
connections:
  plant: {server: "tcp://%s", clientId: gateway, protocol: "5"}
routes:
%s
chains: {%s}
workers: {listen: "%s", insecure: true}
http: {listen: "%s"}
journal: {path: %q}
`, w.broker, routes, chains, w.workers, w.http, filepath.Join(w.folder, "journal")))
	w.gateway = w.start(gateway, "--config", w.config)
	w.ready()
	w.client = w.connect("device")
	w.subscribe("out/#")
	return w
}

func (w *world) write(name, text string) string {
	path := filepath.Join(w.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) ready() {
	until(w.t, "a gateway that is ready", func() bool {
		answer, err := http.Get("http://" + w.http + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode == http.StatusOK
	})
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

// metric is the sum of a metric's series.
func (w *world) metric(name string) (sum float64) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.http+"/metrics", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return -1
	}
	defer func() { _ = answer.Body.Close() }()
	text := new(strings.Builder)
	buffer := make([]byte, 1<<16)
	for {
		n, err := answer.Body.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if strings.HasPrefix(line, name+" ") || strings.HasPrefix(line, name+"{") {
			var value float64
			if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &value); err == nil {
				sum += value
			}
		}
	}
	return sum
}

// collect waits for so many replies, and then a moment for those that should not come.
func (w *world) collect(count int, moment time.Duration) (replies []received) {
	deadline := time.After(patience)
	for len(replies) < count {
		select {
		case one := <-w.heard:
			replies = append(replies, one)
		case <-deadline:
			w.t.Errorf("%d of %d replies came within %v", len(replies), count, patience)
			return replies
		}
	}
	for {
		select {
		case one := <-w.heard:
			replies = append(replies, one)
		case <-time.After(moment):
			return replies
		}
	}
}

// serve runs a worker until the test ends.
func serve(t *testing.T, run func() error, drain func()) {
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		if err := run(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the worker ended with: %v", err)
		}
	}()
	t.Cleanup(func() {
		drain()
		wait.Wait()
	})
}
