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

// Code generated by protoc-gen-go. DO NOT EDIT.
// versions:
// 	protoc-gen-go v1.36.12
// source: sluice/v1/worker.proto

package sluicev1

import (
	protoreflect "google.golang.org/protobuf/reflect/protoreflect"
	protoimpl "google.golang.org/protobuf/runtime/protoimpl"
	reflect "reflect"
	sync "sync"
	unsafe "unsafe"
)

const (
	// Verify that this generated code is sufficiently up-to-date.
	_ = protoimpl.EnforceVersion(20 - protoimpl.MinVersion)
	// Verify that runtime/protoimpl is sufficiently up-to-date.
	_ = protoimpl.EnforceVersion(protoimpl.MaxVersion - 20)
)

// How a payload is to be read, as the route says (RuleGo's dataType). Not checked by the gateway.
type DataType int32

const (
	// The route says nothing; RuleGo takes this for JSON. Also for values this file does not know.
	DataType_DATA_TYPE_UNSPECIFIED DataType = 0
	DataType_DATA_TYPE_JSON        DataType = 1
	DataType_DATA_TYPE_TEXT        DataType = 2
	DataType_DATA_TYPE_BINARY      DataType = 3
)

// Enum value maps for DataType.
var (
	DataType_name = map[int32]string{
		0: "DATA_TYPE_UNSPECIFIED",
		1: "DATA_TYPE_JSON",
		2: "DATA_TYPE_TEXT",
		3: "DATA_TYPE_BINARY",
	}
	DataType_value = map[string]int32{
		"DATA_TYPE_UNSPECIFIED": 0,
		"DATA_TYPE_JSON":        1,
		"DATA_TYPE_TEXT":        2,
		"DATA_TYPE_BINARY":      3,
	}
)

func (x DataType) Enum() *DataType {
	p := new(DataType)
	*p = x
	return p
}

func (x DataType) String() string {
	return protoimpl.X.EnumStringOf(x.Descriptor(), protoreflect.EnumNumber(x))
}

func (DataType) Descriptor() protoreflect.EnumDescriptor {
	return file_sluice_v1_worker_proto_enumTypes[0].Descriptor()
}

func (DataType) Type() protoreflect.EnumType {
	return &file_sluice_v1_worker_proto_enumTypes[0]
}

func (x DataType) Number() protoreflect.EnumNumber {
	return protoreflect.EnumNumber(x)
}

// Deprecated: Use DataType.Descriptor instead.
func (DataType) EnumDescriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{0}
}

// A settle's verdict [W-38]. A value this file does not know is answered with a Result of code INVALID.
type Outcome int32

const (
	// Done. The default, so that an empty outcome is an ACK.
	Outcome_OUTCOME_ACK Outcome = 0
	// Try again later, here or on another worker. Counts as an attempt; after the chain's `maxAttempts`
	// the message is dead-lettered.
	Outcome_OUTCOME_RETRY Outcome = 1
	// Never try again: to the dead letters.
	Outcome_OUTCOME_REJECT Outcome = 2
	// Done, on purpose without effect; counted apart from ACK.
	Outcome_OUTCOME_DROP Outcome = 3
)

// Enum value maps for Outcome.
var (
	Outcome_name = map[int32]string{
		0: "OUTCOME_ACK",
		1: "OUTCOME_RETRY",
		2: "OUTCOME_REJECT",
		3: "OUTCOME_DROP",
	}
	Outcome_value = map[string]int32{
		"OUTCOME_ACK":    0,
		"OUTCOME_RETRY":  1,
		"OUTCOME_REJECT": 2,
		"OUTCOME_DROP":   3,
	}
)

func (x Outcome) Enum() *Outcome {
	p := new(Outcome)
	*p = x
	return p
}

func (x Outcome) String() string {
	return protoimpl.X.EnumStringOf(x.Descriptor(), protoreflect.EnumNumber(x))
}

func (Outcome) Descriptor() protoreflect.EnumDescriptor {
	return file_sluice_v1_worker_proto_enumTypes[1].Descriptor()
}

func (Outcome) Type() protoreflect.EnumType {
	return &file_sluice_v1_worker_proto_enumTypes[1]
}

func (x Outcome) Number() protoreflect.EnumNumber {
	return protoreflect.EnumNumber(x)
}

// Deprecated: Use Outcome.Descriptor instead.
func (Outcome) EnumDescriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{1}
}

// A value this file does not know means that the delivery is another worker's.
type Revoke_Reason int32

const (
	Revoke_REASON_UNSPECIFIED Revoke_Reason = 0
	// Neither settled nor extended in time. The attempt counts.
	Revoke_REASON_LEASE_ENDED Revoke_Reason = 1
	// With the feature "began": not begun in time. No attempt counts.
	Revoke_REASON_NOT_BEGUN Revoke_Reason = 2
)

// Enum value maps for Revoke_Reason.
var (
	Revoke_Reason_name = map[int32]string{
		0: "REASON_UNSPECIFIED",
		1: "REASON_LEASE_ENDED",
		2: "REASON_NOT_BEGUN",
	}
	Revoke_Reason_value = map[string]int32{
		"REASON_UNSPECIFIED": 0,
		"REASON_LEASE_ENDED": 1,
		"REASON_NOT_BEGUN":   2,
	}
)

func (x Revoke_Reason) Enum() *Revoke_Reason {
	p := new(Revoke_Reason)
	*p = x
	return p
}

func (x Revoke_Reason) String() string {
	return protoimpl.X.EnumStringOf(x.Descriptor(), protoreflect.EnumNumber(x))
}

func (Revoke_Reason) Descriptor() protoreflect.EnumDescriptor {
	return file_sluice_v1_worker_proto_enumTypes[2].Descriptor()
}

func (Revoke_Reason) Type() protoreflect.EnumType {
	return &file_sluice_v1_worker_proto_enumTypes[2]
}

func (x Revoke_Reason) Number() protoreflect.EnumNumber {
	return protoreflect.EnumNumber(x)
}

// Deprecated: Use Revoke_Reason.Descriptor instead.
func (Revoke_Reason) EnumDescriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{9, 0}
}

// A value this file does not know is a failure.
type Result_Code int32

const (
	// Only for replies with a reply_id: the broker has confirmed the reply (QoS 1, 2), or it was written to the
	// broker (QoS 0), or it had no topic and nothing was to be sent.
	Result_CODE_OK Result_Code = 0
	// The delivery is not in flight on this stream: unknown, settled, or its lease was lost. Nothing was done.
	Result_CODE_STALE Result_Code = 1
	// A value outside its range; message says which.
	Result_CODE_INVALID Result_Code = 2
	// Empty, over-long, with wildcards, not UTF-8, with U+0000; or with a control character or a non-character, unless
	// `replies.allowControlCharacters` is set.
	Result_CODE_INVALID_TOPIC Result_Code = 3
	// Not 0, 1 or 2, or above what the broker takes.
	Result_CODE_INVALID_QOS Result_Code = 4
	// The topic is not in `replies.allow`, no rule of `permissions` lets this worker reply so to this message, or one of
	// the gateway's own routes would take it in again.
	Result_CODE_DENIED Result_Code = 5
	// Larger than the broker takes, or than the gateway's limit.
	Result_CODE_TOO_LARGE Result_Code = 6
	// Only for replies with a reply_id: not confirmed within `replies.resultTimeout`; the gateway goes on trying.
	Result_CODE_TIMEOUT Result_Code = 7
	// The broker refused it; see mqtt_reason_code.
	Result_CODE_REFUSED Result_Code = 8
	// A reply of QoS 0 to a message of QoS 0, and the broker was not connected: dropped.
	Result_CODE_NOT_CONNECTED Result_Code = 9
	// Of a reply inside a settle with outcome RETRY: it is not published.
	Result_CODE_NOT_PUBLISHED Result_Code = 10
	// Only for extends: the lease is extended, but ends before the time that was asked for; see lease_ms. It cannot be
	// extended any further.
	Result_CODE_CLIPPED Result_Code = 11
	// Its expiry was over before it could be published: dropped.
	Result_CODE_EXPIRED Result_Code = 12
)

// Enum value maps for Result_Code.
var (
	Result_Code_name = map[int32]string{
		0:  "CODE_OK",
		1:  "CODE_STALE",
		2:  "CODE_INVALID",
		3:  "CODE_INVALID_TOPIC",
		4:  "CODE_INVALID_QOS",
		5:  "CODE_DENIED",
		6:  "CODE_TOO_LARGE",
		7:  "CODE_TIMEOUT",
		8:  "CODE_REFUSED",
		9:  "CODE_NOT_CONNECTED",
		10: "CODE_NOT_PUBLISHED",
		11: "CODE_CLIPPED",
		12: "CODE_EXPIRED",
	}
	Result_Code_value = map[string]int32{
		"CODE_OK":            0,
		"CODE_STALE":         1,
		"CODE_INVALID":       2,
		"CODE_INVALID_TOPIC": 3,
		"CODE_INVALID_QOS":   4,
		"CODE_DENIED":        5,
		"CODE_TOO_LARGE":     6,
		"CODE_TIMEOUT":       7,
		"CODE_REFUSED":       8,
		"CODE_NOT_CONNECTED": 9,
		"CODE_NOT_PUBLISHED": 10,
		"CODE_CLIPPED":       11,
		"CODE_EXPIRED":       12,
	}
)

