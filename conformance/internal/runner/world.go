package runner

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/board"
	"sluice.dev/conformance/internal/gateway"
	"sluice.dev/conformance/internal/testee"
	"sluice.dev/conformance/internal/values"
)

// world is one case while it is played. Used by one goroutine.
type world struct {
	c        *Case
	board    *board.Board
	process  *testee.Process
	tag      string // Makes the names of gates this case's own.
	dir      string
	patience float64
	fresh    bool // The process has served no other case.

	specs     map[string]GatewaySpec
	names     []string // Of gateways, sorted.
	gateways  map[string]*gateway.Gateway
	addresses map[string]string
	labels    map[string]uint64 // Deliveries by the name that the case gave them.
	marks     map[string]time.Time
	gates     map[string]bool
	trust     *trust // Nil until something needs certificates.
}

func newWorld(c *Case, process *testee.Process, tag string, patience float64) (*world, error) {
	dir, err := os.MkdirTemp("", "sluice-conformance-")
	if err != nil {
		return nil, err
	}
	w := &world{c: c, board: board.New(), process: process, tag: tag, dir: dir, patience: patience, specs: c.Gateways,
		gateways: map[string]*gateway.Gateway{}, addresses: map[string]string{}, labels: map[string]uint64{},
		marks: map[string]time.Time{}, gates: map[string]bool{}}
	w.board.Allow(c.Allow...)
	for name := range c.Gateways {
		w.names = append(w.names, name)
	}
	sort.Strings(w.names)
	return w, nil
}

func (w *world) close() {
	for _, g := range w.gateways {
		g.Close()
	}
	_ = os.RemoveAll(w.dir)
}

// startGateways gives each gateway its address, and starts those that are not down.
func (w *world) startGateways() error {
	for _, spec := range w.specs {
		if spec.Tls != "" && w.trust == nil {
			trust, err := newTrust(w.dir)
			if err != nil {
				return err
			}
			w.trust = trust
		}
	}
	// Several gateways behind one name have one port, which must be free on all their addresses.
	const attempts = 50
	var err error
	for range attempts {
		if err = w.listenAll(); err == nil {
			return nil
		}
	}
	return err
}

func (w *world) listenAll() error {
	sockets := map[string]net.Listener{}
	closeAll := func() {
		for _, socket := range sockets {
			_ = socket.Close()
		}
	}
	for _, name := range w.names {
		spec := w.specs[name]
		port := 0
		if spec.SamePortAs != "" {
			other, ok := sockets[spec.SamePortAs]
			if !ok {
				closeAll()
				return fmt.Errorf("gateway %s: %s must come first in the alphabet", name, spec.SamePortAs)
			}
			port = other.Addr().(*net.TCPAddr).Port
		}
		socket, err := gateway.Listen(ipOf(spec), port)
		if err != nil {
			closeAll()
			return err
		}
		sockets[name] = socket
	}
	for _, name := range w.names {
		w.addresses[name] = sockets[name].Addr().String()
		if w.specs[name].Down {
			_ = sockets[name].Close()
			continue
		}
		if err := w.play(name, sockets[name]); err != nil {
			return err
		}
	}
	return nil
}

func ipOf(spec GatewaySpec) string {
	if spec.IP == "" {
		return "127.0.0.1"
	}
	return spec.IP
}

