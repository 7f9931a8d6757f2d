// The worker stream: how a remote rule-chain worker receives MQTT messages from a Sluice gateway and
// answers them. The comments in this file are the specification; a worker in any language can be
// written from it alone. What a worker must keep to has a number, [W-1] and so on, and so has what it can rely on in a
// gateway, [G-1] and so on; docs/conformance.md names the cases of the conformance suite that hold each.
//
// # The life of a stream
//
//   worker                                    gateway
//     | Work()  ---------------------------->  |
//     | WorkerFrame{hello}  ---------------->  |   must come first, within 10 s [W-1]
//     | <----------------  GatewayFrame{welcome}   always first; nothing is delivered before it [G-1]
//     | <-------------  GatewayFrame{deliveries}   as many as the window allows
//     | WorkerFrame{settles, replies}  ------>  |   at any time, in any order, many to a frame
//     | <----------------  GatewayFrame{results}   for replies that asked, and for items in error
//     | <----------------  GatewayFrame{revokes}   deliveries that are another worker's from now on
//     |        ping / pong, both ways           |
//     | drain  <---------- either ---------->   |   no new deliveries; settles are still taken
//     | half-close  ------------------------>   |   when the worker holds nothing any more
//     | <------------------------  status OK    |   after the results that are still owed
//
// [W-2] A worker opens one stream to every gateway replica it finds, and serves each independently. [W-3] After a
// stream has ended for whatever reason, a worker connects again with a jittered, growing pause (first
// about 100 ms, at most 30 s), [W-4] except after INVALID_ARGUMENT, UNAUTHENTICATED, PERMISSION_DENIED and
// FAILED_PRECONDITION, which will not go away by themselves: it reports these, and tries again slowly. So it does
// with UNIMPLEMENTED: what answers there is no gateway, or a method's name is wrong, which the message says.
//
// # Who the worker is
//
// A gateway may ask (`workers.auth`). [W-5] A worker shows it when it opens the stream; names in Hello are labels only:
//
//   - a client certificate, in the TLS handshake, or
//   - a JSON Web Token, in the call's metadata: the key "authorization", once, with the value "Bearer TOKEN", the token as
//     its issuer gave it and without a line break. At most 8 KiB. Where nobody asks for tokens it is not looked at.
//
// [W-6] Both come from files that others renew, so a worker reads them anew for each connection and each stream.
//
// UNAUTHENTICATED before Welcome: what was shown is missing, not valid, or expired, which the message says; the check
// that failed stands in the gateway's log. PERMISSION_DENIED: the gateway knows who the worker is, and no chain in Hello
// is left that it may serve; the message names one that it may not. While one is left the stream goes on, and the others
// are among Welcome's refused_chains. Neither status will go away by itself: the worker tries again slowly, each time
// with what its files then hold.
//
// What was shown ends some time. About a tenth of its time before (at least 1 s, at most 5 min) the gateway sends a
// Drain, whose deadline is that end. [W-7] The worker connects again at once with what its files hold by then, and settles
// on the old stream what it still has. A stream that is there at the end is ended with UNAUTHENTICATED, with a message that
// begins with "expired"; what it held is delivered again without counting an attempt. What is withdrawn (the key of a
// token, a certificate) ends its streams without a Drain, with UNAUTHENTICATED.
//
// # Leaving
//
// A worker that stops takes leave like this; nothing is lost or done twice:
//
//   1. [W-8] It sends a Drain, and a Ping with a nonce that it has not used before.
//   2. [W-9] Until the Pong with this nonce deliveries may still come, which it works on; [G-2] after it none does.
//   3. [W-10] It settles what it holds, then half-closes, and not before.
//   4. [G-3] The gateway sends the Results that it still owes, which may take as long as its `replies.resultTimeout`, and
//      ends the stream with OK. [W-11] Until then the worker reads on.
//
// [W-12] To a gateway's Drain the steps are 3 and 4. A worker that half-closes while it holds deliveries gives them up: they
// go to others at once, and those that it had begun have used an attempt. Settles in frames before the half-close
// count as always.
//
// # Attempts
//
// An attempt is work that was begun. When attempts reach the chain's `maxAttempts` without success, the message is
// dead-lettered. The count is the message's: over streams, workers, and restarts of a gateway with a journal.
//
// [W-13] With the feature "began" (Hello.features) a worker says which deliveries it has begun, by WorkerFrame.began; a
// settle of a delivery says so, too. Then
//   - a delivery that waits in the worker has no lease. It has lease_ms to be begun, from its receipt; after that it is
//     revoked and goes to others, without having used an attempt;
//   - its lease, again lease_ms, starts when the gateway hears that it is begun;
//   - when the stream is lost, what was begun has used an attempt, and what was not has not.
// A worker need not say it at once, nor in a frame of its own: within 100 ms of the beginning is soon enough. Work that
// is settled sooner is said by the settle alone.
//
// Without the feature every delivery counts as begun from the moment it is written to the stream: [W-14] its lease runs
// while it waits in the worker, which has to extend it, and a lost stream costs all of them an attempt.
//
// A stream is lost when it ends other than by a Drain of either side, a half-close or the gateway's end. A message that
// was begun when its worker was lost, by a worker with the feature, or that was in the hands of two lost workers, or
// was lost in its last attempt, is delivered alone: on a stream that holds nothing else, and gets nothing else before
// it is settled. If a stream is lost that held only one message, the attempt counts, begun or not; and only so a lost
// stream makes a dead letter. So a message that kills its worker, or does not fit into what the worker can receive,
// harms no other.
//
// # Frames
//
// A frame is a bundle: everything a side had to say since its last frame. [W-15] Every field may be absent, and
// both sides must take a frame with any combination. [W-16] The parts of one frame take effect in the order of
// their field numbers (`began` first); frames take effect in the order they were sent. Senders should gather what comes
// while a write is under way into one next frame. [W-17] A frame must not be larger than
// Welcome.max_frame_bytes once encoded; [W-18] a worker's frame must not hold more than 100,000 items: began, settles,
// replies (also those inside settles), extends, user properties and metadata entries, counted together. A
// frame with more of either ends the stream (INVALID_ARGUMENT, or RESOURCE_EXHAUSTED from gRPC itself).
//
// gRPC wants the receiver's limit before the Welcome can name it, and takes 4 MiB for most languages if nobody says.
// [W-19] A worker sets it to no limit (-1), or to the gateway's `workers.maxFrameBytes`; what comes is bounded by its
// window.
//
// # Errors
//
// [W-20] What is wrong with one item (a reply's topic, a stale delivery id) is answered with a Result and does
// not disturb the stream. The stream's status tells only of what ends it:
//
//   INVALID_ARGUMENT     a frame that cannot be decoded, holds too many items or otherwise breaks a rule of
//                        this file (message says which)
//   DEADLINE_EXCEEDED    no Hello within 10 s, or two heartbeat intervals without a sign of life
//   UNAUTHENTICATED      what shows who the worker is: it is missing, not valid, has expired ("expired …", after a Drain),
//                        or was withdrawn; see Who the worker is above
//   PERMISSION_DENIED    no chain of Hello is left that the worker may serve
//   FAILED_PRECONDITION  no common protocol version, or no chain of Hello is accepted
//   UNIMPLEMENTED        another service or method was called; message names those that there are
//   RESOURCE_EXHAUSTED   too many streams, in all or of this principal or address, more unread results than the gateway
//                        will keep, or a frame larger than Welcome.max_frame_bytes
//   UNAVAILABLE          the gateway is shutting down or wants streams to spread, in general after a Drain; or
//                        the deadline of the worker's own Drain has passed: connect again
//   OK                   after the worker half-closed
//
// # Delivery guarantees
//
// A message that came in at QoS 1 or 2 is delivered at least once: until a worker settles it, it is
// delivered again after a lost stream or lease, with the same message_id and a new delivery_id. A
// message that came in at QoS 0 is delivered at most once: one that a worker may have seen when it was
// lost, or its lease ended, or that was revoked, is not delivered again. Workers that must not act twice remember
// message_id. Order is promised only between messages with the same non-empty ordering_key: one such
// message is in flight at a time.
//
// # Forward compatibility
//
// [W-21] Unknown fields and unknown features are ignored. [W-22] Unknown enum values are treated as the zero value's
// comment says. Field numbers are never reused. A change that an older peer would misread raises the
// protocol version.

