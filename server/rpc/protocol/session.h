// gRPC's server side of one HTTP/2 connection, without I/O: bytes in become calls and messages, commands become bytes
// out. No sockets, no clock (the time is passed in), no threads, no logs. nghttp2 speaks HTTP/2; it is known in this
// folder only.
//
//   session.cc            the connection's life: bytes in and out, time-outs, the two steps of a shutdown
//   session_frames.cc     which frames are let in, by kind and rate
//   session_requests.cc   header blocks into calls, or why not
//   session_nghttp2.cc    nghttp2's set-up and callbacks
//   call_stream.cc        a call's two directions
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/protocol/allowance.h"
#include "server/rpc/protocol/budget.h"
#include "server/rpc/protocol/call_stream.h"
#include "server/rpc/protocol/ending.h"
#include "server/rpc/protocol/frame_meter.h"
#include "server/rpc/protocol/limits.h"
#include "server/rpc/protocol/output.h"

struct nghttp2_session;

namespace sluice::rpc {

// How a call begins.
struct RequestHead {
  std::string path;
  std::string authority;
  Metadata metadata;
  SteadyTime received{};
  SteadyTime deadline = kNever;
};

class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  // Who is told of the call; must outlive it. May give the stream commands already.
  virtual CallEvents& OnCall(CallStream& stream, RequestHead head) = 0;
};

struct SessionCounts {
  uint64_t frames_received = 0;
  uint64_t frames_sent = 0;
  uint64_t calls = 0;    // Begun.
  uint64_t refused = 0;  // Ended before there was a handler: what was asked is not gRPC as it is served here.
};

// Not thread-safe. A life: Receive() with what comes, Gather() at the end of each turn, output() to the socket and
// Sent(); Tick() when it is due; until over(), or ConnectionLost(). Destroyed by neither of them, and not within events.
class Http2Session {
 public:
  // `limits`, `budget` and `events` outlive it.
  Http2Session(const Limits& limits, ReceiveBudget& budget, SessionEvents& events, SteadyTime now);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Takes all of `bytes`. Events run within it.
  void Receive(std::string_view bytes, SteadyTime now);
  // False: the client does not read what is sent; nothing is to be read from it until it does.
  bool wants_input() const;

  // Frames what may be sent. Events run within it.
  void Gather(SteadyTime now);
  Output& output() { return output_; }
  // Something is to be told or framed that the last Gather() has not come to.
  bool has_news() const { return !pumped_.empty() || !written_.empty(); }
  // So much of output() went to the socket; more waits if it is not empty.
  void Sent(size_t bytes, SteadyTime now);

  // Does what is due.
  void Tick(SteadyTime now);
  // When Tick() has something to do, at the earliest.
  SteadyTime next_due() const { return next_due_; }

  // Two steps (RFC 9113 §6.8): GOAWAY that only announces the end, and the real one once the client has seen that.
  // Calls that began before go on; over() follows when they have ended. `cause` kShutdown or kIdle.
  void Shutdown(EndCause cause, std::string text, SteadyTime now);
  // Ends every call with `status`.
  void EndCalls(const absl::Status& status);
  // The socket is gone. Every call is told; nothing else may be asked of the session then.
  void ConnectionLost(const absl::Status& why);

  // Nothing more is to be read; what is in output() is to be sent, then the connection closed. At once where
  // `abrupt()`.
  bool over() const;
  bool abrupt() const { return abrupt_; }
  // Of a connection that ends or has ended by itself.
  const std::optional<Ending>& ending() const { return ending_; }

  size_t calls() const { return streams_.size(); }
  bool shutting_down() const { return shutdown_ != ShutdownStep::kNone; }
  const SessionCounts& counts() const { return counts_; }
  size_t receiving() const { return share_.taken(); }  // Bytes that are not whole messages, or not taken.

 private:
  friend class CallStream;
  struct Callbacks;  // nghttp2's.
  enum class ShutdownStep : uint8_t { kNone, kAnnounced, kFinal };

  // The header block that is being received; there is one at a time.
  struct Block {
    int32_t stream = 0;
    bool request = false;  // Else trailers.
    size_t bytes = 0;
    std::string method;
    std::string path;
    std::string authority;
    std::string content_type;
    std::string timeout;
    std::string encoding;
    bool trailers_accepted = false;  // te: trailers
    std::string bad_metadata;        // The name of one that is not base64.
    Metadata metadata;
  };

  // ---- session_nghttp2.cc
  void Open();
  void EndRequest(int32_t stream, uint8_t flags_sent);

  // ---- session_frames.cc
  bool AllowFrame(const FrameHead& head);
  void Breach(EndCause cause, std::string text);

  // ---- session.cc
  // GOAWAY with the error, all calls over.
  void End(uint32_t http2_error, EndCause cause, std::string text);
  void CutOff(EndCause cause, std::string text);
  void Due(SteadyTime when) { next_due_ = std::min(next_due_, when); }
  void TickConnection(SteadyTime now);
  void TickCall(CallStream& stream, SteadyTime now);
  void FinalGoaway();
  void TellClosed(const absl::Status& why);
  void Fatal(int error, const char* during);

  // ---- session_requests.cc
  void BeginBlock(int32_t stream, bool request);
  void OnHeader(std::string_view name, std::string_view value);
  void BeginCall(bool half_closed);
  // What is no gRPC: an answer of HTTP's, whose text lives for good.
  void RefuseRequest(const char* http_status, const char* text);
  void RefuseCall(const absl::Status& status);

  // ---- for streams
  CallStream* Find(int32_t id);
  void OnStreamClosed(int32_t id, uint32_t http2_error);
  void DispatchClosed();

  const Limits& limits_;
  SessionEvents& events_;
  ReceiveShare share_;
  nghttp2_session* http2_ = nullptr;
  SteadyTime now_;
  SteadyTime next_due_ = kNever;

  FrameMeter meter_;
  Allowance pings_;
  Allowance resets_;
  Allowance settings_;
  Allowance window_updates_;
  Allowance priorities_;
  Allowance empty_frames_;
  std::optional<Ending> breach_;  // Found within nghttp2; the end follows behind it.
  Block block_;

  std::vector<std::unique_ptr<CallStream>> streams_;
  CallStream* last_found_ = nullptr;
  std::vector<CallStream*> pumped_;   // Have to look at what was kept back.
  std::vector<CallStream*> written_;  // Have to be told.
  struct Closed {
    std::unique_ptr<CallStream> stream;
    uint32_t http2_error;
  };
  std::vector<Closed> closed_;

  Output output_;
  bool client_left_ = false;  // It has sent a GOAWAY without error that nghttp2 takes for one.
  bool goaway_sent_ = false;  // The one with which the connection ends, at once or after its calls.
  bool error_sent_ = false;   // It names an error: nothing is sent after it.
  bool abrupt_ = false;
  ShutdownStep shutdown_ = ShutdownStep::kNone;
  std::string shutdown_text_;
  std::optional<Ending> ending_;
  bool terminated_ = false;  // Nothing but the GOAWAY is sent any more.

  bool handshaken_ = false;
  SteadyTime created_;
  SteadyTime frame_since_ = kNever;
  SteadyTime block_since_ = kNever;
  SteadyTime last_received_;
  SteadyTime last_sent_;
  SteadyTime ping_sent_ = kNever;
  SteadyTime idle_since_;
  SteadyTime step_since_ = kNever;  // Of the shutdown.
  SessionCounts counts_;
};

}  // namespace sluice::rpc
