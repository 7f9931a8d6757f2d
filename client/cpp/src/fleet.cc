#include "client/cpp/src/fleet.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>

#include "client/cpp/src/auto_window.h"
#include "client/cpp/src/batch_runner.h"
#include "client/cpp/src/channel.h"
#include "client/cpp/src/resolver.h"

namespace sluice::client {
namespace {

// A stream that has served this long was no failure: the next pause starts from the first again.
constexpr std::chrono::seconds kSteady{1};

std::string Instance(const Options& options) {
  if (!options.instance.empty()) return options.instance;
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return std::string(host.data()) + "-" + std::to_string(getpid());
}

std::string Names(const google::protobuf::RepeatedPtrField<v1::AcceptedChain>& chains) {
  std::string joined;
  for (const v1::AcceptedChain& chain : chains) joined += (joined.empty() ? "" : ", ") + chain.chain();
  return joined;
}

}  // namespace

Fleet::Fleet(const Options& options, const Handler& handler)
    : options_(options), handler_(handler), instance_(Instance(options)), seed_(std::random_device{}()) {}

Status Fleet::Run() {
  for (const std::string& gateway : options_.gateways) {
    if (Status status = ParseTarget(gateway, targets_.emplace_back()); !status.ok()) return status;
  }
  found_.resize(targets_.size());
  lookup_errors_.resize(targets_.size());
  if (options_.concurrency > 0) {
    const size_t cpus = std::max<size_t>(4, std::thread::hardware_concurrency());
    threads_ = options_.concurrency == Options::kAutoConcurrency ? cpus : options_.concurrency;
    pool_ = std::make_unique<HandlerPool>(
        threads_, handler_, settled_, [this](SteadyTime when) { mailbox_.WakeBy(when); }, handler_time_);
  }
  {
    const Resolver resolver(
        targets_, options_.family, options_.resolver, options_.resolve_interval,
        Backoff(options_.reconnect_first, options_.reconnect_longest, ++seed_),
        [this](size_t target, Lookup lookup, Millis again) {
          mailbox_.Post([this, target, lookup = std::move(lookup), again] { Found(target, lookup, again); });
        });
    for (size_t i = 0; i < targets_.size(); ++i) {
      if (targets_[i].literal) Found(i, Resolve(targets_[i], options_.family), options_.resolve_interval);
    }
    while (!leaving_ || !streams_.empty()) {
      mailbox_.BeginRound();
      const SteadyTime until = Round(Now());
      for (const Mailbox::Task& task : mailbox_.Wait(until)) task();
    }
  }
  pool_.reset();
  return result_;
}

SteadyTime Fleet::Round(SteadyTime now) {
  SteadyTime next = kNever;
  if (leaving_) {
    if (now >= leave_by_) {
      result_ = {StatusCode::kDeadlineExceeded, "not everything in work was settled within the drain timeout"};
      EndStreams(result_);
      leave_by_ = kNever;
    }
    next = leave_by_;
  } else {
    for (auto& [replica, link] : links_) {
      if (link.stream != nullptr) continue;
      if (now >= link.dial_at) Dial(link, now);
      if (link.stream == nullptr) next = std::min(next, link.dial_at);
    }
  }
  for (const auto& [key, stream] : streams_) next = std::min(next, stream->Tick(now));
  if (options_.window_messages == Options::kAutoWindow) {
    const uint32_t window = AutoWindowNow(now);
    for (const auto& [key, stream] : streams_) stream->SetWindow(window);
  }
  if (pool_ != nullptr) next = std::min(next, pool_->Nudge(now));
  return next;
}

uint32_t Fleet::AutoWindowNow(SteadyTime now) const {
  std::chrono::nanoseconds handler = handler_time_.Get();
  if (pool_ == nullptr) {
    // Each stream has a thread of its own, for handlers that are known to be short.
    constexpr std::chrono::milliseconds kAtFirst{5};
    return AutoWindow::For(1, handler.count() == 0 ? kAtFirst : handler, 1);
  }
  size_t active = 0;
  LeaseKeeper::Running running;
  for (const auto& [key, stream] : streams_) {
    if (stream->Active(now)) ++active;
    const LeaseKeeper::Running its = stream->GetRunning();
    if (its.count == 0) continue;
    running.youngest = running.count == 0 ? its.youngest : std::max(running.youngest, its.youngest);
    running.count += its.count;
  }
  // No thread is free: what waits has waited for as long as this, whatever handlers took before.
  if (running.count >= threads_) handler = std::max<std::chrono::nanoseconds>(handler, now - running.youngest);
  return AutoWindow::For(threads_, handler, active);
}

void Fleet::Dial(Link& link, SteadyTime now) {
  Status status;
  std::string authorization;
  std::shared_ptr<grpc::Channel> channel = MakeChannel(link.address, options_, status);
  if (channel != nullptr) status = ReadAuthorization(options_, authorization);
  if (!status.ok()) channel = nullptr;
  if (channel == nullptr) {
    const Millis pause = Pause(link, status, now);
    Raise(Event::Kind::kConnectFailed, link.address.ToString(), status, "no stream to " + link.address.ToString(),
          pause);
    return;
  }
  StreamListener& listener = *this;
  const uint32_t window =
      options_.window_messages == Options::kAutoWindow ? AutoWindowNow(now) : options_.window_messages;
  link.stream = std::make_shared<Stream>(link.address, options_, instance_, window, listener);
  streams_.emplace(link.stream.get(), link.stream);
  link.stream->Start(channel, authorization);
}

Millis Fleet::Pause(Link& link, const Status& status, SteadyTime now) {
  const Millis pause = link.backoff.Next(status.code());
  link.dial_at = now + pause;
  return pause;
}

Fleet::Link* Fleet::LinkOf(const Stream* stream) {
  const auto found = links_.find({stream->address().ip, stream->address().port});
  return found != links_.end() && found->second.stream.get() == stream ? &found->second : nullptr;
}

// ---- what streams tell

void Fleet::OnConnected(Stream& stream, const v1::Welcome& welcome) {
  ++streams_connected_;
  mailbox_.Post([this, stream = stream.shared_from_this(), welcome] { Connected(stream.get(), welcome); });
}

void Fleet::Connected(const Stream* stream, const v1::Welcome& welcome) {
  connected_[stream] = Now();
  const std::string address = stream->address().ToString();
  Raise(Event::Kind::kConnected, address, {},
        "connected to gateway " + welcome.gateway() + " at " + address + " (session " + welcome.session_id() +
            "), serving " + Names(welcome.accepted_chains()));
  for (const v1::RefusedChain& refused : welcome.refused_chains()) {
    Raise(Event::Kind::kChainRefused, address, {},
          "gateway " + address + " delivers nothing from chain " + refused.chain() + ": " + refused.reason());
  }
}

void Fleet::OnGatewayDrains(Stream& stream, const v1::Drain& drain) {
  mailbox_.Post(
      [this, stream = stream.shared_from_this(), reason = drain.reason()] { GatewayDrains(stream.get(), reason); });
}

void Fleet::GatewayDrains(Stream* stream, const std::string& reason) {
  const std::string address = stream->address().ToString();
  Raise(Event::Kind::kDraining, address, {}, "gateway " + address + " drains" + (reason.empty() ? "" : ": " + reason));
  Link* link = LinkOf(stream);
  if (link == nullptr || leaving_) return;
  // The next stream does not wait for this one's last handlers.
  link->stream = nullptr;
  link->dial_at = Now();
  // Taking leave is no failure. Of one that hardly came, the next waits a little all the same.
  link->backoff.Reset();
  const auto connected = connected_.find(stream);
  if (connected == connected_.end() || Now() - connected->second < kSteady) {
    Pause(*link, {StatusCode::kUnavailable, ""}, Now());
  }
}

void Fleet::OnItemRefused(Stream& stream, const std::string& what) {
  mailbox_.Post([this, address = stream.address().ToString(), what] {
    Raise(Event::Kind::kItemRefused, address, {}, "stream to " + address + ": " + what);
  });
}

void Fleet::OnEnded(std::shared_ptr<Stream> stream, Status status) {
  mailbox_.Post([this, stream = std::move(stream), status = std::move(status)] { Ended(stream, status); });
}

void Fleet::Ended(const std::shared_ptr<Stream>& stream, const Status& status) {
  const SteadyTime now = Now();
  const std::string address = stream->address().ToString();
  const auto since = connected_.find(stream.get());
  const bool connected = since != connected_.end();
  std::optional<Millis> pause;
  if (Link* link = LinkOf(stream.get()); link != nullptr) {
    link->stream = nullptr;
    if (leaving_ || !link->wanted) {
      links_.erase({stream->address().ip, stream->address().port});
    } else {
      if (connected && now - since->second >= kSteady) link->backoff.Reset();
      pause = Pause(*link, status, now);
    }
  }
  if (connected) --streams_connected_;
  Raise(connected ? Event::Kind::kDisconnected : Event::Kind::kConnectFailed, address, status,
        (connected ? "the stream ended to " : "no stream to ") + address, pause);
  connected_.erase(stream.get());
  streams_.erase(stream.get());
}

void Fleet::OnBatch(const std::shared_ptr<Batch>& batch) {
  received_.fetch_add(batch->size, std::memory_order_relaxed);
  if (pool_ != nullptr) {
    pool_->Submit(batch);
  } else {
    BatchRunner runner(handler_, settled_, true);
    runner.Run(*batch);
    handler_time_.Add(runner.mean_ns());
  }
}

// ---- what names stand for

void Fleet::Found(size_t target, Lookup lookup, Millis again) {
  const Target& name = targets_[target];
  if (!lookup.status.ok()) {
    // Said once until it changes: it is tried again every few seconds.
    if (lookup_errors_[target] == lookup.status.message()) return;
    lookup_errors_[target] = lookup.status.message();
    Raise(Event::Kind::kResolveFailed, name.host, lookup.status, "cannot look up " + name.host, again);
    return;
  }
  lookup_errors_[target].clear();
  const auto merged = [this] {
    std::vector<Address> all;
    for (const auto& addresses : found_) all.insert(all.end(), addresses.begin(), addresses.end());
    return all;
  };
  const std::vector<Address> before = merged();
  found_[target] = std::move(lookup.addresses);
  const AddressChanges changes = Compare(before, merged());
  for (const Address& address : changes.added) {
    const auto [link, fresh] =
        links_.try_emplace({address.ip, address.port},
                           Link{.address = address,
                                .backoff = Backoff(options_.reconnect_first, options_.reconnect_longest, ++seed_),
                                .stream = nullptr,
                                .dial_at = Now()});
    link->second.wanted = true;
  }
  for (const Address& address : changes.gone) {
    const auto link = links_.find({address.ip, address.port});
    if (link == links_.end()) continue;
    // A stream that still works is left alone: its gateway drains it when it goes.
    link->second.wanted = false;
    if (link->second.stream == nullptr) links_.erase(link);
  }
}

// ---- the end

void Fleet::Drain() {
  mailbox_.Post([this] { Leave(); });
}

void Fleet::Leave() {
  if (leaving_) return;
  leaving_ = true;
  leave_by_ = Now() + options_.drain_timeout;
  if (!connected_.empty()) Raise(Event::Kind::kDraining, "", {}, "draining: what is in work is finished first");
  for (const auto& [key, stream] : streams_) stream->Drain();
}

void Fleet::Stop() {
  mailbox_.Post([this] {
    leaving_ = true;
    leave_by_ = kNever;
    if (result_.ok()) result_ = {StatusCode::kCancelled, "stopped"};
    EndStreams(result_);
  });
}

void Fleet::EndStreams(const Status& why) {
  for (const auto& [key, stream] : streams_) stream->Cancel(why);
}

Stats Fleet::GetStats() const { return {.streams = streams_connected_, .received = received_, .settled = settled_}; }

void Fleet::Raise(Event::Kind kind, const std::string& address, Status status, std::string text,
                  std::optional<Millis> retry_in) {
  Event event{.kind = kind, .address = address, .status = std::move(status), .text = std::move(text)};
  if (!event.status.ok()) event.text += ": " + event.status.ToString();
  if (retry_in) {
    event.retry_in = *retry_in;
    event.text += "; trying again in " + std::to_string(retry_in->count()) + " ms";
  }
  if (options_.on_event) options_.on_event(event);
}

}  // namespace sluice::client