// Code generated by protoc-gen-go-grpc. DO NOT EDIT.
// versions:
// - protoc-gen-go-grpc v1.6.2
// source: sluice/v1/worker.proto

package sluicev1

import (
	context "context"
	grpc "google.golang.org/grpc"
	codes "google.golang.org/grpc/codes"
	status "google.golang.org/grpc/status"
)

// This is a compile-time assertion to ensure that this generated file
// is compatible with the grpc package it is being compiled against.
// Requires gRPC-Go v1.64.0 or later.
const _ = grpc.SupportPackageIsVersion9

const (
	WorkerService_Work_FullMethodName = "/sluice.v1.WorkerService/Work"
)

// WorkerServiceClient is the client API for WorkerService service.
//
// For semantics around ctx use and closing/ending streaming RPCs, please refer to https://pkg.go.dev/google.golang.org/grpc/?tab=doc#ClientConn.NewStream.
//
// Served by every gateway replica on its `workers.listen` address.
type WorkerServiceClient interface {
	// One stream per worker process and replica. See the head of this file.
	Work(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[WorkerFrame, GatewayFrame], error)
}

type workerServiceClient struct {
	cc grpc.ClientConnInterface
}

func NewWorkerServiceClient(cc grpc.ClientConnInterface) WorkerServiceClient {
	return &workerServiceClient{cc}
}

