// What stands on the gateway's side of a worker stream: messages to deliver, and somebody who takes settles.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/runtime/mutex.h"
#include "server/worker/delivery_source.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// A message with storage of its own.
inline MessagePtr MakeMessage(std::string topic, std::string payload, std::unique_ptr<Properties> properties = nullptr,
                              SteadyTime received = {}) {
  auto storage = std::make_shared<std::pair<std::string, std::string>>(std::move(topic), std::move(payload));
  auto message = std::make_shared<Message>();
  message->topic = storage->first;
  message->payload = storage->second;
  message->qos = Qos::kAtLeastOnce;
  message->received = received;
  message->received_unix_ms = 1'700'000'000'000;
  message->properties = std::move(properties);
  message->storage = std::move(storage);
  return message;
}

// Delivers what the test gives it, within each session's window; remembers what sessions said. Thread-safe.
class FakeDeliverySource final : public DeliverySource {
 public:
  struct Removed {
    SessionEnd how = SessionEnd::kLost;
    uint64_t written = 0;
    size_t in_flight = 0;
  };

  // ---- verbs
  // Queues `message` n times for whichever session has room.
  void Publish(const MessagePtr& message, size_t n = 1) {
    {
      MutexLock lock(mutex_);
      for (size_t i = 0; i < n; ++i) waiting_.push_back(message);
    }
    Dispatch();
  }
  // Takes a delivery out of flight; false when it is not in flight on that session.
  bool Settle(SessionId session, uint64_t delivery_id) {
    {
      MutexLock lock(mutex_);
      if (sessions_[session].in_flight.erase(delivery_id) == 0) return false;
      ++settled_;
      changed_.NotifyAll();
    }
    Dispatch();
    return true;
  }

  // ---- what happened
  SessionOptions options(SessionId session) {
    MutexLock lock(mutex_);
    return sessions_[session].options;
  }
  Window window(SessionId session) {
    MutexLock lock(mutex_);
    return sessions_[session].options.window;
  }
  bool draining(SessionId session) {
    MutexLock lock(mutex_);
    return sessions_[session].draining;
  }
  std::map<SessionId, Removed> removed() {
    MutexLock lock(mutex_);
    return removed_;
  }
  std::vector<std::pair<uint64_t, Millis>> extends() {
    MutexLock lock(mutex_);
    return extends_;
  }
  std::vector<uint64_t> began() {
    MutexLock lock(mutex_);
    return began_;
  }
  // Ends a delivery as the dispatcher does when time is up.
  void Revoke(SessionId session, uint64_t delivery_id, RevokeReason reason) {
    std::shared_ptr<DeliverySink> sink;
    {
      MutexLock lock(mutex_);
      sessions_[session].in_flight.erase(delivery_id);
      sink = sessions_[session].sink;
    }
    sink->Revoke({{.delivery_id = delivery_id, .reason = reason}});
  }
  size_t in_flight(SessionId session) {
    MutexLock lock(mutex_);
    return sessions_[session].in_flight.size();
  }
  size_t waiting() {
    MutexLock lock(mutex_);
    return waiting_.size();
  }
  // Waits until `count` deliveries were settled in all, or thirty seconds; true if so.
  bool AwaitSettled(size_t count) {
    return Await([this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return settled_ >= count; });
  }
  bool AwaitRemoved(size_t count) {
    return Await([this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return removed_.size() >= count; });
  }
  bool AwaitSessions(size_t count) {
    return Await([this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return next_session_ > count; });
  }

  const Route& route() const { return route_; }
  Route& route() { return route_; }
  const Chain& chain() const { return chain_; }
  void set_lease(Millis lease) { lease_ = lease; }

