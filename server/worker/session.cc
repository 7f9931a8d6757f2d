#include "server/worker/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/worker/frame_decoder.h"

namespace sluice {
namespace {

// A write that takes longer and has deliveries behind it: the worker does not read, others get what comes.
constexpr Millis kStalledAfter{1'000};

// How long before the end of what its worker showed a stream is asked to drain: a tenth of what is left, within these.
constexpr Millis kLeastExpiryNotice{1'000};
constexpr Millis kMostExpiryNotice{300'000};

size_t CountReplies(const IncomingFrame& frame) {
  size_t count = frame.replies.size();
  for (const WorkerSettle& settle : frame.settles) count += settle.replies.size();
  return count;
}

}  // namespace

Session::Session(const SessionContext& context, Stream& stream, std::string number, std::string peer,
                 SteadyTime age_limit, StreamIdentity identity)
    : context_(context),
      stream_(stream),
      number_(std::move(number)),
      peer_(std::move(peer)),
      created_(context.clock.Now()),
      identity_(std::move(identity)),
      expires_(identity_.principal == nullptr ? kNever : SteadyAt(identity_.principal->expires_unix_s, context.clock)),
      ruled_(identity_.grants),
      outgoing_(context.limits.outgoing),
      last_received_(created_),
      last_sent_(created_),
      write_started_(created_),
      last_ping_(created_),
      age_limit_(age_limit),
      expiry_drain_(expires_ == kNever
                        ? kNever
                        : expires_ - std::clamp<Millis>(std::chrono::duration_cast<Millis>(expires_ - created_) / 10,
                                                        kLeastExpiryNotice, kMostExpiryNotice)) {}

bool Session::OnRead(std::string_view bytes) {
  bool first = false;
  {
    MutexLock lock(mutex_);
    last_received_ = context_.clock.Now();
    if (state_ >= State::kClosing) return false;
    corked_ = true;
    first = state_ == State::kHello;
  }
  context_.metrics.frames_in.Add();
  context_.metrics.bytes_in.Add(bytes.size());
  absl::StatusOr<IncomingFrame> frame = DecodeFrame(bytes);
  absl::Status status = frame.status();
  if (status.ok() && first && !frame->hello) {
    status = absl::InvalidArgumentError("the first frame must carry hello");
  } else if (status.ok() && !first && frame->hello) {
    status = absl::InvalidArgumentError("hello came a second time; only the first frame may carry it");
  } else if (status.ok()) {
    const size_t replies = CountReplies(*frame);
    status = Handle(*std::move(frame));
    Pace(replies, bytes.size());
  }
  if (!status.ok()) Close(std::move(status), EndReason::kInvalid);
  {
    MutexLock lock(mutex_);
    corked_ = false;
  }
  Pump();
  return MayRead();
}

bool Session::MayRead() {
  SteadyTime read_from{};
  SessionId session = 0;
  {
    MutexLock lock(mutex_);
    if (state_ >= State::kClosing) return false;
    session = session_;
    paced_ = read_from_ > context_.clock.Now();
    if (paced_) read_from = read_from_;
    held_ = !paced_;  // Before the gate is asked: it may open at once.
  }
  if (read_from != SteadyTime{}) {
    context_.wake_by(read_from);
    return false;
  }
  if (!context_.gate.Pass(session, weak_from_this())) return false;
  MutexLock lock(mutex_);
  held_ = false;
  return state_ < State::kClosing;
}

void Session::ReadOn() {
  {
    MutexLock lock(mutex_);
    if (!std::exchange(held_, false)) return;
  }
  StartReading();
}

void Session::StartReading() {
  {
    MutexLock lock(mutex_);
    if (state_ >= State::kClosing) return;
    last_received_ = context_.clock.Now();
    resuming_ = true;
  }
  stream_.ReadFrame();
  {
    MutexLock lock(mutex_);
    resuming_ = false;
  }
  Pump();
}

void Session::Pace(size_t replies, size_t bytes) {
  if (identity_.use == nullptr) return;
  const SteadyTime now = context_.clock.Now();
  const SteadyTime read_from = identity_.use->Charge(replies, bytes, now);
  if (read_from <= now) return;
  MutexLock lock(mutex_);
  read_from_ = read_from;
}

void Session::LookForChains() {
  std::vector<std::string> unknown;
  Millis time{0};
  {
    MutexLock lock(mutex_);
    if (state_ != State::kOpen) return;
    unknown = unknown_chains_;
    time = longest_lease_;
  }
  const AdmissionRules& rules = context_.admission;
  const auto found = std::ranges::find_if(unknown, [&rules](const std::string& name) {
    return rules.chains.Find(name) != nullptr || (rules.may_create && rules.may_create(name));
  });
  if (found == unknown.end()) return;
  Drain(context_.clock.Now() + time, "chain '" + *found + "' is configured now; connect again to serve it");
}

SteadyTime SteadyAt(int64_t unix_s, const Clock& clock) {
  const int64_t left_s = unix_s - clock.UnixMillis() / 1'000;
  constexpr int64_t kFarAway = 100ll * 365 * 86'400;
  if (left_s > kFarAway) return kNever;
  return clock.Now() + Millis(std::max<int64_t>(left_s, 0) * 1'000);
}

void Session::OnWritten() {
  bool unstalled = false;
  {
    MutexLock lock(mutex_);
    writing_ = false;
    unstalled = std::exchange(stalled_, false);
  }
  if (unstalled) SyncWindow();
  Pump();
}

void Session::Deliver(std::vector<Delivery> batch) {
  const SteadyTime now = context_.clock.Now();
  bool stalled = false;
  bool oversized = false;
  {
    MutexLock lock(mutex_);
    if (!OpenLocked()) return;
    for (Delivery& delivery : batch) {
      uint64_t id = delivery.id;
      PendingDelivery pending;
      pending.lease_ends = now + delivery.lease;
      pending.size_bound = DeliverySizeBound(delivery);
      pending.delivery = std::move(delivery);
      if (!outgoing_.AddDelivery(std::move(pending))) oversized_.push_back(id);
    }
    oversized = !oversized_.empty();
    if (writing_ && !stalled_ && now - write_started_ > kStalledAfter) stalled = stalled_ = true;
  }
  // Not from here: settling calls the dispatcher, which is calling.
  if (oversized) context_.wake_by(now);
  if (stalled) SyncWindow();
  Pump();
}

void Session::Revoke(std::vector<Revocation> revocations) {
  {
    MutexLock lock(mutex_);
    if (!OpenLocked()) return;
    outgoing_.AddRevocations(revocations);
  }
  Pump();
}

void Session::SendResults(std::vector<ItemResult> results) {
  if (results.empty()) return;
  bool taken = false;
  {
    MutexLock lock(mutex_);
    const auto asked = static_cast<size_t>(
        std::ranges::count_if(results, [](const ItemResult& result) { return result.reply_id != 0; }));
    owed_ -= std::min(owed_, asked);
    bool wanted = OpenLocked() || (state_ == State::kClosing && flush_);
    if (!wanted) return;
    taken = outgoing_.AddResults(std::move(results));
  }
  if (taken) {
    Pump();
  } else {
    Close(absl::ResourceExhaustedError("too many results are unread: the worker must read while it sends"),
          EndReason::kResultsUnread);
  }
}

SteadyTime Session::Tick(SteadyTime now) {
  const Millis beat = context_.limits.heartbeat;
  absl::Status end;
  EndReason reason = EndReason::kSilent;
  bool too_old = false;
  bool oversized = false;
  bool expires_soon = false;
  bool read_on = false;
  Millis drain_time{0};
  SteadyTime next = kNever;
  {
    MutexLock lock(mutex_);
    if (state_ == State::kDone) return kNever;
    if (state_ >= State::kClosing) {
      next = TickClosingLocked(now);
    } else {
      if (held_ || paced_) last_received_ = now;
      read_on = paced_ && now >= read_from_;
      if (read_on) paced_ = false;
      SteadyTime give_up = last_received_ + 2 * beat;
      if (state_ == State::kHello) {
        give_up = created_ + context_.limits.hello_timeout;
        if (now >= give_up) end = absl::DeadlineExceededError("no hello came in time");
      } else if (now >= expires_) {
        end = absl::UnauthenticatedError(
            "expired: what the worker showed is not valid any more; connect again with a new token or certificate");
        reason = EndReason::kExpired;
      } else if (now >= give_up) {
        end = absl::DeadlineExceededError(
            absl::StrCat("nothing was received for two heartbeat intervals (", absl::StrCat(2 * beat.count()), " ms)"));
      } else if (now >= drain_deadline_) {
        end = absl::UnavailableError("the drain's deadline has passed");
        reason = EndReason::kDrained;
      } else {
        SteadyTime ping_at = std::max(std::min(last_sent_, last_received_), last_ping_) + beat;
        if (now >= ping_at) {
          last_ping_ = now;
          outgoing_.SetPing(++pings_);
          ping_at = now + beat;
        }
        expires_soon = now >= expiry_drain_;
        if (expires_soon) expiry_drain_ = kNever;
        next = std::min({ping_at, drain_deadline_, age_limit_, expires_, expiry_drain_});
        if (paced_) next = std::min(next, read_from_);
        too_old = now >= age_limit_;
        if (too_old) age_limit_ = kNever;
        drain_time = longest_lease_;
        oversized = !oversized_.empty();
      }
      next = std::min(next, give_up);
    }
  }
  if (!end.ok()) {
    Close(std::move(end), reason);
    return now;
  }
  if (too_old) {
    Drain(now + drain_time, "the stream has reached its age; connect again so that streams spread over replicas");
  }
  if (expires_soon) Drain(expires_, "what the worker showed expires; connect again with a new token or certificate");
  if (read_on && MayRead()) StartReading();
  if (oversized) RejectOversized();
  Pump();
  return next;
}

void Session::Drain(SteadyTime deadline, const std::string& reason) {
  const SteadyTime now = context_.clock.Now();
  SessionId session = 0;
  bool opened = false;
  {
    MutexLock lock(mutex_);
    opened = OpenLocked();
    if (opened) {
      state_ = State::kDraining;
      drained_ = true;
      drain_deadline_ = std::min(drain_deadline_, deadline);
      Millis left = std::max(Millis(0), std::chrono::duration_cast<Millis>(drain_deadline_ - now));
      outgoing_.SetDrain({std::min(left, Millis(UINT32_MAX)), reason});
      session = session_;
      LogDrainLocked("gateway", reason);
    }
  }
  if (!opened) {
    Close(absl::UnavailableError(reason), EndReason::kShutdown);
    return;
  }
  // 0: HandleHello is just making it known, and looks again.
  if (session != 0) context_.source.DrainSession(session);
  context_.wake_by(deadline);
  Pump();
}

void Session::Pump() {
  MutexLock lock(mutex_);
  if (woken_ || BusyLocked() || !(HasFrameLocked() || MayEndLocked())) return;
  woken_ = true;
  stream_.Wake();
}

void Session::OnWake() {
  absl::Status status;
  bool write = false;
  const SteadyTime now = context_.clock.Now();
  {
    MutexLock lock(mutex_);
    woken_ = false;
    if (BusyLocked()) return;
    if (HasFrameLocked()) {
      outgoing_.Take(now, &frame_);
      write = !frame_.empty();
    }
    if (write) {
      writing_ = true;
      write_started_ = last_sent_ = now;
      // Batches may come in another order than their ids.
      for (const PendingDelivery& pending : frame_.deliveries) written_ = std::max(written_, pending.delivery.id);
      delivered_ += frame_.deliveries.size();
    } else if (MayEndLocked()) {
      state_ = State::kFinished;
      status = end_status_;
    } else {
      return;
    }
  }
  if (!write) {
    stream_.EndWith(status);
    return;
  }
  rpc::Payload bytes = encoder_.Encode(frame_, now);
  frame_.Clear();
  context_.metrics.frames_out.Add();
  context_.metrics.bytes_out.Add(bytes.size());
  stream_.WriteFrame(std::move(bytes));
}

}  // namespace sluice