func (x Result_Code) Enum() *Result_Code {
	p := new(Result_Code)
	*p = x
	return p
}

func (x Result_Code) String() string {
	return protoimpl.X.EnumStringOf(x.Descriptor(), protoreflect.EnumNumber(x))
}

func (Result_Code) Descriptor() protoreflect.EnumDescriptor {
	return file_sluice_v1_worker_proto_enumTypes[3].Descriptor()
}

func (Result_Code) Type() protoreflect.EnumType {
	return &file_sluice_v1_worker_proto_enumTypes[3]
}

func (x Result_Code) Number() protoreflect.EnumNumber {
	return protoreflect.EnumNumber(x)
}

// Deprecated: Use Result_Code.Descriptor instead.
func (Result_Code) EnumDescriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{13, 0}
}

// What a worker sends. The parts take effect in the order of their numbers, save `began`.
type WorkerFrame struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Required in the first frame, forbidden in any other (INVALID_ARGUMENT) [W-1].
	Hello *Hello `protobuf:"bytes,1,opt,name=hello,proto3" json:"hello,omitempty"`
	// Replaces the window from now on. Absent: unchanged.
	Window *Window `protobuf:"bytes,2,opt,name=window,proto3" json:"window,omitempty"`
	// Longer leases for deliveries in work.
	Extends []*Extend `protobuf:"bytes,3,rep,name=extends,proto3" json:"extends,omitempty"`
	// Replies ahead of their settle [W-23]. Published in the order given.
	Replies []*Reply `protobuf:"bytes,4,rep,name=replies,proto3" json:"replies,omitempty"`
	// Outcomes of deliveries.
	Settles []*Settle `protobuf:"bytes,5,rep,name=settles,proto3" json:"settles,omitempty"`
	// Asks for a Pong with the same nonce.
	Ping *Ping `protobuf:"bytes,6,opt,name=ping,proto3" json:"ping,omitempty"`
	// Answers a Ping of the gateway, with the next frame [W-24]; see Pong.
	Pong *Pong `protobuf:"bytes,7,opt,name=pong,proto3" json:"pong,omitempty"`
	// The worker wants no new deliveries; see Drain.
	Drain *Drain `protobuf:"bytes,8,opt,name=drain,proto3" json:"drain,omitempty"`
	// With the feature "began": ids of deliveries whose work has begun; see Attempts above. One that is settled need not
	// be said. [W-25] One that is not in flight on this stream is answered with a Result of code STALE. Takes effect before all
	// other parts of its frame. Without the feature: ignored.
	Began         []uint64 `protobuf:"varint,9,rep,packed,name=began,proto3" json:"began,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *WorkerFrame) Reset() {
	*x = WorkerFrame{}
	mi := &file_sluice_v1_worker_proto_msgTypes[0]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *WorkerFrame) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*WorkerFrame) ProtoMessage() {}

func (x *WorkerFrame) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[0]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use WorkerFrame.ProtoReflect.Descriptor instead.
func (*WorkerFrame) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{0}
}

func (x *WorkerFrame) GetHello() *Hello {
	if x != nil {
		return x.Hello
	}
	return nil
}

func (x *WorkerFrame) GetWindow() *Window {
	if x != nil {
		return x.Window
	}
	return nil
}

func (x *WorkerFrame) GetExtends() []*Extend {
	if x != nil {
		return x.Extends
	}
	return nil
}

func (x *WorkerFrame) GetReplies() []*Reply {
	if x != nil {
		return x.Replies
	}
	return nil
}

func (x *WorkerFrame) GetSettles() []*Settle {
	if x != nil {
		return x.Settles
	}
	return nil
}

func (x *WorkerFrame) GetPing() *Ping {
	if x != nil {
		return x.Ping
	}
	return nil
}

func (x *WorkerFrame) GetPong() *Pong {
	if x != nil {
		return x.Pong
	}
	return nil
}

func (x *WorkerFrame) GetDrain() *Drain {
	if x != nil {
		return x.Drain
	}
	return nil
}

func (x *WorkerFrame) GetBegan() []uint64 {
	if x != nil {
		return x.Began
	}
	return nil
}

// What the gateway sends. The parts take effect in the order of their numbers.
type GatewayFrame struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// In the first frame, and only there [G-1].
	Welcome *Welcome `protobuf:"bytes,1,opt,name=welcome,proto3" json:"welcome,omitempty"`
	// Messages to work on.
	Deliveries []*Delivery `protobuf:"bytes,2,rep,name=deliveries,proto3" json:"deliveries,omitempty"`
	// Outcomes of replies that asked for one, and of items that were in error.
	Results []*Result `protobuf:"bytes,3,rep,name=results,proto3" json:"results,omitempty"`
	// Asks for a Pong with the same nonce.
	Ping *Ping `protobuf:"bytes,4,opt,name=ping,proto3" json:"ping,omitempty"`
	// Answers a Ping of the worker, with the next frame [G-4]; see Pong.
	Pong *Pong `protobuf:"bytes,5,opt,name=pong,proto3" json:"pong,omitempty"`
	// The gateway will send no new deliveries; see Drain.
	Drain *Drain `protobuf:"bytes,6,opt,name=drain,proto3" json:"drain,omitempty"`
	// Deliveries that the worker does not have any more.
	Revokes       []*Revoke `protobuf:"bytes,7,rep,name=revokes,proto3" json:"revokes,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *GatewayFrame) Reset() {
	*x = GatewayFrame{}
	mi := &file_sluice_v1_worker_proto_msgTypes[1]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *GatewayFrame) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*GatewayFrame) ProtoMessage() {}

func (x *GatewayFrame) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[1]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use GatewayFrame.ProtoReflect.Descriptor instead.
func (*GatewayFrame) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{1}
}

func (x *GatewayFrame) GetWelcome() *Welcome {
	if x != nil {
		return x.Welcome
	}
	return nil
}

func (x *GatewayFrame) GetDeliveries() []*Delivery {
	if x != nil {
		return x.Deliveries
	}
	return nil
}

func (x *GatewayFrame) GetResults() []*Result {
	if x != nil {
		return x.Results
	}
	return nil
}

func (x *GatewayFrame) GetPing() *Ping {
	if x != nil {
		return x.Ping
	}
	return nil
}

func (x *GatewayFrame) GetPong() *Pong {
	if x != nil {
		return x.Pong
	}
	return nil
}

func (x *GatewayFrame) GetDrain() *Drain {
	if x != nil {
		return x.Drain
	}
	return nil
}

func (x *GatewayFrame) GetRevokes() []*Revoke {
	if x != nil {
		return x.Revokes
	}
	return nil
}