  // ---- DeliverySource
  SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink) override {
    SessionId id = 0;
    {
      MutexLock lock(mutex_);
      id = next_session_++;
      sessions_[id].options = std::move(options);
      sessions_[id].sink = std::move(sink);
      changed_.NotifyAll();
    }
    Dispatch();
    return id;
  }
  void SetWindow(SessionId session, Window window) override {
    {
      MutexLock lock(mutex_);
      sessions_[session].options.window = window;
    }
    Dispatch();
  }
  void DrainSession(SessionId session) override {
    MutexLock lock(mutex_);
    sessions_[session].draining = true;
  }
  std::vector<uint64_t> Begin(SessionId session, std::span<const uint64_t> ids) override {
    MutexLock lock(mutex_);
    std::vector<uint64_t> stale;
    for (const uint64_t id : ids) (sessions_[session].in_flight.contains(id) ? began_ : stale).push_back(id);
    return stale;
  }
  void RemoveSession(SessionId session, SessionEnd how, uint64_t written) override {
    {
      MutexLock lock(mutex_);
      Session& state = sessions_[session];
      removed_[session] = {.how = how, .written = written, .in_flight = state.in_flight.size()};
      for (const auto& [id, message] : state.in_flight) waiting_.push_back(message);
      state.in_flight.clear();
      state.sink.reset();
      changed_.NotifyAll();
    }
    Dispatch();
  }
  // Takes no lease to be longer than max_lease.
  std::optional<Dispatcher::Extended> Extend(SessionId session, uint64_t delivery_id, Millis lease) override {
    MutexLock lock(mutex_);
    if (sessions_[session].in_flight.count(delivery_id) == 0) return std::nullopt;
    extends_.emplace_back(delivery_id, lease);
    const Millis granted = std::min(lease, chain_.options().max_lease);
    return Dispatcher::Extended{.lease = granted, .clipped = granted < lease};
  }

 private:
  struct Session {
    SessionOptions options;
    std::shared_ptr<DeliverySink> sink;
    bool draining = false;
    std::map<uint64_t, MessagePtr> in_flight;
  };

  template <typename Condition>
  bool Await(const Condition& condition) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    MutexLock lock(mutex_);
    while (!condition() && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
    return condition();
  }
  void Dispatch() {
    std::vector<std::pair<std::shared_ptr<DeliverySink>, std::vector<Delivery>>> batches;
    {
      MutexLock lock(mutex_);
      for (auto& [id, session] : sessions_) {
        std::vector<Delivery> batch;
        while (session.sink != nullptr && !session.draining && !waiting_.empty() &&
               session.in_flight.size() < session.options.window.messages) {
          Delivery& delivery = batch.emplace_back();
          delivery.id = next_delivery_++;
          delivery.message = waiting_.front();
          delivery.route = &route_;
          delivery.chain = &chain_;
          delivery.message_id = NextMessageId(1);
          delivery.attempt = 1;
          delivery.lease = lease_;
          waiting_.pop_front();
          session.in_flight.emplace(delivery.id, delivery.message);
        }
        if (!batch.empty()) batches.emplace_back(session.sink, std::move(batch));
      }
    }
    for (auto& [sink, batch] : batches) sink->Deliver(std::move(batch));
  }

  Chain chain_{"temperature"};
  Route route_{.id = "plant", .connection = "c", .filter = "plant/#", .share = "", .target = {}};
  Millis lease_{30'000};

  Mutex mutex_;
  CondVar changed_;
  std::deque<MessagePtr> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<SessionId, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  std::map<SessionId, Removed> removed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<uint64_t, Millis>> extends_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> began_ ABSL_GUARDED_BY(mutex_);
  SessionId next_session_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t next_delivery_ ABSL_GUARDED_BY(mutex_) = 1;
  size_t settled_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Settles in a FakeDeliverySource; answers stale settles, and replies that ask. Thread-safe.
class FakeSettleHandler final : public SettleHandler {
 public:
  explicit FakeSettleHandler(FakeDeliverySource& source) : source_(source) {}

  void OnReplies(SessionId /*session*/, std::vector<WorkerReply> replies,
                 const std::shared_ptr<ResultSink>& results) override {
    std::vector<ItemResult> answers;
    Answer(replies, answers);
    {
      MutexLock lock(mutex_);
      for (WorkerReply& reply : replies) replies_.push_back(std::move(reply));
    }
    results->SendResults(std::move(answers));
  }
  void OnSettles(SessionId session, std::vector<WorkerSettle> settles,
                 const std::shared_ptr<ResultSink>& results) override {
    std::vector<ItemResult> answers;
    for (WorkerSettle& settle : settles) {
      if (source_.Settle(session, settle.delivery_id)) {
        Answer(settle.replies, answers);
        MutexLock lock(mutex_);
        settles_.push_back(std::move(settle));
      } else {
        answers.push_back({.delivery_id = settle.delivery_id, .code = ItemResult::Code::kStale, .message = ""});
      }
    }
    results->SendResults(std::move(answers));
  }

  // Replies get no results any more; the test gives them.
  void WithholdAnswers() { withhold_ = true; }

  std::vector<WorkerSettle> TakeSettles() {
    MutexLock lock(mutex_);
    return std::exchange(settles_, {});
  }
  std::vector<WorkerReply> TakeReplies() {
    MutexLock lock(mutex_);
    return std::exchange(replies_, {});
  }

 private:
  template <typename Replies>
  void Answer(const Replies& replies, std::vector<ItemResult>& answers) {
    if (withhold_) return;
    for (const WorkerReply& reply : replies) {
      if (reply.reply_id != 0) answers.push_back({.reply_id = reply.reply_id, .message = ""});
    }
  }

  FakeDeliverySource& source_;
  std::atomic<bool> withhold_ = false;
  Mutex mutex_;
  std::vector<WorkerSettle> settles_ ABSL_GUARDED_BY(mutex_);
  std::vector<WorkerReply> replies_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
