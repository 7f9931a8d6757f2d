package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluicev1"
)

func beWorker(mode, address string, perFrame, payload int, profile string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	options := []sluice.Option{sluice.WithSecurity(sluice.SecurityPlaintext), sluice.WithWindowMessages(100_000)}
	switch mode {
	case "wire":
		return wireAlone(ctx, address, perFrame, payload)
	case "floor":
		return floor(ctx, address)
	case "inline":
		options = append(options, sluice.WithConcurrency(0))
	case "pool":
	default:
		return fmt.Errorf("unknown mode %q: use wire, floor, inline or pool", mode)
	}
	qos := byte(1)
	worker, err := sluice.NewWorker([]string{address}, []string{"bench"},
		func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
			return sluice.Replies{{Topic: "plant/reply", Payload: m.Payload, QoS: &qos}}, nil
		}, append(options, sluice.WithOnEvent(nil))...)
	if err != nil {
		return err
	}
	return worker.Run(ctx)
}

// floor is a worker as one writes it with the generated code: it reads each message, and echoes it.
func floor(ctx context.Context, address string) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt)),
		grpc.WithInitialWindowSize(4<<20), grpc.WithInitialConnWindowSize(8<<20),
		grpc.WithReadBufferSize(128<<10), grpc.WithWriteBufferSize(128<<10), grpc.WithDisableRetry())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stream, err := sluicev1.NewWorkerServiceClient(conn).Work(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&sluicev1.WorkerFrame{Hello: &sluicev1.Hello{Chains: []string{"bench"}}}); err != nil {
		return err
	}
	qos := uint32(1)
	for {
		frame, err := stream.Recv()
		if err != nil {
			return nil // The signal.
		}
		if len(frame.Deliveries) == 0 {
			continue // Welcome.
		}
		answer := &sluicev1.WorkerFrame{Settles: make([]*sluicev1.Settle, 0, len(frame.Deliveries))}
		for _, d := range frame.Deliveries {
			answer.Settles = append(answer.Settles, &sluicev1.Settle{DeliveryId: d.DeliveryId,
				Replies: []*sluicev1.Reply{{Topic: "plant/reply", Payload: d.Payload, Qos: &qos}}})
		}
		if err := stream.Send(answer); err != nil {
			return nil
		}
	}
}

// wireAlone answers each frame with one of as many settles, made before.
func wireAlone(ctx context.Context, address string, perFrame, payload int) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(math.MaxInt)),
		grpc.WithInitialWindowSize(4<<20), grpc.WithInitialConnWindowSize(8<<20),
		grpc.WithReadBufferSize(128<<10), grpc.WithWriteBufferSize(128<<10), grpc.WithDisableRetry())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stream, err := conn.NewStream(ctx, &workerService.Streams[0], sluicev1.WorkerService_Work_FullMethodName)
	if err != nil {
		return err
	}
	answer := &sluicev1.WorkerFrame{}
	qos := uint32(1)
	for range perFrame {
		answer.Settles = append(answer.Settles, &sluicev1.Settle{DeliveryId: 1 << 40, Replies: []*sluicev1.Reply{
			{Topic: "plant/reply", Payload: make([]byte, payload), Qos: &qos}}})
	}
	out := encoded(answer)
	if err := stream.SendMsg(encoded(&sluicev1.WorkerFrame{Hello: &sluicev1.Hello{Chains: []string{"bench"}}})); err != nil {
		return err
	}
	for first := true; ; first = false {
		var frame []byte
		if err := stream.RecvMsg(&frame); err != nil {
			return nil // The signal.
		}
		if first {
			continue // Welcome.
		}
		if err := stream.SendMsg(out); err != nil {
			return nil
		}
	}
}
