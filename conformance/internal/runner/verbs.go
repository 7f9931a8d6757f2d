package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/gateway"
	"sluice.dev/conformance/internal/values"
)

// verbs are what a step can do; expect_KIND comes in addition.
var verbs map[string]func(*world, any) error

func init() {
	verbs = map[string]func(*world, any) error{
		// The testee.
		"run": func(w *world, of any) error {
			if of == nil {
				return w.run(w.c.Options)
			}
			return w.run(toMembers(of))
		},
		"drain_worker": func(w *world, _ any) error { return w.process.Send(map[string]any{"cmd": "drain"}) },
		"stop_worker":  func(w *world, _ any) error { return w.stop() },
		"release": func(w *world, of any) error {
			return w.process.Send(map[string]any{"cmd": "release", "gate": w.gate(fmt.Sprint(of))})
		},
		"stats":  func(w *world, _ any) error { return w.process.Send(map[string]any{"cmd": "stats"}) },
		"signal": signal,
		// What a gateway says.
		"deliver": deliver, "feed": feed, "send": send, "revoke": revoke, "ping": ping, "pong": pong, "drain": drain,
		"end_stream": endStream,
		// What a gateway is like.
		"refuse": refuse, "refuse_chain": refuseChain, "welcome_with": welcomeWith,
		"withhold_welcome": toggle((*gateway.Gateway).WithholdWelcome), "deaf": toggle((*gateway.Gateway).Deaf),
		"go_silent": toggle((*gateway.Gateway).GoSilent), "manual": toggle((*gateway.Gateway).Manual),
		"stop_reading": toggle((*gateway.Gateway).StopReading), "freeze": toggle((*gateway.Gateway).Freeze),
		"next_id": nextID,
		// What happens to connections and gateways.
		"lose_stream": loseStream, "cut_after": cutAfter, "slow": slow, "kill_gateway": killGateway,
		"start_gateway": func(w *world, of any) error { return w.startGateway(fmt.Sprint(of)) },
		// Files that the worker reads.
		"resolve": resolve, "write_file": writeFile, "renew_server": renewServer, "renew_client": renewClient,
		// Looking.
		"expect_no": (*world).expectNone, "forget": forget, "in_order": inOrder,
	}
}

func toMembers(of any) map[string]any {
	members, _ := of.(map[string]any)
	return members
}

func (w *world) run(options map[string]any) error {
	return w.process.Send(map[string]any{"cmd": "run", "options": w.options(options)})
}

// stop ends the worker as it is: it does not take leave.
func (w *world) stop() error {
	w.board.Allow("W-8", "W-9", "W-10")
	return w.process.Send(map[string]any{"cmd": "stop"})
}

func toggle(set func(*gateway.Gateway, bool)) func(*world, any) error {
	return func(w *world, of any) error {
		a := w.arguments(of)
		on := whether(of)
		if value, ok := a.take("on"); ok {
			on = whether(value)
		}
		g := a.gateway()
		if err := a.done(); err != nil {
			return err
		}
		set(g, on)
		return nil
	}
}

func deliver(w *world, of any) error {
	list, ok := of.([]any)
	if !ok {
		list = []any{of}
	}
	frame := &sluicev1.GatewayFrame{}
	frameBytes := 0
	var to *gateway.Stream
	for _, one := range list {
		a := w.arguments(one)
		count, label := int(a.number("count", 1)), a.text("as", "")
		frameBytes = int(a.number("frame_bytes", 0))
		number, name := a.number("stream", 0), a.gatewayName()
		g, known := w.gateways[name]
		if !known {
			return fmt.Errorf("there is no gateway %q", name)
		}
		if to == nil {
			var err error
			if to, err = g.Stream(int(number)); err != nil {
				return err
			}
		}
		first := g.TakeIDs(count)
		for i := range count {
			delivery, err := w.delivery(a.members, first+uint64(i))
			if err != nil {
				return err
			}
			frame.Deliveries = append(frame.Deliveries, delivery)
			if label == "" {
				continue
			}
			if count > 1 {
				w.labels[fmt.Sprintf("%s.%d", label, i+1)] = delivery.DeliveryId
			} else {
				w.labels[label] = delivery.DeliveryId
			}
		}
	}
	if frameBytes > 0 {
		fillFrame(frame, frameBytes)
	}
	return to.Send(frame)
}

