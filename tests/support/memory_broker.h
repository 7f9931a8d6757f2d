// A broker without a network: what a gateway in the test's process subscribes to and publishes, and what the test does to it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/gateway.h"
#include "server/message/topic_matcher.h"
#include "server/mqtt/intake.h"
#include "server/mqtt/publisher.h"
#include "server/runtime/mutex.h"
#include "tests/support/messages.h"

namespace sluice {

// The broker's side of all connections of a gateway; connections are named as in the configuration. For one thread, but
// for what publishers are given. Outlives the gateway.
class MemoryBroker {
 public:
  struct Published {
    std::string topic;
    std::string payload;

    friend bool operator==(const Published&, const Published&) = default;
  };

  explicit MemoryBroker(const Clock& clock) : clock_(clock) {}

  MqttDrivers Drivers() {
    MqttDrivers drivers;
    drivers.intake = [this](const MqttOptions& options, std::vector<Subscription> subscriptions, InboundSink& sink,
                            const Clock&, MetricsRegistry&) {
      return std::make_unique<Intake>(*this, options.name, std::move(subscriptions), sink);
    };
    drivers.publisher = [this](const MqttOptions& options, PublishListener& listener, const Clock&, MetricsRegistry&) {
      return std::make_unique<Replies>(*this, options.name, listener);
    };
    return drivers;
  }

  // ---- what the test does
  // A message for whoever subscribes to it. True: each has acknowledged it; false: somebody has not, or nobody subscribes.
  bool Deliver(const std::string& topic, const std::string& payload, Qos qos = Qos::kAtLeastOnce) {
    bool acknowledged = false;
    for (Intake* intake : intakes_) {
      const std::vector<uint32_t> ids = intake->SubscriptionsFor(topic);
      if (ids.empty()) continue;
      if (!intake->Offer(MakeMessage({.topic = topic, .payload = payload, .qos = qos, .received = clock_.Now()}),
                         ids)) {
        return false;
      }
      acknowledged = true;
    }
    return acknowledged;
  }
  // A connection is lost, and comes back.
  void Down(const std::string& connection) { down_.insert(connection); }
  void Up(const std::string& connection) {
    down_.erase(connection);
    for (Intake* intake : intakes_) {
      if (intake->name() == connection) intake->Subscribe();
    }
    Confirm(connection);
  }
  // Of a filter nothing is granted until Grant().
  void Refuse(const std::string& filter) { refused_.insert(filter); }
  void Grant(const std::string& filter) {
    refused_.erase(filter);
    for (Intake* intake : intakes_) intake->Subscribe();
  }
  // Replies of a connection are taken and not confirmed, until Confirm().
  void WithholdConfirmations(const std::string& connection) { withholding_.insert(connection); }
  void Confirm(const std::string& connection) {
    withholding_.erase(connection);
    for (Replies* replies : replies_) {
      if (replies->name() == connection) replies->ConfirmAll();
    }
  }

  // ---- what the gateway has done
  // Filters that are granted, of all connections, sorted.
  std::vector<std::string> Subscribed() const {
    std::set<std::string> all;
    for (const Intake* intake : intakes_) all.insert(intake->granted().begin(), intake->granted().end());
    return {all.begin(), all.end()};
  }
  std::vector<Published> Replied(const std::string& connection) {
    MutexLock lock(mutex_);
    return published_[connection];
  }
  bool paused(const std::string& connection) const {
    return std::ranges::any_of(intakes_, [&](const Intake* one) { return one->name() == connection && one->paused(); });
  }
  // How many connections for intake were ever made under that name: one that is kept is not made again.
  int made(const std::string& connection) const {
    const auto found = made_.find(connection);
    return found == made_.end() ? 0 : found->second;
  }

 private:
  class Intake final : public IntakeConnection {
   public:
    Intake(MemoryBroker& broker, std::string name, std::vector<Subscription> subscriptions, InboundSink& sink)
        : broker_(broker), name_(std::move(name)), subscriptions_(std::move(subscriptions)), sink_(sink) {
      broker_.intakes_.push_back(this);
      ++broker_.made_[name_];
    }
    ~Intake() override { std::erase(broker_.intakes_, this); }

