#include "server/rpc/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/call.h"

namespace sluice::rpc {
namespace {

// An idle connection keeps the smallest buffer, one that streams the largest.
constexpr size_t kSmallestRead = 4u << 10;
constexpr size_t kLargestRead = 256u << 10;
constexpr size_t kSmallReadsToShrink = 256;

// What the kernel takes in one call (IOV_MAX).
constexpr size_t kPiecesAtOnce = 1'024;
// Of writes to one connection in a turn; the others wait meanwhile.
constexpr int kWritesPerTurn = 8;

constexpr Millis kCloseTimeout{2'000};

}  // namespace

ServerConnection::ServerConnection(LoopPart& part, std::unique_ptr<Channel> channel, SteadyTime now)
    : part_(part),
      channel_(std::move(channel)),
      peer_(std::make_shared<const Peer>(channel_->peer())),
      session_(part.shared->options.limits, part.shared->budget, *this, now),
      timer_(part.loop),
      buffer_(kSmallestRead) {
  const Millis age = part.shared->options.max_connection_age;
  if (age.count() > 0) {
    age_at_ = now + std::chrono::duration_cast<SteadyTime::duration>(age * (0.9 + 0.2 * part.Random()));
  }
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::Start() {
  Read();
  MarkDirty();
}

void ServerConnection::MarkDirty() {
  if (dirty_ || closing_) return;
  dirty_ = true;
  part_.Dirty(*this);
}

CallEvents& ServerConnection::OnCall(CallStream& stream, RequestHead head) {
  auto* call = new ServerCall(*this, stream, std::move(head));  // Its own owner.
  call->Begin();
  return *call;
}

// ---- reading

void ServerConnection::Read() {
  reading_ = true;
  channel_->Read(buffer_, [this](const absl::Status& status, size_t bytes) { OnRead(status, bytes); });
}

void ServerConnection::OnRead(const absl::Status& status, size_t bytes) {
  reading_ = false;
  if (closing_) return;
  if (!status.ok()) {
    Cut(status);
    return;
  }
  session_.Receive({buffer_.data(), bytes}, part_.shared->clock.Now());
  if (bytes == buffer_.size() && bytes < kLargestRead) {
    buffer_.resize(2 * bytes);
  } else if (bytes >= buffer_.size() / 4) {
    small_reads_ = 0;
  } else if (++small_reads_ == kSmallReadsToShrink && buffer_.size() > kSmallestRead) {
    small_reads_ = 0;
    buffer_.resize(buffer_.size() / 2);
    buffer_.shrink_to_fit();
  }
  MarkDirty();
}

// ---- the end of a turn

void ServerConnection::Flush(SteadyTime now) {
  dirty_ = false;
  if (closing_ || !Write(now)) return;
  CountFrames();
  if (session_.over() && (session_.abrupt() || session_.output().empty())) {
    End();
    return;
  }
  if (!reading_ && session_.wants_input()) Read();
  SetTimer();
}

bool ServerConnection::Write(SteadyTime now) {
  for (int writes = 0;; ++writes) {
    session_.Gather(now);
    Output& output = session_.output();
    if (output.empty() || awaits_writable_ || session_.abrupt()) return true;
    if (writes == kWritesPerTurn) {
      MarkDirty();
      return true;
    }
    const size_t before = output.size();
    output.Front(pieces_, kPiecesAtOnce);
    size_t offered = 0;
    for (const std::string_view piece : pieces_) offered += piece.size();
    const absl::StatusOr<size_t> written = channel_->TryWrite(pieces_);
    if (!written.ok()) {
      Cut(written.status());
      return false;
    }
    session_.Sent(*written, now);
    if (*written < offered) {
      awaits_writable_ = true;
      channel_->WaitWritable([this] {
        awaits_writable_ = false;
        MarkDirty();
      });
      return true;
    }
    // Less than a turn's worth was all there is, unless a handler was told that its message has left.
    if (before < part_.shared->options.limits.output_bytes && output.empty() && !session_.has_news()) return true;
  }
}

void ServerConnection::CountFrames() {
  const SessionCounts& now = session_.counts();
  ServerMetrics& metrics = part_.shared->metrics;
  metrics.frames_received.Add(now.frames_received - counted_.frames_received);
  metrics.frames_sent.Add(now.frames_sent - counted_.frames_sent);
  if (now.calls != counted_.calls) metrics.begun.Add(now.calls - counted_.calls);
  if (now.refused != counted_.refused) metrics.refused.Add(now.refused - counted_.refused);
  counted_ = now;
}

// ---- time

void ServerConnection::SetTimer() {
  const SteadyTime due = std::min({session_.next_due(), age_at_, grace_at_});
  if (due >= timer_at_) return;  // It asks again when it runs.
  timer_at_ = due;
  timer_.Set(due, [this] { OnTimer(); });
}

void ServerConnection::OnTimer() {
  timer_at_ = kNever;
  if (closing_) return;
  const SteadyTime now = part_.shared->clock.Now();
  session_.Tick(now);
  if (age_at_ <= now) {
    age_at_ = kNever;
    grace_at_ = now + part_.shared->options.age_grace;
    session_.Shutdown(EndCause::kShutdown, "the connection is old enough", now);
  }
  if (grace_at_ <= now) {
    grace_at_ = kNever;
    session_.EndCalls(absl::UnavailableError("the connection is old enough"));
  }
  MarkDirty();
}

// ---- the end

void ServerConnection::Shutdown(const std::string& text, SteadyTime now) {
  if (closing_) return;
  session_.Shutdown(EndCause::kShutdown, text, now);
  MarkDirty();
}

void ServerConnection::EndCalls(const absl::Status& status) {
  if (closing_) return;
  session_.EndCalls(status);
  MarkDirty();
}

void ServerConnection::Cut(const absl::Status& why) {
  if (closing_) {
    part_.Remove(*this);
    return;
  }
  closing_ = true;
  session_.ConnectionLost(why);
  CountFrames();
  NoteEnd();
  timer_.Cancel();
  part_.Remove(*this);
}

void ServerConnection::End() {
  closing_ = true;
  const bool abrupt = session_.abrupt();
  session_.ConnectionLost(absl::UnavailableError("ended by the server"));
  NoteEnd();
  timer_.Cancel();
  if (abrupt) {
    part_.Remove(*this);
  } else {
    channel_->Close(kCloseTimeout, [this] { part_.Remove(*this); });
  }
}

void ServerConnection::NoteEnd() {
  if (noted_ || !session_.ending()) return;
  noted_ = true;
  const Ending& ending = *session_.ending();
  const ServerOptions& options = part_.shared->options;
  if (IsRefusal(ending.cause) && options.refused) options.refused(EndCauseName(ending.cause), peer_->text, ending.text);
}

}  // namespace sluice::rpc