// fillFrame makes the last payload as long as it takes for the frame to have just this size.
func fillFrame(frame *sluicev1.GatewayFrame, size int) {
	last := frame.Deliveries[len(frame.Deliveries)-1]
	for length := size; length > 0 && proto.Size(frame) != size; {
		last.Payload = bytes.Repeat([]byte("x"), length)
		length -= max(1, proto.Size(frame)-size)
	}
}

// delivery fills in what a case leaves out.
func (w *world) delivery(members map[string]any, id uint64) (*sluicev1.Delivery, error) {
	delivery := &sluicev1.Delivery{
		DeliveryId: id, MessageId: fmt.Sprintf("00000000-0000-7000-8000-%012d", id), Route: "route", Chain: "test", Topic: "plant/boiler/temp",
		LeaseMs: 30_000, Attempt: 1, Qos: 1, ReceivedUnixMs: time.Now().UnixMilli(),
	}
	return delivery, values.ToProto(members, delivery.ProtoReflect())
}

// feed delivers so many messages as a gateway does: no more in flight than the window allows. It ends when all are delivered.
func feed(w *world, of any) error {
	a := w.arguments(of)
	count := int(a.number("count", 0))
	bound := a.duration("within_ms", defaultBound)
	s, g := a.stream(), a.w.gateways[a.gatewayName()]
	if a.err != nil {
		return a.err
	}
	deadline := time.Now().Add(w.stretch(bound))
	for sent := 0; sent < count; {
		room := s.Room()
		if room == 0 {
			if time.Now().After(deadline) {
				return fmt.Errorf("%d of %d messages are delivered; the window has had no room for more for %v", sent, count, bound)
			}
			time.Sleep(time.Millisecond)
			continue
		}
		batch := min(room, count-sent, 1000)
		frame := &sluicev1.GatewayFrame{}
		first := g.TakeIDs(batch)
		for i := range batch {
			delivery, err := w.delivery(a.members, first+uint64(i))
			if err != nil {
				return err
			}
			frame.Deliveries = append(frame.Deliveries, delivery)
		}
		if err := s.Send(frame); err != nil {
			return err
		}
		sent += batch
	}
	return nil
}

func send(w *world, of any) error {
	a := w.arguments(of)
	s := a.stream()
	unknown, _ := a.take("unknown_fields")
	raw, isRaw := a.take("raw_base64")
	if a.err != nil {
		return a.err
	}
	if isRaw {
		decoded, err := values.Base64(fmt.Sprint(raw))
		if err == nil {
			s.SendRaw(decoded)
		}
		return err
	}
	frame := &sluicev1.GatewayFrame{}
	list, _ := a.take("deliveries")
	deliveries, _ := list.([]any)
	for _, one := range deliveries {
		members := toMembers(one)
		label := fmt.Sprint(members["as"])
		delete(members, "as")
		delivery, err := w.delivery(members, s.Gateway().TakeIDs(1))
		if err != nil {
			return err
		}
		w.labels[label] = delivery.DeliveryId
		frame.Deliveries = append(frame.Deliveries, delivery)
	}
	if err := values.ToProto(toMembers(w.withIDs(a.members)), frame.ProtoReflect()); err != nil {
		return err
	}
	if unknown == true {
		addUnknown(frame)
	}
	return s.Send(frame)
}

func revoke(w *world, of any) error {
	a := w.arguments(of)
	s, id := a.stream(), a.delivery("of")
	if a.err != nil {
		return a.err
	}
	reason, ok := a.take("reason")
	if !ok {
		reason = "lease_ended"
	}
	one := &sluicev1.Revoke{}
	if err := values.ToProto(map[string]any{"delivery_id": id, "reason": reason}, one.ProtoReflect()); err != nil {
		return err
	}
	if err := a.done(); err != nil {
		return err
	}
	return s.Send(&sluicev1.GatewayFrame{Revokes: []*sluicev1.Revoke{one}})
}

