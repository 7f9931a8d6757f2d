// How a session comes to its end, and gives back what its worker had.
#include <algorithm>
#include <utility>

#include "server/worker/session.h"

namespace sluice {
namespace {

// How long the end may take before the stream is aborted; with results to flush, and without.
constexpr Millis kFlushGrace{5'000};
constexpr Millis kCloseGrace{1'000};

// What the worker sent was wrong, or too large. Else it has gone.
bool IsFault(const absl::Status& why) {
  return absl::IsResourceExhausted(why) || absl::IsInvalidArgument(why) || absl::IsInternal(why) ||
         absl::IsUnimplemented(why);
}

}  // namespace

void Session::OnReadEnd() {
  SteadyTime cancel_at = kNever;
  SessionId session = 0;
  {
    MutexLock lock(mutex_);
    if (CloseLocked(absl::OkStatus(), EndReason::kDone, /*flush=*/true)) {
      if (owed_ > 0) {
        linger_until_ = context_.clock.Now() + context_.limits.result_timeout;
        cancel_at_ = linger_until_ + kFlushGrace;
      }
      session = session_;
      cancel_at = std::min(cancel_at_, context_.clock.Now() + context_.limits.heartbeat);
    }
  }
  if (session != 0) context_.source.DrainSession(session);
  if (cancel_at != kNever) context_.wake_by(cancel_at);
  Pump();
}

void Session::OnCancel(const absl::Status& why) {
  const EndReason reason = IsFault(why) ? EndReason::kInvalid : EndReason::kLost;
  const absl::Status lost =
      absl::IsCancelled(why) ? absl::CancelledError("the worker cancelled the stream, or its connection broke") : why;
  {
    MutexLock lock(mutex_);
    flush_ = false;
    linger_until_ = kNever;
    // A broken connection may first look like a half-close.
    if (state_ >= State::kClosing && end_reason_ == EndReason::kDone) {
      end_reason_ = reason;
      end_status_ = lost;
    }
  }
  Close(lost, reason);
  Leave();
}

void Session::OnDone() {
  Leave();
  {
    MutexLock lock(mutex_);
    state_ = State::kDone;
    outgoing_.ForgetAll();
  }
  // Whoever still has results for it must not make its principal wait.
  identity_.use.reset();
  LogEnd();
}

SteadyTime Session::TickClosingLocked(SteadyTime now) {
  if (now >= linger_until_) linger_until_ = kNever;
  if (now >= cancel_at_) {
    cancel_at_ = kNever;
    flush_ = false;
    stream_.Abort(end_status_);
  }
  if (!LingersLocked()) return cancel_at_;
  // The worker listens, and takes silence for the gateway's end.
  const Millis beat = context_.limits.heartbeat;
  if (now >= std::max(last_sent_, last_ping_) + beat) {
    last_ping_ = now;
    outgoing_.SetPing(++pings_);
  }
  return std::min({linger_until_, cancel_at_, std::max(last_sent_, last_ping_) + beat});
}

void Session::Shutdown(const std::string& reason) {
  {
    MutexLock lock(mutex_);
    drained_ = true;
    linger_until_ = kNever;
  }
  Close(absl::UnavailableError(reason), EndReason::kShutdown, /*flush=*/true);
}

bool Session::CloseLocked(absl::Status status, EndReason reason, bool flush) {
  if (state_ >= State::kClosing) return false;
  SetWindowLocked({});
  state_ = State::kClosing;
  end_status_ = std::move(status);
  end_reason_ = reason;
  flush_ = flush;
  if (flush) {
    outgoing_.ForgetDeliveries();
  } else {
    outgoing_.ForgetAll();
  }
  cancel_at_ = context_.clock.Now() + (flush ? kFlushGrace : kCloseGrace);
  return true;
}

void Session::Close(absl::Status status, EndReason reason, bool flush) {
  SteadyTime cancel_at = kNever;
  {
    MutexLock lock(mutex_);
    if (CloseLocked(std::move(status), reason, flush)) cancel_at = cancel_at_;
  }
  if (cancel_at != kNever) {
    Leave();
    context_.wake_by(cancel_at);
  }
  Pump();
}

void Session::Leave() {
  SessionId session = 0;
  SessionEnd how = SessionEnd::kLost;
  uint64_t written = 0;
  {
    MutexLock lock(mutex_);
    if (session_ == 0 || left_) return;
    left_ = true;
    session = session_;
    written = written_;
    if (drained_) {
      how = SessionEnd::kDrained;
    } else if (end_reason_ == EndReason::kDone) {
      how = SessionEnd::kLeft;
    }
  }
  context_.source.RemoveSession(session, how, written);
}

}  // namespace sluice
