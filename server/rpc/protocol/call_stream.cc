#include "server/rpc/protocol/call_stream.h"

#include <algorithm>
#include <utility>

#include "server/rpc/protocol/fields.h"
#include "server/rpc/protocol/session.h"

namespace sluice::rpc {
namespace {

ssize_t ReadMessage(nghttp2_session* /*session*/, int32_t /*id*/, uint8_t* /*buffer*/, size_t length, uint32_t* flags,
                    nghttp2_data_source* source, void* /*user*/) {
  return static_cast<CallStream*>(source->ptr)->Offer(length, flags);
}

}  // namespace

// ---- commands

void CallStream::Read() {
  if (over_ || final_) return;
  reading_ = true;
  if (pumps_ || delivering_ || backlog_.empty()) return;
  pumps_ = true;
  session_.pumped_.push_back(this);
}

void CallStream::LimitMessages(size_t bytes) { reader_.set_max_bytes(std::min(bytes, session_.limits_.message_bytes)); }

void CallStream::SendHeaders(Metadata metadata) {
  if (headers_submitted_ || final_) return;
  initial_ = std::move(metadata);
  SubmitHeaders(true);
}

void CallStream::Write(Payload message) {
  if (writing_ || final_) return;
  writing_ = true;
  prefix_ = MessagePrefix(message.size());
  message_ = std::move(message);
  framed_ = 0;
  piece_ = 0;
  piece_framed_ = 0;
  if (!headers_submitted_) {
    SubmitHeaders(true);
  } else if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.http2_, id_);
  }
}

void CallStream::Finish(const absl::Status& status, Metadata trailers) {
  if (final_) return;
  final_ = status;
  trailers_ = std::move(trailers);
  DropRequest();
  if (writing_) {
    finish_by_ = session_.now_ + session_.limits_.finish_timeout;
    session_.Due(finish_by_);
  } else {
    SubmitTrailers();
  }
}

void CallStream::Abort(const absl::Status& status) {
  if (trailers_submitted_) return;
  final_ = status;
  trailers_.clear();
  DropRequest();
  DropMessage();
  SubmitTrailers();
}

// ---- the request

void CallStream::OnData(std::string_view bytes) {
  if (!over_ && !final_ && reading_ && backlog_.empty()) {
    const size_t before = bytes.size();
    Parse(bytes);
    nghttp2_session_consume_stream(session_.http2_, id_, before - bytes.size());
  }
  if (bytes.empty()) return;
  if (over_ || final_) {
    nghttp2_session_consume_stream(session_.http2_, id_, bytes.size());
  } else {
    Keep(bytes);
  }
}

void CallStream::Keep(std::string_view bytes) {
  if (!share_.Take(bytes.size())) {
    Fail(absl::ResourceExhaustedError("too much is being received at once; try again"));
    return;
  }
  backlog_.append(bytes);
}

void CallStream::Parse(std::string_view& bytes) {
  while (reading_ && !bytes.empty()) {
    absl::StatusOr<std::optional<std::string>> message = reader_.Take(bytes);
    if (!message.ok()) {
      Fail(message.status());
      return;
    }
    SetRoom();
    if (!*message) {
      if (message_since_ == kNever) {
        message_since_ = session_.now_;
        session_.Due(message_since_ + session_.limits_.message_timeout);
      }
      return;
    }
    message_since_ = kNever;
    reading_ = false;
    delivering_ = true;
    events_->OnMessage(**std::move(message));
    delivering_ = false;
    if (over_ || final_) return;
  }
}

void CallStream::Pump() {
  pumps_ = false;
  if (over_ || final_) return;
  if (reading_ && !backlog_.empty()) {
    std::string_view rest = backlog_;
    Parse(rest);
    // After an end nothing is left of it.
    if (!backlog_.empty()) {
      const size_t taken = backlog_.size() - rest.size();
      backlog_.erase(0, taken);
      share_.Return(taken);
      nghttp2_session_consume_stream(session_.http2_, id_, taken);
    }
  }
  CheckHalfClose();
}