func ping(w *world, of any) error {
	a := w.arguments(of)
	s, nonce := a.stream(), a.number("nonce", 1)
	if err := a.done(); err != nil {
		return err
	}
	return s.Send(&sluicev1.GatewayFrame{Ping: &sluicev1.Ping{Nonce: uint64(nonce)}})
}

// pong answers the newest Ping of the stream; with "older", the first. Of a worker that leaves it waits for one that came with its Drain or after it.
func pong(w *world, of any) error {
	a := w.arguments(of)
	s := a.stream()
	older, _ := a.take("older")
	if err := a.done(); err != nil {
		return err
	}
	if older == true {
		asked := w.board.First("ping", s.Gateway().Name, s.Number())
		if asked == nil {
			return fmt.Errorf("the worker has sent no Ping")
		}
		nonce, _ := asked.Data["nonce"].(uint64)
		return s.Send(&sluicev1.GatewayFrame{Pong: &sluicev1.Pong{Nonce: nonce}})
	}
	var nonce uint64
	err := w.eventually(w.stretch(defaultBound), func() error {
		asked := w.board.Latest("ping", s.Gateway().Name, s.Number())
		left := w.board.Latest("drain", s.Gateway().Name, s.Number())
		if asked == nil || left != nil && asked.At.Before(left.At) {
			return fmt.Errorf("the worker has sent no Ping")
		}
		nonce, _ = asked.Data["nonce"].(uint64)
		return nil
	})
	if err != nil {
		return err
	}
	return s.Send(&sluicev1.GatewayFrame{Pong: &sluicev1.Pong{Nonce: nonce}})
}

func drain(w *world, of any) error {
	a := w.arguments(of)
	s := a.stream()
	frame := &sluicev1.GatewayFrame{Drain: &sluicev1.Drain{DeadlineMs: uint32(a.number("deadline_ms", 10_000)), Reason: a.text("reason", "")}}
	if err := a.done(); err != nil {
		return err
	}
	return s.Send(frame)
}

// statusOf makes a gRPC status of its name.
func (a *arguments) statusOf() error {
	name, message := a.text("status", "UNAVAILABLE"), a.text("message", "as the case says")
	if name == "OK" {
		return nil
	}
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(`"` + name + `"`)); err != nil {
		a.fail("there is no status %s", name)
	}
	return status.Error(code, message)
}

func endStream(w *world, of any) error {
	a := w.arguments(of)
	s, with := a.stream(), a.statusOf()
	if err := a.done(); err != nil {
		return err
	}
	s.End(with)
	return nil
}

func refuse(w *world, of any) error {
	a := w.arguments(of)
	g, times, with := a.gateway(), a.number("times", -1), a.statusOf()
	if err := a.done(); err != nil {
		return err
	}
	g.Refuse(with, int(times))
	return nil
}

func refuseChain(w *world, of any) error {
	a := w.arguments(of)
	g, chain, reason := a.gateway(), a.text("chain", ""), a.text("reason", "as the case says")
	if err := a.done(); err != nil {
		return err
	}
	g.RefuseChain(chain, reason)
	return nil
}

func signal(w *world, of any) error {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT}
	number, ok := signals[fmt.Sprint(of)]
	if !ok {
		return fmt.Errorf("there is no signal %v", of)
	}
	return w.process.Signal(number)
}

func resolve(w *world, of any) error {
	var lines strings.Builder
	for name, addresses := range toMembers(w.expand(of)) {
		lines.WriteString(name)
		list, _ := addresses.([]any)
		for _, address := range list {
			fmt.Fprintf(&lines, " %v", address)
		}
		lines.WriteString("\n")
	}
	return w.replaceFile("hosts", lines.String())
}

func writeFile(w *world, of any) error {
	a := w.arguments(of)
	name, content := a.text("name", ""), a.text("content", "")
	if err := a.done(); err != nil {
		return err
	}
	return w.replaceFile(name, content)
}

// replaceFile lets no reader see half of it.
func (w *world) replaceFile(name, content string) error {
	temporary := filepath.Join(w.dir, ".new-"+filepath.Base(name))
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, w.path(name))
}