// The worker introduces itself. At most 1 MiB, encoded [W-26], as are the limits of its fields.
type Hello struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// The lowest and highest protocol version the worker speaks [W-27]. This file describes version 1. The gateway
	// picks the highest common one, or ends the stream with FAILED_PRECONDITION. 0 means 1.
	MinProtocolVersion uint32 `protobuf:"varint,1,opt,name=min_protocol_version,json=minProtocolVersion,proto3" json:"min_protocol_version,omitempty"`
	MaxProtocolVersion uint32 `protobuf:"varint,2,opt,name=max_protocol_version,json=maxProtocolVersion,proto3" json:"max_protocol_version,omitempty"`
	// What kind of worker it is, for people: "temperature-alarm". At most 256 bytes. Should not be empty.
	WorkerName string `protobuf:"bytes,3,opt,name=worker_name,json=workerName,proto3" json:"worker_name,omitempty"`
	// Which one of them: a host or pod name. At most 256 bytes. Should be unique among running workers.
	Instance string `protobuf:"bytes,4,opt,name=instance,proto3" json:"instance,omitempty"`
	// The chains it serves, each at most 256 bytes; at least one, at most 1,000.
	Chains []string `protobuf:"bytes,5,rep,name=chains,proto3" json:"chains,omitempty"`
	// The first window. Absent: 0 messages, so that nothing is delivered until a frame sets one.
	Window *Window `protobuf:"bytes,6,opt,name=window,proto3" json:"window,omitempty"`
	// How long the worker wants to have for one delivery before it is given to another, in milliseconds.
	// 0: the chain's own (`chains.*.lease`). The gateway holds it to 1,000 ms … the chain's `maxLease`;
	// each Delivery says the effective one.
	LeaseMs uint32 `protobuf:"varint,7,opt,name=lease_ms,json=leaseMs,proto3" json:"lease_ms,omitempty"`
	// Names of optional features the worker can use. Version 1 defines "began"; see Attempts above. Unknown: ignored.
	Features      []string `protobuf:"bytes,8,rep,name=features,proto3" json:"features,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Hello) Reset() {
	*x = Hello{}
	mi := &file_sluice_v1_worker_proto_msgTypes[2]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Hello) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Hello) ProtoMessage() {}

func (x *Hello) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[2]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Hello.ProtoReflect.Descriptor instead.
func (*Hello) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{2}
}

func (x *Hello) GetMinProtocolVersion() uint32 {
	if x != nil {
		return x.MinProtocolVersion
	}
	return 0
}

func (x *Hello) GetMaxProtocolVersion() uint32 {
	if x != nil {
		return x.MaxProtocolVersion
	}
	return 0
}

func (x *Hello) GetWorkerName() string {
	if x != nil {
		return x.WorkerName
	}
	return ""
}

func (x *Hello) GetInstance() string {
	if x != nil {
		return x.Instance
	}
	return ""
}

func (x *Hello) GetChains() []string {
	if x != nil {
		return x.Chains
	}
	return nil
}

func (x *Hello) GetWindow() *Window {
	if x != nil {
		return x.Window
	}
	return nil
}

func (x *Hello) GetLeaseMs() uint32 {
	if x != nil {
		return x.LeaseMs
	}
	return 0
}

func (x *Hello) GetFeatures() []string {
	if x != nil {
		return x.Features
	}
	return nil
}

// The gateway accepts the worker.
type Welcome struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// The version both use from now on.
	ProtocolVersion uint32 `protobuf:"varint,1,opt,name=protocol_version,json=protocolVersion,proto3" json:"protocol_version,omitempty"`
	// Names the stream in the gateway's logs. Not a secret, not reused.
	SessionId string `protobuf:"bytes,2,opt,name=session_id,json=sessionId,proto3" json:"session_id,omitempty"`
	// The gateway replica (`gateway.name`: its host name by default), for people.
	Gateway string `protobuf:"bytes,3,opt,name=gateway,proto3" json:"gateway,omitempty"`
	// Those of Hello.chains that messages will come from; never empty.
	AcceptedChains []*AcceptedChain `protobuf:"bytes,4,rep,name=accepted_chains,json=acceptedChains,proto3" json:"accepted_chains,omitempty"`
	// Those of Hello.chains that it will not deliver from, and why. The worker goes on with the others [W-28].
	RefusedChains []*RefusedChain `protobuf:"bytes,5,rep,name=refused_chains,json=refusedChains,proto3" json:"refused_chains,omitempty"`
	// The largest window the gateway grants. A larger one is taken as this [G-5].
	MaxWindow *Window `protobuf:"bytes,6,opt,name=max_window,json=maxWindow,proto3" json:"max_window,omitempty"`
	// Each side sends at least one frame per interval (a Ping if there is nothing else) [W-29], and ends the
	// stream when it has received nothing for two intervals [W-30]. Milliseconds, 1,000 … 3,600,000.
	HeartbeatIntervalMs uint32 `protobuf:"varint,7,opt,name=heartbeat_interval_ms,json=heartbeatIntervalMs,proto3" json:"heartbeat_interval_ms,omitempty"`
	// The largest frame either side may send, in encoded bytes. A receiver must set its gRPC message limit
	// to at least this.
	MaxFrameBytes uint64 `protobuf:"varint,8,opt,name=max_frame_bytes,json=maxFrameBytes,proto3" json:"max_frame_bytes,omitempty"`
	// Those of Hello.features that are in use on this stream; a worker uses no other [W-31].
	Features      []string `protobuf:"bytes,9,rep,name=features,proto3" json:"features,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Welcome) Reset() {
	*x = Welcome{}
	mi := &file_sluice_v1_worker_proto_msgTypes[3]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Welcome) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Welcome) ProtoMessage() {}

func (x *Welcome) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[3]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Welcome.ProtoReflect.Descriptor instead.
func (*Welcome) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{3}
}

func (x *Welcome) GetProtocolVersion() uint32 {
	if x != nil {
		return x.ProtocolVersion
	}
	return 0
}

func (x *Welcome) GetSessionId() string {
	if x != nil {
		return x.SessionId
	}
	return ""
}

func (x *Welcome) GetGateway() string {
	if x != nil {
		return x.Gateway
	}
	return ""
}

func (x *Welcome) GetAcceptedChains() []*AcceptedChain {
	if x != nil {
		return x.AcceptedChains
	}
	return nil
}

func (x *Welcome) GetRefusedChains() []*RefusedChain {
	if x != nil {
		return x.RefusedChains
	}
	return nil
}

func (x *Welcome) GetMaxWindow() *Window {
	if x != nil {
		return x.MaxWindow
	}
	return nil
}

func (x *Welcome) GetHeartbeatIntervalMs() uint32 {
	if x != nil {
		return x.HeartbeatIntervalMs
	}
	return 0
}

func (x *Welcome) GetMaxFrameBytes() uint64 {
	if x != nil {
		return x.MaxFrameBytes
	}
	return 0
}

func (x *Welcome) GetFeatures() []string {
	if x != nil {
		return x.Features
	}
	return nil
}

// A chain the gateway delivers from on this stream.
type AcceptedChain struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	Chain string                 `protobuf:"bytes,1,opt,name=chain,proto3" json:"chain,omitempty"`
	// The lease its deliveries start with, from Hello.lease_ms or the chain's `lease`.
	LeaseMs uint32 `protobuf:"varint,2,opt,name=lease_ms,json=leaseMs,proto3" json:"lease_ms,omitempty"`
	// The chain's `maxLease`: the longest that work on one delivery may be extended to, counted from when its lease
	// started. Milliseconds.
	MaxLeaseMs    uint32 `protobuf:"varint,3,opt,name=max_lease_ms,json=maxLeaseMs,proto3" json:"max_lease_ms,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *AcceptedChain) Reset() {
	*x = AcceptedChain{}
	mi := &file_sluice_v1_worker_proto_msgTypes[4]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *AcceptedChain) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*AcceptedChain) ProtoMessage() {}

func (x *AcceptedChain) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[4]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use AcceptedChain.ProtoReflect.Descriptor instead.
func (*AcceptedChain) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{4}
}

func (x *AcceptedChain) GetChain() string {
	if x != nil {
		return x.Chain
	}
	return ""
}

func (x *AcceptedChain) GetLeaseMs() uint32 {
	if x != nil {
		return x.LeaseMs
	}
	return 0
}

func (x *AcceptedChain) GetMaxLeaseMs() uint32 {
	if x != nil {
		return x.MaxLeaseMs
	}
	return 0
}

// A chain the gateway will not deliver from on this stream.
type RefusedChain struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	Chain string                 `protobuf:"bytes,1,opt,name=chain,proto3" json:"chain,omitempty"`
	// For people.
	Reason        string `protobuf:"bytes,2,opt,name=reason,proto3" json:"reason,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *RefusedChain) Reset() {
	*x = RefusedChain{}
	mi := &file_sluice_v1_worker_proto_msgTypes[5]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *RefusedChain) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*RefusedChain) ProtoMessage() {}

func (x *RefusedChain) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[5]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use RefusedChain.ProtoReflect.Descriptor instead.
func (*RefusedChain) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{5}
}

func (x *RefusedChain) GetChain() string {
	if x != nil {
		return x.Chain
	}
	return ""
}

func (x *RefusedChain) GetReason() string {
	if x != nil {
		return x.Reason
	}
	return ""
}

// How much may be in flight (delivered, not settled) on this stream at once, as absolute numbers: [G-6] the
// gateway delivers only while both hold. A smaller window than what is in flight takes nothing back. [W-32] When
// nothing is in flight one message larger than `bytes` is let through, so that it cannot block for ever.
type Window struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Messages. 0 pauses deliveries.
	Messages uint32 `protobuf:"varint,1,opt,name=messages,proto3" json:"messages,omitempty"`
	// Payload, topic and property bytes. 0 with messages > 0 means: no limit of its own.
	Bytes         uint64 `protobuf:"varint,2,opt,name=bytes,proto3" json:"bytes,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Window) Reset() {
	*x = Window{}
	mi := &file_sluice_v1_worker_proto_msgTypes[6]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Window) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Window) ProtoMessage() {}

func (x *Window) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[6]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Window.ProtoReflect.Descriptor instead.
func (*Window) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{6}
}

func (x *Window) GetMessages() uint32 {
	if x != nil {
		return x.Messages
	}
	return 0
}

func (x *Window) GetBytes() uint64 {
	if x != nil {
		return x.Bytes
	}
	return 0
}

// An MQTT 5 user property. The same name may come several times; order is kept.
type UserProperty struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	Name          string                 `protobuf:"bytes,1,opt,name=name,proto3" json:"name,omitempty"`
	Value         string                 `protobuf:"bytes,2,opt,name=value,proto3" json:"value,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *UserProperty) Reset() {
	*x = UserProperty{}
	mi := &file_sluice_v1_worker_proto_msgTypes[7]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *UserProperty) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*UserProperty) ProtoMessage() {}

func (x *UserProperty) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[7]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use UserProperty.ProtoReflect.Descriptor instead.
func (*UserProperty) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{7}
}

