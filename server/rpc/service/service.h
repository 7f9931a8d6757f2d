// What a service sees of the gRPC server: its methods, and each RPC as a Call (what it may do) and a CallHandler (what
// happens to it). Synchronous handlers on threads of their own are in sync_call.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/service/payload.h"
#include "server/runtime/clock.h"

namespace sluice {

struct Peer;  // net/peer.h: who is connected.

namespace rpc {

// How much of a name that a caller sent is said back to it.
inline constexpr size_t kMostShownOfAName = 200;

// Names in lower case, in the order they came or go. Values of names that end in "-bin" are the bytes themselves: the
// wire's base64 is made and undone here. Names that gRPC or HTTP keep for themselves (":…", "grpc-…", "content-type",
// "te") are neither shown nor sent, save the trailer "grpc-status-details-bin": a google.rpc.Status, of the handler's.
using Metadata = std::vector<std::pair<std::string, std::string>>;

// The first value of `name`, or empty.
inline std::string_view Find(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata) {
    if (key == name) return value;
  }
  return {};
}

// What an RPC began with. Constant from the handler's making until OnDone.
struct CallInfo {
  std::string path;              // "/sluice.v1.WorkerService/Work", a method of this server's.
  std::string authority;         // What the client calls the server.
  Metadata metadata;             // "authorization", "user-agent", … Holds secrets: never log it.
  SteadyTime received{};         // When its headers were there.
  SteadyTime deadline = kNever;  // By the client's grpc-timeout. The server ends the call at it.
  std::string peer_name;         // "10.0.0.7:4711", "[::1]:4711" or "unix", for people.
  // The connection's other side, with its certificate; never null on a server. The same object for all its calls.
  std::shared_ptr<const Peer> peer;
  std::shared_ptr<void> identity;  // What ServerOptions::admit made of the above; null without it.
};

// Wakes a call from other threads, and may outlive it. Thread-safe.
class Waker {
 public:
  virtual ~Waker() = default;
  // CallHandler::OnWake runs on the call's loop soon: once for all calls of this since the last OnWake began. Cheap, and
  // takes no lock that is held for long. After the call's end it does nothing.
  virtual void Wake() = 0;
};

// One RPC, as its handler uses it: on its loop's thread only, but for waker(). Valid until CallHandler::OnDone returns.
// After OnCancel everything here does nothing.
//
// What is written in one turn of the loop, by all calls of a connection, leaves together at the turn's end. No reaction
// runs within the call that asked for it.
class Call {
 public:
  virtual ~Call() = default;

  virtual const CallInfo& info() const = 0;
  // Kept as long as somebody may want to wake the call. The same object each time.
  virtual const std::shared_ptr<Waker>& waker() = 0;
  void Wake() { waker()->Wake(); }

  // Asks for one message: CallHandler::OnMessage. One at a time; asking again before it came changes nothing. The
  // client's window is given back only as messages are taken, so a handler that does not ask holds the client back:
  // beyond one window (Limits::stream_window) nothing is kept for it.
  virtual void Read() = 0;
  // No message that begins from now on may be larger; at most Limits::message_bytes, which it is without.
  virtual void LimitMessages(size_t bytes) = 0;
  // Sent ahead of the first message or of the status; later it does nothing. Without it, empty initial metadata.
  virtual void SendInitialMetadata(Metadata metadata) = 0;
  // One at a time, until CallHandler::OnWritten. Not after Finish.
  virtual void Write(Payload message) = 0;
  // The end, once: the status follows what was written, then OnDone. The client has Limits::finish_timeout to read what
  // is before it. Messages that were not read are dropped.
  virtual void Finish(const absl::Status& status, Metadata trailers = {}) = 0;
  // The end, now: what is not sent yet is dropped, and the status sent ahead of it. Also after Finish. OnDone follows,
  // no OnCancel.
  virtual void Abort(const absl::Status& status) = 0;
};

// One RPC's reactions, on its loop's thread, one at a time. Must not block. Made by a method for each call, destroyed
// after OnDone. Its constructor may already use the Call.
class CallHandler {
 public:
  virtual ~CallHandler() = default;

  // After a Read().
  virtual void OnMessage(std::string message) = 0;
  // The client sends no more, and all that it sent was handed over. Needs no Read(). Not after OnCancel or Finish.
  virtual void OnHalfClose() = 0;
  // The last Write has left for the socket: the next one may come. No proof that the client has it.
  virtual void OnWritten() = 0;
  // Waker::Wake() was called.
  virtual void OnWake() {}
  // The call is over and the client will hear nothing more from the handler. `why`: CANCELLED (the client's reset, or
  // its connection is lost), DEADLINE_EXCEEDED, UNAVAILABLE (the server stops), RESOURCE_EXHAUSTED (a message was too
  // large), INTERNAL, UNIMPLEMENTED or INVALID_ARGUMENT (what the client sent was wrong). Where it can, the server has
  // told the client the same. OnDone follows, without a Finish.
  virtual void OnCancel(const absl::Status& why) = 0;
  // Always the last. The Call dies after it.
  virtual void OnDone() {}
};

// Makes the handler of a call, on the call's loop. Refusals are a handler too: see Refuse().
using MakeHandler = std::function<std::unique_ptr<CallHandler>(Call& call)>;

// A handler that ends its call with `status`.
std::unique_ptr<CallHandler> Refuse(Call& call, const absl::Status& status);

struct Method {
  std::string name;  // "Work".
  MakeHandler make;  // Runs on any of the server's loops.
};

// What a server is given; copied.
struct Service {
  std::string name;  // "sluice.v1.WorkerService".
  std::vector<Method> methods;
};

}  // namespace rpc
}  // namespace sluice