void CallStream::SetRoom() {
  // Else each half window would wait for an update that may stand behind much that the client does not read yet; a
  // proxy that does not read one direction while it cannot send the other would never get it.
  const size_t length = reader_.length();
  const uint32_t window = session_.limits_.stream_window;
  const bool wide = length > window / 2;
  if (wide == wide_) return;
  wide_ = wide;
  nghttp2_session_set_local_window_size(session_.http2_, NGHTTP2_FLAG_NONE, id_,
                                        static_cast<int32_t>(wide ? window + length : window));
}

void CallStream::CheckHalfClose() {
  if (!half_closed_ || told_half_close_ || !backlog_.empty() || over_ || final_) return;
  if (reader_.within_message()) {
    Fail(absl::InternalError("the request ends within a message"));
    return;
  }
  told_half_close_ = true;
  events_->OnHalfClose();
}

void CallStream::Fail(const absl::Status& status) {
  Abort(status);
  Over(&status);
}

void CallStream::DropRequest() {
  reading_ = false;
  message_since_ = kNever;
  if (backlog_.empty()) return;
  share_.Return(backlog_.size());
  nghttp2_session_consume_stream(session_.http2_, id_, backlog_.size());
  std::string().swap(backlog_);
}

// ---- the response

void CallStream::SubmitHeaders(bool with_data) {
  headers_submitted_ = true;
  Fields fields;
  fields.Add(":status", "200");
  fields.Add("content-type", kContentType);
  if (with_data) {
    fields.Add("grpc-accept-encoding", session_.limits_.gzip ? "identity,gzip" : "identity");
    fields.AddMetadata(initial_);
    const nghttp2_data_provider data{.source = {.ptr = this}, .read_callback = ReadMessage};
    nghttp2_submit_response(session_.http2_, id_, fields.data(), fields.size(), &data);
  } else {  // A status alone is all of the response: "Trailers-Only".
    fields.AddStatus(*final_);
    fields.AddMetadata(trailers_);
    nghttp2_submit_response(session_.http2_, id_, fields.data(), fields.size(), nullptr);
  }
}

void CallStream::SubmitTrailers() {
  if (trailers_submitted_) return;
  trailers_submitted_ = true;
  if (!headers_submitted_) {
    SubmitHeaders(false);
    return;
  }
  Fields fields;
  fields.AddStatus(*final_);
  fields.AddMetadata(trailers_);
  nghttp2_submit_trailer(session_.http2_, id_, fields.data(), fields.size());
}

void CallStream::DropMessage() {
  if (!writing_) return;
  writing_ = false;
  session_.output_.Keep(std::move(message_));  // Some of it may be in there.
  message_ = Payload();
}

void CallStream::Frame(size_t length) {
  Output& output = session_.output_;
  if (framed_ < prefix_.size()) {
    const size_t taken = std::min(length, prefix_.size() - framed_);
    output.Copy({prefix_.data() + framed_, taken});
    framed_ += taken;
    length -= taken;
  }
  while (length > 0) {
    const std::string_view rest = message_.piece(piece_).substr(piece_framed_);
    const std::string_view part = rest.substr(0, length);
    if (part.size() >= Output::kSharedBytes) {
      output.Refer(part);
    } else {
      output.Copy(part);
    }
    framed_ += part.size();
    length -= part.size();
    if (part.size() == rest.size()) {
      ++piece_;
      piece_framed_ = 0;
    } else {
      piece_framed_ += part.size();
    }
  }
  if (Unframed() > 0) return;
  DropMessage();
  if (written_ || final_) return;
  written_ = true;
  session_.written_.push_back(this);
}

void CallStream::Over(const absl::Status* cancelled) {
  if (over_) return;
  over_ = true;
  reading_ = false;
  events_->OnOver(cancelled);
}

ssize_t CallStream::Offer(size_t length, uint32_t* flags) {
  const size_t rest = Unframed();
  if (rest == 0) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (rest > length) return static_cast<ssize_t>(length);
  if (final_ && !trailers_submitted_) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    SubmitTrailers();
  }
  return static_cast<ssize_t>(rest);
}

}  // namespace sluice::rpc
