#include "server/rpc/protocol/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/protocol/grpc_text.h"

namespace sluice::rpc {
namespace {

// A client that does not answer the ping behind the announcement has had this long to see it.
constexpr Millis kAnnouncementTimeout{1'000};
constexpr Millis kLastAnswersTimeout{10'000};
constexpr uint8_t kShutdownPing[8] = {'s', 'h', 'u', 't', 'd', 'o', 'w', 'n'};
constexpr uint8_t kKeepalivePing[8] = {'k', 'e', 'e', 'p', 'a', 'l', 'v', 'e'};
// A message may take a second longer for each of these.
constexpr size_t kBytesASecond = 64u << 10;

SteadyTime After(SteadyTime since, Millis time) { return since == kNever ? kNever : since + time; }

}  // namespace

Http2Session::Http2Session(const Limits& limits, ReceiveBudget& budget, SessionEvents& events, SteadyTime now)
    : limits_(limits),
      events_(events),
      share_(budget, std::max(limits.receive_bytes, limits.message_bytes)),
      now_(now),
      pings_(limits.pings, now),
      resets_(limits.resets, now),
      settings_(limits.settings, now),
      window_updates_(limits.window_updates, now),
      priorities_(limits.priorities, now),
      empty_frames_(limits.empty_frames, now),
      created_(now),
      last_received_(now),
      last_sent_(now),
      idle_since_(now) {
  Open();
  Due(now + limits.handshake_timeout);
  if (limits.keepalive_time.count() > 0) Due(now + limits.keepalive_time);
  if (limits.idle_timeout.count() > 0) Due(now + limits.idle_timeout);
}

Http2Session::~Http2Session() { nghttp2_session_del(http2_); }

// ---- bytes in

void Http2Session::Receive(std::string_view bytes, SteadyTime now) {
  now_ = now;
  if (over() || terminated_ || bytes.empty()) return;
  last_received_ = now;
  if (ping_sent_ != kNever) {
    ping_sent_ = kNever;
    Due(now + limits_.keepalive_time);
  }
  const bool was_within = meter_.within_frame();
  const uint64_t frames_before = counts_.frames_received;
  const size_t allowed = meter_.Scan(bytes, [this](const FrameHead& head) { return AllowFrame(head); });
  const ssize_t taken = nghttp2_session_mem_recv(http2_, reinterpret_cast<const uint8_t*>(bytes.data()), allowed);
  if (!meter_.within_frame()) {
    frame_since_ = kNever;
  } else if (!was_within || counts_.frames_received != frames_before || frame_since_ == kNever) {
    frame_since_ = now;
    Due(now + limits_.frame_timeout);
  }
  if (taken < 0) Fatal(static_cast<int>(taken), "receiving");
  if (breach_ && !terminated_) {
    Ending breach = *std::exchange(breach_, std::nullopt);
    End(NGHTTP2_ENHANCE_YOUR_CALM, breach.cause, std::move(breach.text));
  }
  DispatchClosed();
}

// ---- bytes out

bool Http2Session::wants_input() const {
  // A proxy may read nothing of us before we have read what it has to send. So that goes on, until the answers to it
  // (to PINGs, SETTINGS, calls that are refused) have become many, too; what calls send is bounded by their handlers.
  constexpr size_t kMostQueued = 500;
  if (over()) return false;
  return output_.size() < limits_.output_bytes ||
         nghttp2_session_get_outbound_queue_size(http2_) < kMostQueued + limits_.streams;
}

void Http2Session::Gather(SteadyTime now) {
  now_ = now;
  while (!abrupt_) {
    while (!pumped_.empty()) {
      CallStream* stream = pumped_.back();
      pumped_.pop_back();
      stream->Pump();
    }
    if (output_.size() >= limits_.output_bytes) break;
    while (!written_.empty()) {
      CallStream* stream = written_.back();
      written_.pop_back();
      stream->written_ = false;
      if (!stream->over_ && !stream->writing_ && !stream->final_) stream->events_->OnWritten();
    }
    bool framed = false;
    const bool was_empty = output_.empty();
    while (!error_sent_ && output_.size() < limits_.output_bytes) {
      const size_t before = output_.size();
      const uint8_t* data = nullptr;
      const ssize_t size = nghttp2_session_mem_send(http2_, &data);
      if (size < 0) {
        Fatal(static_cast<int>(size), "sending");
        break;
      }
      output_.Copy({reinterpret_cast<const char*>(data), static_cast<size_t>(size)});
      framed = framed || output_.size() > before;
      if (size == 0) break;
    }
    if (was_empty && framed) {
      last_sent_ = now;
    }
    DispatchClosed();
    if (breach_ && !terminated_) {
      Ending breach = *std::exchange(breach_, std::nullopt);
      End(NGHTTP2_ENHANCE_YOUR_CALM, breach.cause, std::move(breach.text));
      continue;
    }
    if (pumped_.empty() && written_.empty()) break;
  }
}

void Http2Session::Sent(size_t bytes, SteadyTime now) {
  output_.Sent(bytes);
  if (bytes > 0) last_sent_ = now;
  if (!output_.empty()) Due(last_sent_ + limits_.write_timeout);
}

bool Http2Session::over() const {
  if (abrupt_ || error_sent_) return true;
  if (terminated_) return false;
  if (goaway_sent_ && !streams_.empty()) return false;
  // With a GOAWAY of either side and no stream left, nothing is of use any more.
  return nghttp2_session_want_read(http2_) == 0 && nghttp2_session_want_write(http2_) == 0;
}

// ---- time

void Http2Session::Tick(SteadyTime now) {
  now_ = now;
  if (now < next_due_ || abrupt_) return;
  next_due_ = kNever;
  TickConnection(now);
  for (size_t i = 0; i < streams_.size() && !terminated_; ++i) TickCall(*streams_[i], now);
}

void Http2Session::TickConnection(SteadyTime now) {
  // Whether `since` is longer ago than `limit`; else it is due then.
  const auto passed = [this, now](SteadyTime since, Millis limit) {
    const SteadyTime when = After(since, limit);
    if (when <= now) return true;
    Due(when);
    return false;
  };
  if (!output_.empty() && passed(last_sent_, limits_.write_timeout)) {
    CutOff(EndCause::kWriteTimeout,
           absl::StrCat("nothing of ", output_.size(), " bytes was read for ", limits_.write_timeout.count(), " ms"));
    return;
  }
  if (terminated_ || over()) return;
  if (!handshaken_ && passed(created_, limits_.handshake_timeout)) {
    End(NGHTTP2_SETTINGS_TIMEOUT, EndCause::kHandshakeTimeout,
        absl::StrCat("no SETTINGS within ", limits_.handshake_timeout.count(), " ms"));
    return;
  }
  // While nothing is read, the client's silence is ours.
  if (wants_input()) {
    if (passed(frame_since_, limits_.frame_timeout) || passed(block_since_, limits_.frame_timeout)) {
      End(NGHTTP2_ENHANCE_YOUR_CALM, EndCause::kFrameTimeout,
          absl::StrCat("a frame is not whole after ", limits_.frame_timeout.count(), " ms"));
      return;
    }
    if (ping_sent_ != kNever && passed(ping_sent_, limits_.keepalive_timeout)) {
      CutOff(EndCause::kKeepalive,
             absl::StrCat("no answer to a PING within ", limits_.keepalive_timeout.count(), " ms"));
      return;
    }
    if (limits_.keepalive_time.count() > 0 && ping_sent_ == kNever && passed(last_received_, limits_.keepalive_time)) {
      nghttp2_submit_ping(http2_, NGHTTP2_FLAG_NONE, kKeepalivePing);
      ping_sent_ = now;
      Due(now + limits_.keepalive_timeout);
    }
  } else {
    Due(now + limits_.write_timeout);
  }
  if (limits_.idle_timeout.count() > 0 && streams_.empty() && !shutting_down() &&
      passed(idle_since_, limits_.idle_timeout)) {
    Shutdown(EndCause::kIdle, absl::StrCat("no call for ", limits_.idle_timeout.count(), " ms"), now);
  }
  if (shutdown_ == ShutdownStep::kAnnounced && passed(step_since_, kAnnouncementTimeout)) FinalGoaway();
  // Requests that are no gRPC have no call, but their answers may be left unread.
  if (shutdown_ == ShutdownStep::kFinal && streams_.empty() &&
      passed(std::max(step_since_, idle_since_), kLastAnswersTimeout)) {
    CutOff(ending_->cause, ending_->text);
  }
}

void Http2Session::TickCall(CallStream& stream, SteadyTime now) {
  if (stream.deadline_ <= now && !stream.over_ && !stream.final_) {
    stream.Fail(absl::DeadlineExceededError("the call's deadline has passed"));
  } else if (stream.deadline_ > now && stream.deadline_ != kNever) {
    Due(stream.deadline_);
  }
  if (stream.message_since_ != kNever) {
    const SteadyTime when =
        stream.message_since_ + limits_.message_timeout + std::chrono::seconds(stream.reader_.length() / kBytesASecond);
    if (when > now) {
      Due(when);
    } else {
      stream.Fail(absl::DeadlineExceededError("a message of the request was begun and not ended in time"));
    }
  }
  if (stream.finish_by_ != kNever && stream.writing_) {
    if (stream.finish_by_ > now) {
      Due(stream.finish_by_);
    } else {
      stream.Abort(absl::UnavailableError("what stands before the status was not read in time"));
    }
  }
}

// ---- the end

void Http2Session::Shutdown(EndCause cause, std::string text, SteadyTime now) {
  now_ = now;
  if (shutting_down() || terminated_) return;
  shutdown_ = ShutdownStep::kAnnounced;
  shutdown_text_ = std::move(text);
  ending_ = {.cause = cause, .text = shutdown_text_};
  step_since_ = now;
  Due(now + kAnnouncementTimeout);
  nghttp2_submit_shutdown_notice(http2_);
  nghttp2_submit_ping(http2_, NGHTTP2_FLAG_NONE, kShutdownPing);
}

void Http2Session::FinalGoaway() {
  shutdown_ = ShutdownStep::kFinal;
  step_since_ = now_;
  Due(now_ + kLastAnswersTimeout);
  nghttp2_submit_goaway(http2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(http2_), NGHTTP2_NO_ERROR,
                        reinterpret_cast<const uint8_t*>(shutdown_text_.data()), shutdown_text_.size());
}

void Http2Session::EndCalls(const absl::Status& status) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    CallStream& stream = *streams_[i];
    if (stream.final_) {
      stream.Abort(status);
    } else if (!stream.over_) {
      stream.Fail(status);
    }
  }
}

void Http2Session::End(uint32_t http2_error, EndCause cause, std::string text) {
  if (terminated_) return;
  terminated_ = true;
  ending_ = {.cause = cause, .text = std::move(text)};
  nghttp2_submit_goaway(http2_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(http2_), http2_error,
                        reinterpret_cast<const uint8_t*>(ending_->text.data()), ending_->text.size());
  TellClosed(absl::CancelledError(absl::StrCat("the connection was ended: ", ending_->text)));
}

void Http2Session::CutOff(EndCause cause, std::string text) {
  terminated_ = true;
  abrupt_ = true;
  ending_ = {.cause = cause, .text = std::move(text)};
  TellClosed(absl::CancelledError(absl::StrCat("the connection was cut off: ", ending_->text)));
}

void Http2Session::ConnectionLost(const absl::Status& why) {
  terminated_ = true;
  abrupt_ = true;
  if (!ending_) ending_ = {.cause = EndCause::kClosed, .text = std::string(why.message())};
  TellClosed(absl::CancelledError(absl::StrCat("the connection is lost: ", why.message())));
  DispatchClosed();
}

// Their streams stay until the session goes: nghttp2 knows them.
void Http2Session::TellClosed(const absl::Status& why) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    CallStream& stream = *streams_[i];
    const bool ended = stream.final_.has_value();
    stream.DropMessage();
    stream.Over(ended ? nullptr : &why);
  }
}