func (x *UserProperty) GetName() string {
	if x != nil {
		return x.Name
	}
	return ""
}

func (x *UserProperty) GetValue() string {
	if x != nil {
		return x.Value
	}
	return ""
}

// One message to work on: a single attempt at it. Must be settled by `delivery_id` [W-33] before its lease ends.
type Delivery struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Names this attempt on this stream. Never 0, never reused by the gateway process, and below 2^53: a JavaScript
	// number holds it.
	DeliveryId uint64 `protobuf:"varint,1,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	// Names the message on this route: a UUID in text form, the same in every attempt.
	MessageId string `protobuf:"bytes,2,opt,name=message_id,json=messageId,proto3" json:"message_id,omitempty"`
	// The route's id, its chain, and the node to start at (empty: the chain's first).
	Route     string `protobuf:"bytes,3,opt,name=route,proto3" json:"route,omitempty"`
	Chain     string `protobuf:"bytes,4,opt,name=chain,proto3" json:"chain,omitempty"`
	StartNode string `protobuf:"bytes,5,opt,name=start_node,json=startNode,proto3" json:"start_node,omitempty"`
	// The topic the message was published to (not the filter). Valid UTF-8.
	Topic string `protobuf:"bytes,6,opt,name=topic,proto3" json:"topic,omitempty"`
	// Any bytes, 0 … 256 MiB [W-34].
	Payload []byte `protobuf:"bytes,7,opt,name=payload,proto3" json:"payload,omitempty"`
	// How the broker delivered it: 0, 1 or 2; the retain and dup flags of the PUBLISH.
	Qos    uint32 `protobuf:"varint,8,opt,name=qos,proto3" json:"qos,omitempty"`
	Retain bool   `protobuf:"varint,9,opt,name=retain,proto3" json:"retain,omitempty"`
	Dup    bool   `protobuf:"varint,10,opt,name=dup,proto3" json:"dup,omitempty"`
	// How the route says the payload is to be read.
	DataType DataType `protobuf:"varint,11,opt,name=data_type,json=dataType,proto3,enum=sluice.v1.DataType" json:"data_type,omitempty"`
	// When the gateway received it, by the gateway's clock: milliseconds since the Unix epoch.
	ReceivedUnixMs int64 `protobuf:"varint,12,opt,name=received_unix_ms,json=receivedUnixMs,proto3" json:"received_unix_ms,omitempty"`
	// How long the message has been in the gateway when this frame was made, in milliseconds: free of
	// clock differences.
	AgeMs uint64 `protobuf:"varint,13,opt,name=age_ms,json=ageMs,proto3" json:"age_ms,omitempty"`
	// [W-35] The worker has this many milliseconds, counted from when it receives the frame, to settle or extend. With the
	// feature "began": to begin, and as many again to settle or extend.
	LeaseMs uint32 `protobuf:"varint,14,opt,name=lease_ms,json=leaseMs,proto3" json:"lease_ms,omitempty"`
	// 1 for the first attempt. Drains, and streams lost before the work began, do not count; see Attempts above. Goes on
	// counting over a restart of a gateway with a journal.
	Attempt uint32 `protobuf:"varint,15,opt,name=attempt,proto3" json:"attempt,omitempty"`
	// Messages with an equal non-empty key of one chain come one after the other. Empty: no order.
	OrderingKey string `protobuf:"bytes,16,opt,name=ordering_key,json=orderingKey,proto3" json:"ordering_key,omitempty"`
	// MQTT 5 (§3.3.2.3). Absent or empty where the publisher, or MQTT 3.1.1, gave none.
	ContentType   string `protobuf:"bytes,17,opt,name=content_type,json=contentType,proto3" json:"content_type,omitempty"`
	ResponseTopic string `protobuf:"bytes,18,opt,name=response_topic,json=responseTopic,proto3" json:"response_topic,omitempty"`
	// Any bytes. Echoed by the gateway in replies that go to response_topic by default.
	CorrelationData []byte          `protobuf:"bytes,19,opt,name=correlation_data,json=correlationData,proto3" json:"correlation_data,omitempty"`
	UserProperties  []*UserProperty `protobuf:"bytes,20,rep,name=user_properties,json=userProperties,proto3" json:"user_properties,omitempty"`
	// Seconds left before the message expires, less the time it was in the gateway. Absent: never.
	ExpiryS *uint32 `protobuf:"varint,21,opt,name=expiry_s,json=expiryS,proto3,oneof" json:"expiry_s,omitempty"`
	// Metadata made by the route's `headersToMetadata`: the MQTT 5 user properties whose name does not
	// begin with "_" (names of that kind steer RuleGo's engine and are never set by a device), and is not,
	// in any case of letters, "responseTopic" or "responseQos", by which a device would steer a reply that
	// hands this metadata back (the route's `trustReplyHeaders` lets them through).
	Metadata      map[string]string `protobuf:"bytes,22,rep,name=metadata,proto3" json:"metadata,omitempty" protobuf_key:"bytes,1,opt,name=key" protobuf_val:"bytes,2,opt,name=value"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Delivery) Reset() {
	*x = Delivery{}
	mi := &file_sluice_v1_worker_proto_msgTypes[8]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Delivery) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Delivery) ProtoMessage() {}

func (x *Delivery) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[8]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Delivery.ProtoReflect.Descriptor instead.
func (*Delivery) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{8}
}

func (x *Delivery) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Delivery) GetMessageId() string {
	if x != nil {
		return x.MessageId
	}
	return ""
}

func (x *Delivery) GetRoute() string {
	if x != nil {
		return x.Route
	}
	return ""
}

func (x *Delivery) GetChain() string {
	if x != nil {
		return x.Chain
	}
	return ""
}

func (x *Delivery) GetStartNode() string {
	if x != nil {
		return x.StartNode
	}
	return ""
}

func (x *Delivery) GetTopic() string {
	if x != nil {
		return x.Topic
	}
	return ""
}

func (x *Delivery) GetPayload() []byte {
	if x != nil {
		return x.Payload
	}
	return nil
}

func (x *Delivery) GetQos() uint32 {
	if x != nil {
		return x.Qos
	}
	return 0
}

func (x *Delivery) GetRetain() bool {
	if x != nil {
		return x.Retain
	}
	return false
}

func (x *Delivery) GetDup() bool {
	if x != nil {
		return x.Dup
	}
	return false
}

func (x *Delivery) GetDataType() DataType {
	if x != nil {
		return x.DataType
	}
	return DataType_DATA_TYPE_UNSPECIFIED
}

func (x *Delivery) GetReceivedUnixMs() int64 {
	if x != nil {
		return x.ReceivedUnixMs
	}
	return 0
}

func (x *Delivery) GetAgeMs() uint64 {
	if x != nil {
		return x.AgeMs
	}
	return 0
}

func (x *Delivery) GetLeaseMs() uint32 {
	if x != nil {
		return x.LeaseMs
	}
	return 0
}

func (x *Delivery) GetAttempt() uint32 {
	if x != nil {
		return x.Attempt
	}
	return 0
}

func (x *Delivery) GetOrderingKey() string {
	if x != nil {
		return x.OrderingKey
	}
	return ""
}

func (x *Delivery) GetContentType() string {
	if x != nil {
		return x.ContentType
	}
	return ""
}

func (x *Delivery) GetResponseTopic() string {
	if x != nil {
		return x.ResponseTopic
	}
	return ""
}

func (x *Delivery) GetCorrelationData() []byte {
	if x != nil {
		return x.CorrelationData
	}
	return nil
}

func (x *Delivery) GetUserProperties() []*UserProperty {
	if x != nil {
		return x.UserProperties
	}
	return nil
}

func (x *Delivery) GetExpiryS() uint32 {
	if x != nil && x.ExpiryS != nil {
		return *x.ExpiryS
	}
	return 0
}

func (x *Delivery) GetMetadata() map[string]string {
	if x != nil {
		return x.Metadata
	}
	return nil
}

// Why a delivery ends without a settle. The worker may stop working on it, and need not begin it; nothing that it says
// about it is taken any more, and it is not among what the worker holds [W-36]. Sent when it happens.
type Revoke struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	DeliveryId    uint64                 `protobuf:"varint,1,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	Reason        Revoke_Reason          `protobuf:"varint,2,opt,name=reason,proto3,enum=sluice.v1.Revoke_Reason" json:"reason,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Revoke) Reset() {
	*x = Revoke{}
	mi := &file_sluice_v1_worker_proto_msgTypes[9]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Revoke) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Revoke) ProtoMessage() {}

func (x *Revoke) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[9]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Revoke.ProtoReflect.Descriptor instead.
func (*Revoke) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{9}
}

func (x *Revoke) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Revoke) GetReason() Revoke_Reason {
	if x != nil {
		return x.Reason
	}
	return Revoke_REASON_UNSPECIFIED
}