    void Start() override {
      started_ = true;
      Subscribe();
    }
    void Pause(std::string /*reason*/) override { paused_ = true; }
    void Resume() override { paused_ = false; }
    void StayOut(std::vector<size_t> /*shared*/) override {}
    void Resubscribe(std::vector<Subscription> subscriptions) override {
      subscriptions_ = std::move(subscriptions);
      Subscribe();
    }
    bool UnsubscribeShared(SteadyTime /*deadline*/) override { return true; }
    void Stop(SteadyTime /*deadline*/) override { started_ = false; }
    ConnectionState State() const override {
      if (broker_.down_.contains(name_)) return {name_, false, "connection refused"};
      for (const Subscription& wanted : subscriptions_) {
        if (!wanted.remainder && !granted_.contains(wanted.filter)) {
          return {name_, false, "subscription '" + wanted.filter + "' refused: 0x87 not authorized"};
        }
      }
      return {name_, true, paused_ ? "paused" : ""};
    }

    // Asks for what it has not, and then leaves what it is not to have.
    void Subscribe() {
      if (!started_ || broker_.down_.contains(name_)) return;
      std::set<std::string> wanted;
      for (const Subscription& one : subscriptions_) {
        if (one.remainder || broker_.refused_.contains(one.filter)) continue;
        wanted.insert(one.filter);
        if (granted_.insert(one.filter).second) sink_.OnGranted(one.filter);
      }
      std::erase_if(granted_, [&wanted](const std::string& held) { return !wanted.contains(held); });
    }
    std::vector<uint32_t> SubscriptionsFor(const std::string& topic) const {
      std::vector<uint32_t> ids;
      if (!started_ || broker_.down_.contains(name_)) return ids;
      for (const Subscription& one : subscriptions_) {
        const std::string filter = one.shared() ? one.filter.substr(one.filter.find('/', 7) + 1) : one.filter;
        if (granted_.contains(one.filter) && FilterMatches(filter, topic)) ids.push_back(one.id);
      }
      return ids;
    }
    bool Offer(MessagePtr message, const std::vector<uint32_t>& ids) {
      if (paused_) return false;
      InboundMessage inbound{.message = std::move(message), .subscription_ids = {}};
      for (const uint32_t id : ids) {
        if (id != 0) inbound.subscription_ids.push_back(id);
      }
      return sink_.OnMessages({&inbound, 1}).ok();
    }
    const std::string& name() const { return name_; }
    const std::set<std::string>& granted() const { return granted_; }
    bool paused() const { return paused_; }

   private:
    MemoryBroker& broker_;
    const std::string name_;
    std::vector<Subscription> subscriptions_;
    InboundSink& sink_;
    std::set<std::string> granted_;
    bool started_ = false;
    bool paused_ = false;
  };

  class Replies final : public Publisher {
   public:
    Replies(MemoryBroker& broker, std::string name, PublishListener& listener)
        : broker_(broker), name_(std::move(name)), listener_(listener) {
      broker_.replies_.push_back(this);
    }
    ~Replies() override { std::erase(broker_.replies_, this); }

    void Start() override {}
    void Publish(std::vector<Outgoing> batch) override {
      {
        MutexLock lock(broker_.mutex_);
        for (Outgoing& one : batch) open_.push_back(std::move(one));
      }
      if (!broker_.down_.contains(name_) && !broker_.withholding_.contains(name_)) ConfirmAll();
    }
    void DropExpired() override {}
    size_t Flush(SteadyTime /*deadline*/) override {
      MutexLock lock(broker_.mutex_);
      return open_.size();
    }
    void Stop(SteadyTime /*deadline*/) override {}
    absl::StatusOr<std::vector<Outgoing>> TakeOpen() override {
      MutexLock lock(broker_.mutex_);
      return std::exchange(open_, {});
    }
    ConnectionState State() const override { return {name_ + " (replies)", !broker_.down_.contains(name_), ""}; }

    void ConfirmAll() {
      std::vector<PublishOutcome> outcomes;
      {
        MutexLock lock(broker_.mutex_);
        for (const Outgoing& one : open_) {
          broker_.published_[name_].push_back({one.message->topic, one.message->payload});
          outcomes.push_back({.token = one.token});
        }
        open_.clear();
      }
      if (!outcomes.empty()) listener_.OnOutcomes(outcomes);
    }
    const std::string& name() const { return name_; }

   private:
    MemoryBroker& broker_;
    const std::string name_;
    PublishListener& listener_;
    std::vector<Outgoing> open_;  // Under the broker's mutex.
  };

  const Clock& clock_;
  std::vector<Intake*> intakes_;
  std::vector<Replies*> replies_;
  std::map<std::string, int> made_;
  std::set<std::string> down_;
  std::set<std::string> refused_;
  std::set<std::string> withholding_;

  mutable Mutex mutex_;
  std::map<std::string, std::vector<Published>> published_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