void Http2Session::Fatal(int error, const char* during) {
  if (terminated_) {
    abrupt_ = true;
    return;
  }
  switch (error) {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      End(NGHTTP2_PROTOCOL_ERROR, EndCause::kPreface,
          "this is an HTTP/2 server: the client's first bytes are not its preface");
      return;
    case NGHTTP2_ERR_FLOODED:
      End(NGHTTP2_ENHANCE_YOUR_CALM, EndCause::kFlood, absl::StrCat("too many frames while ", during));
      return;
    default:
      CutOff(EndCause::kProtocol, absl::StrCat(nghttp2_strerror(error), " while ", during));
  }
}

// ---- streams

CallStream* Http2Session::Find(int32_t id) {
  if (last_found_ != nullptr && last_found_->id() == id) return last_found_;
  auto* found = static_cast<CallStream*>(nghttp2_session_get_stream_user_data(http2_, id));
  if (found != nullptr) last_found_ = found;
  return found;
}

void Http2Session::OnStreamClosed(int32_t id, uint32_t http2_error) {
  CallStream* stream = Find(id);
  if (stream == nullptr) return;
  last_found_ = nullptr;
  stream->DropMessage();
  const size_t index = stream->index_;
  closed_.push_back({.stream = std::move(streams_[index]), .http2_error = http2_error});
  if (index + 1 != streams_.size()) {
    streams_[index] = std::move(streams_.back());
    streams_[index]->index_ = index;
  }
  streams_.pop_back();
  if (streams_.empty()) {
    idle_since_ = now_;
    if (limits_.idle_timeout.count() > 0) Due(now_ + limits_.idle_timeout);
    if (shutting_down()) Due(now_ + kLastAnswersTimeout);
  }
}

void Http2Session::DispatchClosed() {
  while (!closed_.empty()) {
    const Closed closed = std::move(closed_.back());
    closed_.pop_back();
    CallStream& stream = *closed.stream;
    if (stream.final_) {
      stream.Over(nullptr);
    } else {
      const absl::Status why = StatusOfReset(closed.http2_error, stream.reset_);
      stream.Over(&why);
    }
    if (stream.pumps_) std::erase(pumped_, &stream);
    if (stream.written_) std::erase(written_, &stream);
  }
}

}  // namespace sluice::rpc