// What became of a delivery. [W-37] Names deliveries of this stream only, each once; one that is unknown, settled before,
// or whose lease was lost is answered with a Result of code STALE and changes nothing.
type Settle struct {
	state      protoimpl.MessageState `protogen:"open.v1"`
	DeliveryId uint64                 `protobuf:"varint,1,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	Outcome    Outcome                `protobuf:"varint,2,opt,name=outcome,proto3,enum=sluice.v1.Outcome" json:"outcome,omitempty"`
	// RETRY, REJECT, DROP: why, for people and for dead letters. At most 1,024 bytes; the rest is cut.
	Reason string `protobuf:"bytes,3,opt,name=reason,proto3" json:"reason,omitempty"`
	// RETRY: not before this many milliseconds. 0: the gateway's back-off for the attempt.
	// At most 3,600,000; more is taken as that.
	RetryAfterMs uint32 `protobuf:"varint,4,opt,name=retry_after_ms,json=retryAfterMs,proto3" json:"retry_after_ms,omitempty"`
	// [W-39] Published when the settle is accepted, in this order, atomically with it. A reply that is refused (a Result
	// of another code than OK tells) holds up neither the settle nor the other replies. With RETRY none is published, and
	// each is answered with NOT_PUBLISHED: the next attempt makes its own.
	Replies       []*Reply `protobuf:"bytes,5,rep,name=replies,proto3" json:"replies,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Settle) Reset() {
	*x = Settle{}
	mi := &file_sluice_v1_worker_proto_msgTypes[10]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Settle) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Settle) ProtoMessage() {}

func (x *Settle) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[10]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Settle.ProtoReflect.Descriptor instead.
func (*Settle) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{10}
}

func (x *Settle) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Settle) GetOutcome() Outcome {
	if x != nil {
		return x.Outcome
	}
	return Outcome_OUTCOME_ACK
}

func (x *Settle) GetReason() string {
	if x != nil {
		return x.Reason
	}
	return ""
}

func (x *Settle) GetRetryAfterMs() uint32 {
	if x != nil {
		return x.RetryAfterMs
	}
	return 0
}

func (x *Settle) GetReplies() []*Reply {
	if x != nil {
		return x.Replies
	}
	return nil
}

// A message to publish. Where it goes: `topic`; else metadata "responseTopic"; else the
// delivery's response_topic; else nowhere, which is no error (RuleGo's contract). With which QoS: `qos`
// if set; else metadata "responseQos"; else 0. Names of metadata keys are not case-sensitive.
type Reply struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// In WorkerFrame.replies: the delivery it belongs to, still in flight [W-23]. In Settle.replies: ignored.
	DeliveryId uint64 `protobuf:"varint,1,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	// Chosen by the worker. Not 0: one Result with this id tells what became of the reply. 0: a Result only when
	// the reply fails; it names the delivery.
	ReplyId uint64 `protobuf:"varint,2,opt,name=reply_id,json=replyId,proto3" json:"reply_id,omitempty"`
	// A topic name without wildcards, 1 … 65,535 bytes of UTF-8. Empty: see above.
	Topic string `protobuf:"bytes,3,opt,name=topic,proto3" json:"topic,omitempty"`
	// 0, 1 or 2. Another value is answered with INVALID_QOS and nothing is sent.
	Qos     *uint32 `protobuf:"varint,4,opt,name=qos,proto3,oneof" json:"qos,omitempty"`
	Retain  bool    `protobuf:"varint,5,opt,name=retain,proto3" json:"retain,omitempty"`
	Payload []byte  `protobuf:"bytes,6,opt,name=payload,proto3" json:"payload,omitempty"`
	// MQTT 5; dropped on a connection that speaks 3.1.1. correlation_data: where absent and the reply goes to
	// the delivery's response_topic, the delivery's own is echoed.
	ContentType     string          `protobuf:"bytes,7,opt,name=content_type,json=contentType,proto3" json:"content_type,omitempty"`
	ResponseTopic   string          `protobuf:"bytes,8,opt,name=response_topic,json=responseTopic,proto3" json:"response_topic,omitempty"`
	CorrelationData []byte          `protobuf:"bytes,9,opt,name=correlation_data,json=correlationData,proto3,oneof" json:"correlation_data,omitempty"`
	UserProperties  []*UserProperty `protobuf:"bytes,10,rep,name=user_properties,json=userProperties,proto3" json:"user_properties,omitempty"`
	// Seconds, counted from when the gateway receives the reply; 0 counts as 1. The broker is told what is left when it
	// is published; one that is over by then is dropped (EXPIRED), also where the connection speaks 3.1.1.
	ExpiryS *uint32 `protobuf:"varint,11,opt,name=expiry_s,json=expiryS,proto3,oneof" json:"expiry_s,omitempty"`
	// RuleGo's way to name topic and QoS; with the route's `metadataToHeaders` the rest becomes MQTT 5 user
	// properties of the reply.
	Metadata      map[string]string `protobuf:"bytes,12,rep,name=metadata,proto3" json:"metadata,omitempty" protobuf_key:"bytes,1,opt,name=key" protobuf_val:"bytes,2,opt,name=value"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Reply) Reset() {
	*x = Reply{}
	mi := &file_sluice_v1_worker_proto_msgTypes[11]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Reply) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Reply) ProtoMessage() {}

func (x *Reply) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[11]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Reply.ProtoReflect.Descriptor instead.
func (*Reply) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{11}
}

func (x *Reply) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Reply) GetReplyId() uint64 {
	if x != nil {
		return x.ReplyId
	}
	return 0
}

func (x *Reply) GetTopic() string {
	if x != nil {
		return x.Topic
	}
	return ""
}

func (x *Reply) GetQos() uint32 {
	if x != nil && x.Qos != nil {
		return *x.Qos
	}
	return 0
}

func (x *Reply) GetRetain() bool {
	if x != nil {
		return x.Retain
	}
	return false
}

func (x *Reply) GetPayload() []byte {
	if x != nil {
		return x.Payload
	}
	return nil
}

func (x *Reply) GetContentType() string {
	if x != nil {
		return x.ContentType
	}
	return ""
}

func (x *Reply) GetResponseTopic() string {
	if x != nil {
		return x.ResponseTopic
	}
	return ""
}

func (x *Reply) GetCorrelationData() []byte {
	if x != nil {
		return x.CorrelationData
	}
	return nil
}

func (x *Reply) GetUserProperties() []*UserProperty {
	if x != nil {
		return x.UserProperties
	}
	return nil
}

func (x *Reply) GetExpiryS() uint32 {
	if x != nil && x.ExpiryS != nil {
		return *x.ExpiryS
	}
	return 0
}

func (x *Reply) GetMetadata() map[string]string {
	if x != nil {
		return x.Metadata
	}
	return nil
}

// Asks for more time: the lease of the delivery ends lease_ms from now; less than 1,000 is taken as 1,000. Held to the
// chain's `maxLease`, counted from when the lease started (Welcome tells it): an end before the one that was asked for is
// answered with CLIPPED. A delivery that is not in flight on this stream is answered with STALE [W-40]. With the feature
// "began" an extend says that the work has begun, too.
type Extend struct {
	state         protoimpl.MessageState `protogen:"open.v1"`
	DeliveryId    uint64                 `protobuf:"varint,1,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	LeaseMs       uint32                 `protobuf:"varint,2,opt,name=lease_ms,json=leaseMs,proto3" json:"lease_ms,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Extend) Reset() {
	*x = Extend{}
	mi := &file_sluice_v1_worker_proto_msgTypes[12]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Extend) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Extend) ProtoMessage() {}

func (x *Extend) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[12]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Extend.ProtoReflect.Descriptor instead.
func (*Extend) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{12}
}

func (x *Extend) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Extend) GetLeaseMs() uint32 {
	if x != nil {
		return x.LeaseMs
	}
	return 0
}

// What became of one item. A settle or an extend that took effect as it stands gets none; a reply gets at most one,
// after TIMEOUT no other. Results are told on the stream the item came on, in no promised order, and are lost with it; a
// half-close waits for those of replies with a reply_id.
type Result struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// The reply's id; 0 when the item is a began, a settle or an extend, or a reply without id.
	ReplyId uint64 `protobuf:"varint,1,opt,name=reply_id,json=replyId,proto3" json:"reply_id,omitempty"`
	// The delivery the item named.
	DeliveryId uint64      `protobuf:"varint,2,opt,name=delivery_id,json=deliveryId,proto3" json:"delivery_id,omitempty"`
	Code       Result_Code `protobuf:"varint,3,opt,name=code,proto3,enum=sluice.v1.Result_Code" json:"code,omitempty"`
	// The broker's reason code when code is REFUSED (MQTT 5.0 §2.4), else 0.
	MqttReasonCode uint32 `protobuf:"varint,4,opt,name=mqtt_reason_code,json=mqttReasonCode,proto3" json:"mqtt_reason_code,omitempty"`
	// For people: what is wrong and what is allowed.
	Message string `protobuf:"bytes,5,opt,name=message,proto3" json:"message,omitempty"`
	// CLIPPED: how long the lease is from now, in milliseconds; else 0.
	LeaseMs       uint32 `protobuf:"varint,6,opt,name=lease_ms,json=leaseMs,proto3" json:"lease_ms,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Result) Reset() {
	*x = Result{}
	mi := &file_sluice_v1_worker_proto_msgTypes[13]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Result) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Result) ProtoMessage() {}

func (x *Result) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[13]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Result.ProtoReflect.Descriptor instead.
func (*Result) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{13}
}

func (x *Result) GetReplyId() uint64 {
	if x != nil {
		return x.ReplyId
	}
	return 0
}

func (x *Result) GetDeliveryId() uint64 {
	if x != nil {
		return x.DeliveryId
	}
	return 0
}

func (x *Result) GetCode() Result_Code {
	if x != nil {
		return x.Code
	}
	return Result_CODE_OK
}

func (x *Result) GetMqttReasonCode() uint32 {
	if x != nil {
		return x.MqttReasonCode
	}
	return 0
}

func (x *Result) GetMessage() string {
	if x != nil {
		return x.Message
	}
	return ""
}

func (x *Result) GetLeaseMs() uint32 {
	if x != nil {
		return x.LeaseMs
	}
	return 0
}

// Asks the other side for a Pong. Any frame counts as a sign of life; a Ping is for when there is none.
type Ping struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// Any number, also 0; comes back in the Pong.
	Nonce         uint64 `protobuf:"varint,1,opt,name=nonce,proto3" json:"nonce,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Ping) Reset() {
	*x = Ping{}
	mi := &file_sluice_v1_worker_proto_msgTypes[14]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Ping) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Ping) ProtoMessage() {}

