package runner

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/gateway"
)

func loseStream(w *world, of any) error {
	a := w.arguments(of)
	s := a.stream()
	if err := a.done(); err != nil {
		return err
	}
	s.Lose()
	return nil
}

func cutAfter(w *world, of any) error {
	a := w.arguments(of)
	g, written, read := a.gateway(), a.number("written_bytes", -1), a.number("read_bytes", -1)
	if err := a.done(); err != nil {
		return err
	}
	g.CutAfter(written, read)
	return nil
}

func slow(w *world, of any) error {
	a := w.arguments(of)
	g, piece, pause := a.gateway(), a.number("piece_bytes", 1), a.duration("pause_ms", time.Millisecond)
	if err := a.done(); err != nil {
		return err
	}
	g.Slow(gateway.Slow{PieceBytes: int(piece), Pause: pause})
	return nil
}

func killGateway(w *world, of any) error {
	name := fmt.Sprint(of)
	g, ok := w.gateways[name]
	if !ok {
		return fmt.Errorf("there is no gateway %q", name)
	}
	g.Close()
	return nil
}

func nextID(w *world, of any) error {
	a := w.arguments(of)
	g, id := a.gateway(), a.number("id", 0)
	if err := a.done(); err != nil {
		return err
	}
	g.SetNextID(uint64(id))
	return nil
}

func welcomeWith(w *world, of any) error {
	a := w.arguments(of)
	g := a.gateway()
	heartbeat, frame := uint32(a.number("heartbeat_ms", 0)), uint64(a.number("max_frame_bytes", 0))
	if err := a.done(); err != nil {
		return err
	}
	g.SetOptions(func(o *gateway.Options) {
		if heartbeat > 0 {
			o.HeartbeatMS = heartbeat
		}
		if frame > 0 {
			o.MaxFrameBytes = frame
		}
	})
	return nil
}

// unknownField is a number that the protocol does not use.
const unknownField = 1999

// addUnknown puts fields of a later protocol into the frame and everything in it.
func addUnknown(frame *sluicev1.GatewayFrame) {
	add := func(message proto.Message) {
		unknown := message.ProtoReflect().GetUnknown()
		unknown = protowire.AppendTag(unknown, unknownField, protowire.BytesType)
		unknown = protowire.AppendString(unknown, "of a later version")
		unknown = protowire.AppendTag(unknown, unknownField+1, protowire.VarintType)
		unknown = protowire.AppendVarint(unknown, 42)
		unknown = protowire.AppendTag(unknown, unknownField+2, protowire.Fixed32Type)
		unknown = protowire.AppendFixed32(unknown, 42)
		unknown = protowire.AppendTag(unknown, unknownField+3, protowire.Fixed64Type)
		unknown = protowire.AppendFixed64(unknown, 42)
		message.ProtoReflect().SetUnknown(unknown)
	}
	add(frame)
	if frame.Welcome != nil {
		add(frame.Welcome)
	}
	for _, one := range frame.Deliveries {
		add(one)
		for _, property := range one.UserProperties {
			add(property)
		}
	}
	for _, one := range frame.Results {
		add(one)
	}
	for _, one := range frame.Revokes {
		add(one)
	}
	if frame.Ping != nil {
		add(frame.Ping)
	}
	if frame.Pong != nil {
		add(frame.Pong)
	}
	if frame.Drain != nil {
		add(frame.Drain)
	}
}

func forget(w *world, of any) error {
	a := w.arguments(of)
	kind := a.text("kind", "")
	if _, ok := kinds[kind]; !ok {
		return fmt.Errorf("there is no kind %q", kind)
	}
	q := a.query(kind)
	if err := a.done(); err != nil {
		return err
	}
	w.board.Forget(q)
	return nil
}

// inOrder holds the times of marks against their order in the list.
func inOrder(w *world, of any) error {
	list, _ := of.([]any)
	for i := 1; i < len(list); i++ {
		before, after := w.marks[fmt.Sprint(list[i-1])], w.marks[fmt.Sprint(list[i])]
		if before.IsZero() || after.IsZero() {
			return fmt.Errorf("%v or %v is no mark", list[i-1], list[i])
		}
		if after.Before(before) {
			return fmt.Errorf("%v came before %v", list[i], list[i-1])
		}
	}
	return nil
}
