// One call of a connection: what its handler may do, and how far its two directions are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/rpc/protocol/message_reader.h"
#include "server/rpc/service/payload.h"
#include "server/rpc/service/service.h"
#include "server/runtime/clock.h"

namespace sluice::rpc {

class Http2Session;

// What happens to a call; the order is CallHandler's.
class CallEvents {
 public:
  virtual ~CallEvents() = default;
  virtual void OnMessage(std::string message) = 0;
  virtual void OnHalfClose() = 0;
  virtual void OnWritten() = 0;
  // The last one; the stream goes after it. `cancelled`: the call did not end by Finish or Abort, and why.
  virtual void OnOver(const absl::Status* cancelled) = 0;
};

// Made and destroyed by its session. The commands are Call's, and may be given at any time but within another session's
// or this session's Gather(), save from events.
class CallStream {
 public:
  CallStream(Http2Session& session, int32_t id, ReceiveShare& share, Packing packing, size_t max_message_bytes)
      : session_(session), id_(id), share_(share), reader_(share, packing, max_message_bytes) {}
  ~CallStream() { share_.Return(backlog_.size()); }
  CallStream(const CallStream&) = delete;
  CallStream& operator=(const CallStream&) = delete;

  void Read();
  void LimitMessages(size_t bytes);
  void SendHeaders(Metadata metadata);
  void Write(Payload message);
  void Finish(const absl::Status& status, Metadata trailers);
  void Abort(const absl::Status& status);

  int32_t id() const { return id_; }
  // nghttp2 asks how much of the message goes into the next frame of at most `length` bytes.
  ptrdiff_t Offer(size_t length, uint32_t* flags);

 private:
  friend class Http2Session;

  // ---- the request
  void OnData(std::string_view bytes);
  void Keep(std::string_view bytes);
  // Hands out whole messages while they are asked for.
  void Parse(std::string_view& bytes);
  // Parses what was kept back.
  void Pump();
  void CheckHalfClose();
  // Gives the client room for all of a message that is larger than the window, and takes it back after that.
  void SetRoom();
  // The request cannot go on: tells the handler, and the client.
  void Fail(const absl::Status& status);
  void DropRequest();

  // ---- the response
  void SubmitHeaders(bool with_data);
  void SubmitTrailers();
  void DropMessage();
  // Of the message under way, with its prefix.
  size_t Unframed() const { return writing_ ? prefix_.size() + message_.size() - framed_ : 0; }
  // Puts the next `length` bytes of it into the session's output.
  void Frame(size_t length);
  void Over(const absl::Status* cancelled);

  Http2Session& session_;
  const int32_t id_;
  CallEvents* events_ = nullptr;
  bool over_ = false;   // Its handler has heard the last of it.
  bool reset_ = false;  // By the client.
  size_t index_ = 0;    // Among the session's streams.

  ReceiveShare& share_;
  MessageReader reader_;
  std::string backlog_;  // Not asked for yet; not given back to the client's window.
  bool wide_ = false;    // The window is that of a large message.
  bool reading_ = false;
  bool delivering_ = false;
  bool pumps_ = false;  // Among those that the session pumps.
  bool half_closed_ = false;
  bool told_half_close_ = false;
  SteadyTime message_since_ = kNever;  // When the message that is not whole began.
  SteadyTime deadline_ = kNever;

  Metadata initial_;  // Sent with the headers.
  bool headers_submitted_ = false;
  bool deferred_ = false;  // nghttp2 waits for us to resume the data.
  bool writing_ = false;
  bool written_ = false;  // Among those that the session tells OnWritten.
  Payload message_;
  std::array<char, 5> prefix_{};
  size_t framed_ = 0;
  size_t piece_ = 0;         // Of the message: where framing stands.
  size_t piece_framed_ = 0;  // Of that piece.
  std::optional<absl::Status> final_;
  Metadata trailers_;
  bool trailers_submitted_ = false;
  SteadyTime finish_by_ = kNever;
};

}  // namespace sluice::rpc