func (x *Ping) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[14]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Ping.ProtoReflect.Descriptor instead.
func (*Ping) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{14}
}

func (x *Ping) GetNonce() uint64 {
	if x != nil {
		return x.Nonce
	}
	return 0
}

// Answers a Ping with its nonce [W-24], and with it all Pings before: of several that came while a write was under
// way only the last is answered. When a Pong comes, the other side has taken in all frames up to the Ping's.
// None is owed for a Pong. [W-41] A Ping without answer does not end a stream as long as other frames come.
type Pong struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// The Ping's.
	Nonce         uint64 `protobuf:"varint,1,opt,name=nonce,proto3" json:"nonce,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Pong) Reset() {
	*x = Pong{}
	mi := &file_sluice_v1_worker_proto_msgTypes[15]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Pong) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Pong) ProtoMessage() {}

func (x *Pong) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[15]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Pong.ProtoReflect.Descriptor instead.
func (*Pong) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{15}
}

func (x *Pong) GetNonce() uint64 {
	if x != nil {
		return x.Nonce
	}
	return 0
}

// No new deliveries on this stream. From the worker: it finishes what it holds, settles it and
// half-closes; deliveries that were under way may still arrive, see Leaving above. From the gateway: it delivers no
// more, takes settles until deadline_ms from now, then ends the stream with UNAVAILABLE; a worker that holds nothing any
// more half-closes before that [W-12], and gets OK. It should connect again at once [W-7], elsewhere if it can. What is
// not settled at the end is delivered again without counting an attempt.
//
// The gateway sends it when a stream has reached `workers.maxStreamAge`, when what its worker showed is about to expire
// (see Who the worker is above), and when it shuts down: there as the last thing, since it goes on delivering what it
// has taken in as long as `shutdown.drain` allows.
type Drain struct {
	state protoimpl.MessageState `protogen:"open.v1"`
	// From when the frame was made. 0: no deadline (worker), or at once (gateway). When a worker's own has
	// passed, the gateway ends the stream with UNAVAILABLE.
	DeadlineMs uint32 `protobuf:"varint,1,opt,name=deadline_ms,json=deadlineMs,proto3" json:"deadline_ms,omitempty"`
	// For people. At most 1,024 bytes; the rest is cut.
	Reason        string `protobuf:"bytes,2,opt,name=reason,proto3" json:"reason,omitempty"`
	unknownFields protoimpl.UnknownFields
	sizeCache     protoimpl.SizeCache
}

func (x *Drain) Reset() {
	*x = Drain{}
	mi := &file_sluice_v1_worker_proto_msgTypes[16]
	ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
	ms.StoreMessageInfo(mi)
}

func (x *Drain) String() string {
	return protoimpl.X.MessageStringOf(x)
}

func (*Drain) ProtoMessage() {}

func (x *Drain) ProtoReflect() protoreflect.Message {
	mi := &file_sluice_v1_worker_proto_msgTypes[16]
	if x != nil {
		ms := protoimpl.X.MessageStateOf(protoimpl.Pointer(x))
		if ms.LoadMessageInfo() == nil {
			ms.StoreMessageInfo(mi)
		}
		return ms
	}
	return mi.MessageOf(x)
}

// Deprecated: Use Drain.ProtoReflect.Descriptor instead.
func (*Drain) Descriptor() ([]byte, []int) {
	return file_sluice_v1_worker_proto_rawDescGZIP(), []int{16}
}

func (x *Drain) GetDeadlineMs() uint32 {
	if x != nil {
		return x.DeadlineMs
	}
	return 0
}

func (x *Drain) GetReason() string {
	if x != nil {
		return x.Reason
	}
	return ""
}

var File_sluice_v1_worker_proto protoreflect.FileDescriptor

const file_sluice_v1_worker_proto_rawDesc = "" +
	"\n" +
	"\x16sluice/v1/worker.proto\x12\tsluice.v1\"\xee\x02\n" +
	"\vWorkerFrame\x12&\n" +
	"\x05hello\x18\x01 \x01(\v2\x10.sluice.v1.HelloR\x05hello\x12)\n" +
	"\x06window\x18\x02 \x01(\v2\x11.sluice.v1.WindowR\x06window\x12+\n" +
	"\aextends\x18\x03 \x03(\v2\x11.sluice.v1.ExtendR\aextends\x12*\n" +
	"\areplies\x18\x04 \x03(\v2\x10.sluice.v1.ReplyR\areplies\x12+\n" +
	"\asettles\x18\x05 \x03(\v2\x11.sluice.v1.SettleR\asettles\x12#\n" +
	"\x04ping\x18\x06 \x01(\v2\x0f.sluice.v1.PingR\x04ping\x12#\n" +
	"\x04pong\x18\a \x01(\v2\x0f.sluice.v1.PongR\x04pong\x12&\n" +
	"\x05drain\x18\b \x01(\v2\x10.sluice.v1.DrainR\x05drain\x12\x14\n" +
	"\x05began\x18\t \x03(\x04R\x05began\"\xbd\x02\n" +
	"\fGatewayFrame\x12,\n" +
	"\awelcome\x18\x01 \x01(\v2\x12.sluice.v1.WelcomeR\awelcome\x123\n" +
	"\n" +
	"deliveries\x18\x02 \x03(\v2\x13.sluice.v1.DeliveryR\n" +
	"deliveries\x12+\n" +
	"\aresults\x18\x03 \x03(\v2\x11.sluice.v1.ResultR\aresults\x12#\n" +
	"\x04ping\x18\x04 \x01(\v2\x0f.sluice.v1.PingR\x04ping\x12#\n" +
	"\x04pong\x18\x05 \x01(\v2\x0f.sluice.v1.PongR\x04pong\x12&\n" +
	"\x05drain\x18\x06 \x01(\v2\x10.sluice.v1.DrainR\x05drain\x12+\n" +
	"\arevokes\x18\a \x03(\v2\x11.sluice.v1.RevokeR\arevokes\"\xa2\x02\n" +
	"\x05Hello\x120\n" +
	"\x14min_protocol_version\x18\x01 \x01(\rR\x12minProtocolVersion\x120\n" +
	"\x14max_protocol_version\x18\x02 \x01(\rR\x12maxProtocolVersion\x12\x1f\n" +
	"\vworker_name\x18\x03 \x01(\tR\n" +
	"workerName\x12\x1a\n" +
	"\binstance\x18\x04 \x01(\tR\binstance\x12\x16\n" +
	"\x06chains\x18\x05 \x03(\tR\x06chains\x12)\n" +
	"\x06window\x18\x06 \x01(\v2\x11.sluice.v1.WindowR\x06window\x12\x19\n" +
	"\blease_ms\x18\a \x01(\rR\aleaseMs\x12\x1a\n" +
	"\bfeatures\x18\b \x03(\tR\bfeatures\"\x9a\x03\n" +
	"\aWelcome\x12)\n" +
	"\x10protocol_version\x18\x01 \x01(\rR\x0fprotocolVersion\x12\x1d\n" +
	"\n" +
	"session_id\x18\x02 \x01(\tR\tsessionId\x12\x18\n" +
	"\agateway\x18\x03 \x01(\tR\agateway\x12A\n" +
	"\x0faccepted_chains\x18\x04 \x03(\v2\x18.sluice.v1.AcceptedChainR\x0eacceptedChains\x12>\n" +
	"\x0erefused_chains\x18\x05 \x03(\v2\x17.sluice.v1.RefusedChainR\rrefusedChains\x120\n" +
	"\n" +
	"max_window\x18\x06 \x01(\v2\x11.sluice.v1.WindowR\tmaxWindow\x122\n" +
	"\x15heartbeat_interval_ms\x18\a \x01(\rR\x13heartbeatIntervalMs\x12&\n" +
	"\x0fmax_frame_bytes\x18\b \x01(\x04R\rmaxFrameBytes\x12\x1a\n" +
	"\bfeatures\x18\t \x03(\tR\bfeatures\"b\n" +
	"\rAcceptedChain\x12\x14\n" +
	"\x05chain\x18\x01 \x01(\tR\x05chain\x12\x19\n" +
	"\blease_ms\x18\x02 \x01(\rR\aleaseMs\x12 \n" +
	"\fmax_lease_ms\x18\x03 \x01(\rR\n" +
	"maxLeaseMs\"<\n" +
	"\fRefusedChain\x12\x14\n" +
	"\x05chain\x18\x01 \x01(\tR\x05chain\x12\x16\n" +
	"\x06reason\x18\x02 \x01(\tR\x06reason\":\n" +
	"\x06Window\x12\x1a\n" +
	"\bmessages\x18\x01 \x01(\rR\bmessages\x12\x14\n" +
	"\x05bytes\x18\x02 \x01(\x04R\x05bytes\"8\n" +
	"\fUserProperty\x12\x12\n" +
	"\x04name\x18\x01 \x01(\tR\x04name\x12\x14\n" +
	"\x05value\x18\x02 \x01(\tR\x05value\"\xac\x06\n" +
	"\bDelivery\x12\x1f\n" +
	"\vdelivery_id\x18\x01 \x01(\x04R\n" +
	"deliveryId\x12\x1d\n" +
	"\n" +
	"message_id\x18\x02 \x01(\tR\tmessageId\x12\x14\n" +
	"\x05route\x18\x03 \x01(\tR\x05route\x12\x14\n" +
	"\x05chain\x18\x04 \x01(\tR\x05chain\x12\x1d\n" +
	"\n" +
	"start_node\x18\x05 \x01(\tR\tstartNode\x12\x14\n" +
	"\x05topic\x18\x06 \x01(\tR\x05topic\x12\x18\n" +
	"\apayload\x18\a \x01(\fR\apayload\x12\x10\n" +
	"\x03qos\x18\b \x01(\rR\x03qos\x12\x16\n" +
	"\x06retain\x18\t \x01(\bR\x06retain\x12\x10\n" +
	"\x03dup\x18\n" +
	" \x01(\bR\x03dup\x120\n" +
	"\tdata_type\x18\v \x01(\x0e2\x13.sluice.v1.DataTypeR\bdataType\x12(\n" +
	"\x10received_unix_ms\x18\f \x01(\x03R\x0ereceivedUnixMs\x12\x15\n" +
	"\x06age_ms\x18\r \x01(\x04R\x05ageMs\x12\x19\n" +
	"\blease_ms\x18\x0e \x01(\rR\aleaseMs\x12\x18\n" +
	"\aattempt\x18\x0f \x01(\rR\aattempt\x12!\n" +
	"\fordering_key\x18\x10 \x01(\tR\vorderingKey\x12!\n" +
	"\fcontent_type\x18\x11 \x01(\tR\vcontentType\x12%\n" +
	"\x0eresponse_topic\x18\x12 \x01(\tR\rresponseTopic\x12)\n" +
	"\x10correlation_data\x18\x13 \x01(\fR\x0fcorrelationData\x12@\n" +
	"\x0fuser_properties\x18\x14 \x03(\v2\x17.sluice.v1.UserPropertyR\x0euserProperties\x12\x1e\n" +
	"\bexpiry_s\x18\x15 \x01(\rH\x00R\aexpiryS\x88\x01\x01\x12=\n" +
	"\bmetadata\x18\x16 \x03(\v2!.sluice.v1.Delivery.MetadataEntryR\bmetadata\x1a;\n" +
	"\rMetadataEntry\x12\x10\n" +
	"\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n" +
	"\x05value\x18\x02 \x01(\tR\x05value:\x028\x01B\v\n" +
	"\t_expiry_s\"\xab\x01\n" +
	"\x06Revoke\x12\x1f\n" +
	"\vdelivery_id\x18\x01 \x01(\x04R\n" +
	"deliveryId\x120\n" +
	"\x06reason\x18\x02 \x01(\x0e2\x18.sluice.v1.Revoke.ReasonR\x06reason\"N\n" +
	"\x06Reason\x12\x16\n" +
	"\x12REASON_UNSPECIFIED\x10\x00\x12\x16\n" +
	"\x12REASON_LEASE_ENDED\x10\x01\x12\x14\n" +
	"\x10REASON_NOT_BEGUN\x10\x02\"\xc1\x01\n" +
	"\x06Settle\x12\x1f\n" +
	"\vdelivery_id\x18\x01 \x01(\x04R\n" +
	"deliveryId\x12,\n" +
	"\aoutcome\x18\x02 \x01(\x0e2\x12.sluice.v1.OutcomeR\aoutcome\x12\x16\n" +
	"\x06reason\x18\x03 \x01(\tR\x06reason\x12$\n" +
	"\x0eretry_after_ms\x18\x04 \x01(\rR\fretryAfterMs\x12*\n" +
	"\areplies\x18\x05 \x03(\v2\x10.sluice.v1.ReplyR\areplies\"\xa1\x04\n" +
	"\x05Reply\x12\x1f\n" +
	"\vdelivery_id\x18\x01 \x01(\x04R\n" +
	"deliveryId\x12\x19\n" +
	"\breply_id\x18\x02 \x01(\x04R\areplyId\x12\x14\n" +
	"\x05topic\x18\x03 \x01(\tR\x05topic\x12\x15\n" +
	"\x03qos\x18\x04 \x01(\rH\x00R\x03qos\x88\x01\x01\x12\x16\n" +
	"\x06retain\x18\x05 \x01(\bR\x06retain\x12\x18\n" +
	"\apayload\x18\x06 \x01(\fR\apayload\x12!\n" +
	"\fcontent_type\x18\a \x01(\tR\vcontentType\x12%\n" +
	"\x0eresponse_topic\x18\b \x01(\tR\rresponseTopic\x12.\n" +
	"\x10correlation_data\x18\t \x01(\fH\x01R\x0fcorrelationData\x88\x01\x01\x12@\n" +
	"\x0fuser_properties\x18\n" +
	" \x03(\v2\x17.sluice.v1.UserPropertyR\x0euserProperties\x12\x1e\n" +
	"\bexpiry_s\x18\v \x01(\rH\x02R\aexpiryS\x88\x01\x01\x12:\n" +
	"\bmetadata\x18\f \x03(\v2\x1e.sluice.v1.Reply.MetadataEntryR\bmetadata\x1a;\n" +
	"\rMetadataEntry\x12\x10\n" +
	"\x03key\x18\x01 \x01(\tR\x03key\x12\x14\n" +
	"\x05value\x18\x02 \x01(\tR\x05value:\x028\x01B\x06\n" +
	"\x04_qosB\x13\n" +
	"\x11_correlation_dataB\v\n" +
	"\t_expiry_s\"D\n" +
	"\x06Extend\x12\x1f\n" +
	"\vdelivery_id\x18\x01 \x01(\x04R\n" +
	"deliveryId\x12\x19\n" +
	"\blease_ms\x18\x02 \x01(\rR\aleaseMs\"\xd2\x03\n" +
	"\x06Result\x12\x19\n" +
	"\breply_id\x18\x01 \x01(\x04R\areplyId\x12\x1f\n" +
	"\vdelivery_id\x18\x02 \x01(\x04R\n" +
	"deliveryId\x12*\n" +
	"\x04code\x18\x03 \x01(\x0e2\x16.sluice.v1.Result.CodeR\x04code\x12(\n" +
	"\x10mqtt_reason_code\x18\x04 \x01(\rR\x0emqttReasonCode\x12\x18\n" +
	"\amessage\x18\x05 \x01(\tR\amessage\x12\x19\n" +
	"\blease_ms\x18\x06 \x01(\rR\aleaseMs\"\x80\x02\n" +
	"\x04Code\x12\v\n" +
	"\aCODE_OK\x10\x00\x12\x0e\n" +
	"\n" +
	"CODE_STALE\x10\x01\x12\x10\n" +
	"\fCODE_INVALID\x10\x02\x12\x16\n" +
	"\x12CODE_INVALID_TOPIC\x10\x03\x12\x14\n" +
	"\x10CODE_INVALID_QOS\x10\x04\x12\x0f\n" +
	"\vCODE_DENIED\x10\x05\x12\x12\n" +
	"\x0eCODE_TOO_LARGE\x10\x06\x12\x10\n" +
	"\fCODE_TIMEOUT\x10\a\x12\x10\n" +
	"\fCODE_REFUSED\x10\b\x12\x16\n" +
	"\x12CODE_NOT_CONNECTED\x10\t\x12\x16\n" +
	"\x12CODE_NOT_PUBLISHED\x10\n" +
	"\x12\x10\n" +
	"\fCODE_CLIPPED\x10\v\x12\x10\n" +
	"\fCODE_EXPIRED\x10\f\"\x1c\n" +
	"\x04Ping\x12\x14\n" +
	"\x05nonce\x18\x01 \x01(\x04R\x05nonce\"\x1c\n" +
	"\x04Pong\x12\x14\n" +
	"\x05nonce\x18\x01 \x01(\x04R\x05nonce\"@\n" +
	"\x05Drain\x12\x1f\n" +
	"\vdeadline_ms\x18\x01 \x01(\rR\n" +
	"deadlineMs\x12\x16\n" +
	"\x06reason\x18\x02 \x01(\tR\x06reason*c\n" +
	"\bDataType\x12\x19\n" +
	"\x15DATA_TYPE_UNSPECIFIED\x10\x00\x12\x12\n" +
	"\x0eDATA_TYPE_JSON\x10\x01\x12\x12\n" +
	"\x0eDATA_TYPE_TEXT\x10\x02\x12\x14\n" +
	"\x10DATA_TYPE_BINARY\x10\x03*S\n" +
	"\aOutcome\x12\x0f\n" +
	"\vOUTCOME_ACK\x10\x00\x12\x11\n" +
	"\rOUTCOME_RETRY\x10\x01\x12\x12\n" +
	"\x0eOUTCOME_REJECT\x10\x02\x12\x10\n" +
	"\fOUTCOME_DROP\x10\x032L\n" +
	"\rWorkerService\x12;\n" +
	"\x04Work\x12\x16.sluice.v1.WorkerFrame\x1a\x17.sluice.v1.GatewayFrame(\x010\x01B<\n" +
	"\rdev.sluice.v1P\x01Z&sluice.dev/client/go/sluicev1;sluicev1\xf8\x01\x01b\x06proto3"

var (
	file_sluice_v1_worker_proto_rawDescOnce sync.Once
	file_sluice_v1_worker_proto_rawDescData []byte
)

func file_sluice_v1_worker_proto_rawDescGZIP() []byte {
	file_sluice_v1_worker_proto_rawDescOnce.Do(func() {
		file_sluice_v1_worker_proto_rawDescData = protoimpl.X.CompressGZIP(unsafe.Slice(unsafe.StringData(file_sluice_v1_worker_proto_rawDesc), len(file_sluice_v1_worker_proto_rawDesc)))
	})
	return file_sluice_v1_worker_proto_rawDescData
}

var file_sluice_v1_worker_proto_enumTypes = make([]protoimpl.EnumInfo, 4)
var file_sluice_v1_worker_proto_msgTypes = make([]protoimpl.MessageInfo, 19)
var file_sluice_v1_worker_proto_goTypes = []any{
	(DataType)(0),         // 0: sluice.v1.DataType
	(Outcome)(0),          // 1: sluice.v1.Outcome
	(Revoke_Reason)(0),    // 2: sluice.v1.Revoke.Reason
	(Result_Code)(0),      // 3: sluice.v1.Result.Code
	(*WorkerFrame)(nil),   // 4: sluice.v1.WorkerFrame
	(*GatewayFrame)(nil),  // 5: sluice.v1.GatewayFrame
	(*Hello)(nil),         // 6: sluice.v1.Hello
	(*Welcome)(nil),       // 7: sluice.v1.Welcome
	(*AcceptedChain)(nil), // 8: sluice.v1.AcceptedChain
	(*RefusedChain)(nil),  // 9: sluice.v1.RefusedChain
	(*Window)(nil),        // 10: sluice.v1.Window
	(*UserProperty)(nil),  // 11: sluice.v1.UserProperty
	(*Delivery)(nil),      // 12: sluice.v1.Delivery
	(*Revoke)(nil),        // 13: sluice.v1.Revoke
	(*Settle)(nil),        // 14: sluice.v1.Settle
	(*Reply)(nil),         // 15: sluice.v1.Reply
	(*Extend)(nil),        // 16: sluice.v1.Extend
	(*Result)(nil),        // 17: sluice.v1.Result
	(*Ping)(nil),          // 18: sluice.v1.Ping
	(*Pong)(nil),          // 19: sluice.v1.Pong
	(*Drain)(nil),         // 20: sluice.v1.Drain
	nil,                   // 21: sluice.v1.Delivery.MetadataEntry
	nil,                   // 22: sluice.v1.Reply.MetadataEntry
}
var file_sluice_v1_worker_proto_depIdxs = []int32{
	6,  // 0: sluice.v1.WorkerFrame.hello:type_name -> sluice.v1.Hello
	10, // 1: sluice.v1.WorkerFrame.window:type_name -> sluice.v1.Window
	16, // 2: sluice.v1.WorkerFrame.extends:type_name -> sluice.v1.Extend
	15, // 3: sluice.v1.WorkerFrame.replies:type_name -> sluice.v1.Reply
	14, // 4: sluice.v1.WorkerFrame.settles:type_name -> sluice.v1.Settle
	18, // 5: sluice.v1.WorkerFrame.ping:type_name -> sluice.v1.Ping
	19, // 6: sluice.v1.WorkerFrame.pong:type_name -> sluice.v1.Pong
	20, // 7: sluice.v1.WorkerFrame.drain:type_name -> sluice.v1.Drain
	7,  // 8: sluice.v1.GatewayFrame.welcome:type_name -> sluice.v1.Welcome
	12, // 9: sluice.v1.GatewayFrame.deliveries:type_name -> sluice.v1.Delivery
	17, // 10: sluice.v1.GatewayFrame.results:type_name -> sluice.v1.Result
	18, // 11: sluice.v1.GatewayFrame.ping:type_name -> sluice.v1.Ping
	19, // 12: sluice.v1.GatewayFrame.pong:type_name -> sluice.v1.Pong
	20, // 13: sluice.v1.GatewayFrame.drain:type_name -> sluice.v1.Drain
	13, // 14: sluice.v1.GatewayFrame.revokes:type_name -> sluice.v1.Revoke
	10, // 15: sluice.v1.Hello.window:type_name -> sluice.v1.Window
	8,  // 16: sluice.v1.Welcome.accepted_chains:type_name -> sluice.v1.AcceptedChain
	9,  // 17: sluice.v1.Welcome.refused_chains:type_name -> sluice.v1.RefusedChain
	10, // 18: sluice.v1.Welcome.max_window:type_name -> sluice.v1.Window
	0,  // 19: sluice.v1.Delivery.data_type:type_name -> sluice.v1.DataType
	11, // 20: sluice.v1.Delivery.user_properties:type_name -> sluice.v1.UserProperty
	21, // 21: sluice.v1.Delivery.metadata:type_name -> sluice.v1.Delivery.MetadataEntry
	2,  // 22: sluice.v1.Revoke.reason:type_name -> sluice.v1.Revoke.Reason
	1,  // 23: sluice.v1.Settle.outcome:type_name -> sluice.v1.Outcome
	15, // 24: sluice.v1.Settle.replies:type_name -> sluice.v1.Reply
	11, // 25: sluice.v1.Reply.user_properties:type_name -> sluice.v1.UserProperty
	22, // 26: sluice.v1.Reply.metadata:type_name -> sluice.v1.Reply.MetadataEntry
	3,  // 27: sluice.v1.Result.code:type_name -> sluice.v1.Result.Code
	4,  // 28: sluice.v1.WorkerService.Work:input_type -> sluice.v1.WorkerFrame
	5,  // 29: sluice.v1.WorkerService.Work:output_type -> sluice.v1.GatewayFrame
	29, // [29:30] is the sub-list for method output_type
	28, // [28:29] is the sub-list for method input_type
	28, // [28:28] is the sub-list for extension type_name
	28, // [28:28] is the sub-list for extension extendee
	0,  // [0:28] is the sub-list for field type_name
}

func init() { file_sluice_v1_worker_proto_init() }
func file_sluice_v1_worker_proto_init() {
	if File_sluice_v1_worker_proto != nil {
		return
	}
	file_sluice_v1_worker_proto_msgTypes[8].OneofWrappers = []any{}
	file_sluice_v1_worker_proto_msgTypes[11].OneofWrappers = []any{}
	type x struct{}
	out := protoimpl.TypeBuilder{
		File: protoimpl.DescBuilder{
			GoPackagePath: reflect.TypeOf(x{}).PkgPath(),
			RawDescriptor: unsafe.Slice(unsafe.StringData(file_sluice_v1_worker_proto_rawDesc), len(file_sluice_v1_worker_proto_rawDesc)),
			NumEnums:      4,
			NumMessages:   19,
			NumExtensions: 0,
			NumServices:   1,
		},
		GoTypes:           file_sluice_v1_worker_proto_goTypes,
		DependencyIndexes: file_sluice_v1_worker_proto_depIdxs,
		EnumInfos:         file_sluice_v1_worker_proto_enumTypes,
		MessageInfos:      file_sluice_v1_worker_proto_msgTypes,
	}.Build()
	File_sluice_v1_worker_proto = out.File
	file_sluice_v1_worker_proto_goTypes = nil
	file_sluice_v1_worker_proto_depIdxs = nil
}