// startGateway makes a gateway that was down, or has been killed, on the address it had.
func (w *world) startGateway(name string) error {
	address, ok := w.addresses[name]
	if !ok {
		return fmt.Errorf("there is no gateway %q", name)
	}
	var socket net.Listener
	// Sockets of its former life may still be closing.
	err := w.eventually(5*time.Second, func() (err error) {
		socket, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		return err
	}
	return w.play(name, socket)
}

func (w *world) play(name string, socket net.Listener) error {
	spec := w.specs[name]
	options := gateway.Options{HeartbeatMS: spec.HeartbeatMS, MaxFrameBytes: spec.MaxFrameBytes, LeaseMS: spec.LeaseMS,
		MaxLeaseMS: spec.MaxLeaseMS, Features: spec.Features}
	if spec.MaxWindow != nil {
		options.MaxWindow = &sluicev1.Window{Messages: spec.MaxWindow.Messages, Bytes: spec.MaxWindow.Bytes}
	}
	if spec.Tls != "" {
		options.Tls = w.trust.server(spec.Tls == "mutual")
	}
	// Ids differ between gateways, so that a settle on the wrong stream is seen.
	firstID := uint64(1)
	for at, other := range w.names {
		if other == name {
			firstID = uint64(at+1)*1_000_000_000 + 1
		}
	}
	if former := w.gateways[name]; former != nil {
		firstID = former.TakeIDs(0)
	}
	g := gateway.Start(name, socket, options, w.board, firstID)
	for chain, reason := range spec.Refused {
		g.RefuseChain(chain, reason)
	}
	w.gateways[name] = g
	return nil
}

// eventually tries until it works.
func (w *world) eventually(bound time.Duration, try func() error) error {
	deadline := time.Now().Add(bound)
	for {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// options are the worker's, with what the case leaves out.
func (w *world) options(of map[string]any) map[string]any {
	options := map[string]any{
		"chains": []any{"test"}, "worker_name": "conformance", "reconnect_first_ms": 10, "reconnect_longest_ms": 100,
		"concurrency": 4, "window_messages": 100,
	}
	var addresses []any
	for _, name := range w.names {
		addresses = append(addresses, w.addresses[name])
	}
	options["gateways"] = addresses
	for name, value := range of {
		if value == nil {
			delete(options, name)
			continue
		}
		options[name] = w.expand(value)
	}
	return options
}

// expand replaces ${NAME} by what it stands for: a gateway's address, its port (${a.port}), a delivery's id, the case's folder
// (${dir}). A text that is nothing but a delivery becomes its id as a number.
func (w *world) expand(value any) any {
	switch value := value.(type) {
	case string:
		if strings.HasPrefix(value, "${") && strings.HasSuffix(value, "}") {
			if id, ok := w.labels[value[2:len(value)-1]]; ok {
				return id
			}
		}
		return os.Expand(value, w.lookup)
	case []any:
		expanded := make([]any, len(value))
		for i, one := range value {
			expanded[i] = w.expand(one)
		}
		return expanded
	case map[string]any:
		if of, ok := value["repeat"]; ok && len(value) == 2 {
			return w.repeat(of, value["count"])
		}
		expanded := make(map[string]any, len(value))
		for name, one := range value {
			if name == "gate" {
				one = w.gate(fmt.Sprint(one))
			}
			expanded[name] = w.expand(one)
		}
		return expanded
	}
	return value
}

// repeat makes a list of {repeat: X, count: N}.
func (w *world) repeat(of, count any) any {
	number, _ := values.Number(count)
	list := make([]any, int(number))
	for i := range list {
		list[i] = w.expand(of)
	}
	return list
}

// withIDs replaces the labels in members "delivery_id" by ids.
func (w *world) withIDs(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, one := range value {
			if id, ok := w.labels[fmt.Sprint(one)]; ok && name == "delivery_id" {
				value[name] = id
			} else {
				value[name] = w.withIDs(one)
			}
		}
	case []any:
		for i := range value {
			value[i] = w.withIDs(value[i])
		}
	}
	return value
}

func (w *world) lookup(name string) string {
	if address, ok := w.addresses[name]; ok {
		return address
	}
	if owner, ok := strings.CutSuffix(name, ".port"); ok {
		_, port, _ := net.SplitHostPort(w.addresses[owner])
		return port
	}
	if id, ok := w.labels[name]; ok {
		return fmt.Sprint(id)
	}
	if name == "dir" {
		return w.dir
	}
	return "${" + name + "}"
}

// gate makes a gate's name this case's own: the testee lives on.
func (w *world) gate(name string) string {
	w.gates[name] = true
	return name + "@" + w.tag
}

func (w *world) path(name string) string { return filepath.Join(w.dir, filepath.Base(name)) }