func (c *workerServiceClient) Work(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[WorkerFrame, GatewayFrame], error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	stream, err := c.cc.NewStream(ctx, &WorkerService_ServiceDesc.Streams[0], WorkerService_Work_FullMethodName, cOpts...)
	if err != nil {
		return nil, err
	}
	x := &grpc.GenericClientStream[WorkerFrame, GatewayFrame]{ClientStream: stream}
	return x, nil
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type WorkerService_WorkClient = grpc.BidiStreamingClient[WorkerFrame, GatewayFrame]

// WorkerServiceServer is the server API for WorkerService service.
// All implementations must embed UnimplementedWorkerServiceServer
// for forward compatibility.
//
// Served by every gateway replica on its `workers.listen` address.
type WorkerServiceServer interface {
	// One stream per worker process and replica. See the head of this file.
	Work(grpc.BidiStreamingServer[WorkerFrame, GatewayFrame]) error
	mustEmbedUnimplementedWorkerServiceServer()
}

// UnimplementedWorkerServiceServer must be embedded to have
// forward compatible implementations.
//
// NOTE: this should be embedded by value instead of pointer to avoid a nil
// pointer dereference when methods are called.
type UnimplementedWorkerServiceServer struct{}

func (UnimplementedWorkerServiceServer) Work(grpc.BidiStreamingServer[WorkerFrame, GatewayFrame]) error {
	return status.Error(codes.Unimplemented, "method Work not implemented")
}
func (UnimplementedWorkerServiceServer) mustEmbedUnimplementedWorkerServiceServer() {}
func (UnimplementedWorkerServiceServer) testEmbeddedByValue()                       {}

// UnsafeWorkerServiceServer may be embedded to opt out of forward compatibility for this service.
// Use of this interface is not recommended, as added methods to WorkerServiceServer will
// result in compilation errors.
type UnsafeWorkerServiceServer interface {
	mustEmbedUnimplementedWorkerServiceServer()
}

func RegisterWorkerServiceServer(s grpc.ServiceRegistrar, srv WorkerServiceServer) {
	// If the following call panics, it indicates UnimplementedWorkerServiceServer was
	// embedded by pointer and is nil.  This will cause panics if an
	// unimplemented method is ever invoked, so we test this at initialization
	// time to prevent it from happening at runtime later due to I/O.
	if t, ok := srv.(interface{ testEmbeddedByValue() }); ok {
		t.testEmbeddedByValue()
	}
	s.RegisterService(&WorkerService_ServiceDesc, srv)
}

func _WorkerService_Work_Handler(srv interface{}, stream grpc.ServerStream) error {
	return srv.(WorkerServiceServer).Work(&grpc.GenericServerStream[WorkerFrame, GatewayFrame]{ServerStream: stream})
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type WorkerService_WorkServer = grpc.BidiStreamingServer[WorkerFrame, GatewayFrame]

// WorkerService_ServiceDesc is the grpc.ServiceDesc for WorkerService service.
// It's only intended for direct use with grpc.RegisterService,
// and not to be introspected or modified (even as a copy)
var WorkerService_ServiceDesc = grpc.ServiceDesc{
	ServiceName: "sluice.v1.WorkerService",
	HandlerType: (*WorkerServiceServer)(nil),
	Methods:     []grpc.MethodDesc{},
	Streams: []grpc.StreamDesc{
		{
			StreamName:    "Work",
			Handler:       _WorkerService_Work_Handler,
			ServerStreams: true,
			ClientStreams: true,
		},
	},
	Metadata: "sluice/v1/worker.proto",
}
