// What the parts of a worker's frame do to its session.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/queue/lease.h"
#include "server/telemetry/log.h"
#include "server/worker/session.h"
#include "sluice/v1/worker.pb.h"

namespace sluice {

namespace {

// Results that the frame's replies will get.
size_t CountAsked(const IncomingFrame& frame) {
  const auto asks = [](const auto& item) { return item.reply_id != 0; };
  auto asked = std::ranges::count_if(frame.replies, asks) + std::ranges::count_if(frame.invalid, asks);
  for (const WorkerSettle& settle : frame.settles) asked += std::ranges::count_if(settle.replies, asks);
  return static_cast<size_t>(asked);
}

}  // namespace

absl::Status Session::Handle(IncomingFrame frame) {
  // In the order of worker.proto's field numbers; began first.
  if (frame.hello) {
    absl::Status status = HandleHello(*frame.hello);
    if (!status.ok()) return status;
  }
  SessionId session = 0;
  {
    MutexLock lock(mutex_);
    session = session_;
    settled_ += frame.settles.size();
    owed_ += CountAsked(frame);
    if (frame.window && OpenLocked()) SetWindowLocked(Clamp(*frame.window));
    if (frame.ping) outgoing_.SetPong(*frame.ping);
  }
  HandleBegan(session, frame.began);
  if (frame.window) SyncWindow();
  HandleExtends(frame.extends);
  if (!frame.replies.empty()) context_.settles.OnReplies(session, std::move(frame.replies), shared_from_this());
  if (!frame.settles.empty()) context_.settles.OnSettles(session, std::move(frame.settles), shared_from_this());
  SendResults(std::move(frame.invalid));
  if (frame.drain) HandleDrain(*frame.drain);
  return absl::OkStatus();
}

absl::Status Session::HandleHello(const Hello& hello) {
  absl::StatusOr<Admission> admission = Admit(hello, context_.admission, identity_.grants.get());
  if (!admission.ok()) return admission.status();
  std::string welcome = EncodeWelcome(hello, *admission);
  if (welcome.size() + kMinFrameBytes > context_.limits.outgoing.max_frame_bytes) {
    return absl::InvalidArgumentError("hello: names more chains than the answer can list in one frame");
  }
  const std::string label = absl::StrCat(hello.worker_name, "/", hello.instance);
  // What was verified comes first, so that no label passes for it.
  const std::string who = identity_.name();
  SessionOptions options{.worker = who.empty() ? label : absl::StrCat(who, " as ", label),
                         .chains = {},
                         .window = Clamp(hello.window),
                         .lease = hello.lease,
                         .tells_began = hello.tells_began};
  for (const ChainRef& chain : admission->accepted) options.chains.push_back(chain.get());
  std::unique_ptr<const StreamGrants> stream_grants;
  if (identity_.grants != nullptr) {
    stream_grants = std::make_unique<const StreamGrants>(identity_.grants, options.chains);
  }
  SteadyTime age_limit;
  {
    MutexLock lock(mutex_);
    if (state_ != State::kHello) return absl::OkStatus();  // Ended meanwhile.
    if (stream_grants != nullptr) {
      grants_.store(stream_grants.get(), std::memory_order_release);
      all_grants_.push_back(std::move(stream_grants));
    }
    state_ = State::kOpen;
    opened_ = true;
    worker_ = label;
    sdk_ = hello.sdk;
    tells_began_ = hello.tells_began;
    for (const Chain* chain : options.chains) longest_lease_ = std::max(longest_lease_, chain->options().max_lease);
    for (const Admission::Refused& refused : admission->refused) {
      if (refused.unknown) unknown_chains_.push_back(refused.chain);
    }
    told_window_ = options.window;
    SetWindowLocked(options.window);
    outgoing_.SetWelcome(std::move(welcome));
    age_limit = std::min(age_limit_, expiry_drain_);
    context_.metrics.opened.Add();
    context_.metrics.streams.Add(1);
  }
  if (context_.log_limit.Admit("worker stream opened", "")) {
    log::Info("worker stream opened", {{"session", number_},
                                       {"worker", label},
                                       {"sdk", hello.sdk},
                                       {"principal", who},
                                       {"peer", peer_},
                                       {"chains", options.chains.size()},
                                       {"refused_chains", admission->refused.size()},
                                       {"window_messages", options.window.messages}});
  }
  // Deliveries may come from within; they wait behind the Welcome.
  SessionId session = context_.source.AddSession(std::move(options), shared_from_this());
  bool ended = false;
  bool draining = false;
  {
    MutexLock lock(mutex_);
    session_ = session;
    ended = !OpenLocked();
    draining = state_ == State::kDraining;
  }
  // What others decided while the dispatcher did not know the session yet.
  if (ended) Leave();
  if (draining) context_.source.DrainSession(session);
  // Which may have come meanwhile.
  LookForChains();
  SyncWindow();
  context_.wake_by(std::min(age_limit, context_.clock.Now() + context_.limits.heartbeat));
  return absl::OkStatus();
}

void Session::HandleBegan(SessionId session, const std::vector<uint64_t>& ids) {
  if (ids.empty()) return;
  {
    MutexLock lock(mutex_);
    if (!tells_began_) return;
  }
  std::vector<ItemResult> results;
  for (const uint64_t id : context_.source.Begin(session, ids)) {
    results.push_back({.delivery_id = id,
                       .code = ItemResult::Code::kStale,
                       .message = "began: the delivery is not in flight on this stream"});
  }
  SendResults(std::move(results));
}

void Session::HandleExtends(const std::vector<LeaseExtension>& extends) {
  if (extends.empty()) return;
  SessionId session = 0;
  {
    MutexLock lock(mutex_);
    session = session_;
  }
  std::vector<ItemResult> results;
  for (const LeaseExtension& extend : extends) {
    if (extend.lease == Millis(0)) {
      results.push_back({.delivery_id = extend.delivery_id,
                         .code = ItemResult::Code::kInvalid,
                         .message = "extend: lease_ms must be above 0"});
      continue;
    }
    const std::optional<Dispatcher::Extended> extended =
        context_.source.Extend(session, extend.delivery_id, extend.lease);
    if (!extended) {
      results.push_back({.delivery_id = extend.delivery_id,
                         .code = ItemResult::Code::kStale,
                         .message = "extend: the delivery is not in flight on this stream"});
    } else if (extended->clipped) {
      results.push_back({.delivery_id = extend.delivery_id,
                         .code = ItemResult::Code::kClipped,
                         .message = "extend: the chain's maxLease ends the lease sooner",
                         .lease_ms = static_cast<uint32_t>(extended->lease.count())});
    }
  }
  SendResults(std::move(results));
}

void Session::HandleDrain(const DrainNotice& notice) {
  SessionId session = 0;
  SteadyTime deadline = kNever;
  {
    MutexLock lock(mutex_);
    if (!OpenLocked()) return;
    state_ = State::kDraining;
    drained_ = true;
    if (notice.deadline > Millis(0)) deadline = context_.clock.Now() + notice.deadline;
    drain_deadline_ = std::min(drain_deadline_, deadline);
    session = session_;
    LogDrainLocked("worker", notice.reason);
  }
  context_.source.DrainSession(session);
  if (deadline != kNever) context_.wake_by(deadline);
}

Window Session::MaxWindow() const {
  Window most = context_.limits.max_window;
  if (identity_.grants == nullptr) return most;
  const Grants::Bounds& bounds = identity_.grants->bounds();
  most.messages = std::min(most.messages, bounds.window_messages.value_or(most.messages));
  if (bounds.window_bytes && (most.bytes == 0 || *bounds.window_bytes < most.bytes)) most.bytes = *bounds.window_bytes;
  return most;
}

Window Session::Clamp(Window asked) const {
  const Window most = MaxWindow();
  Window window{.messages = std::min(asked.messages, most.messages), .bytes = asked.bytes};
  if (most.bytes != 0 && (asked.bytes == 0 || asked.bytes > most.bytes)) window.bytes = most.bytes;
  return window;
}

std::string Session::EncodeWelcome(const Hello& hello, const Admission& admission) const {
  v1::Welcome welcome;
  welcome.set_protocol_version(admission.protocol_version);
  welcome.set_session_id(number_);
  welcome.set_gateway(context_.gateway);
  for (const ChainRef& chain : admission.accepted) {
    v1::AcceptedChain* to = welcome.add_accepted_chains();
    to->set_chain(chain->name);
    to->set_lease_ms(static_cast<uint32_t>(StartLease(hello.lease, chain->options()).count()));
    to->set_max_lease_ms(static_cast<uint32_t>(chain->options().max_lease.count()));
  }
  for (const Admission::Refused& refused : admission.refused) {
    v1::RefusedChain* to = welcome.add_refused_chains();
    to->set_chain(refused.chain);
    to->set_reason(refused.reason);
  }
  welcome.mutable_max_window()->set_messages(MaxWindow().messages);
  welcome.mutable_max_window()->set_bytes(MaxWindow().bytes);
  welcome.set_heartbeat_interval_ms(static_cast<uint32_t>(context_.limits.heartbeat.count()));
  if (hello.tells_began) welcome.add_features(std::string(kBeganFeature));
  welcome.set_max_frame_bytes(context_.limits.outgoing.max_frame_bytes);
  return welcome.SerializeAsString();
}

}  // namespace sluice
