// A router between a journal and a queue that keep what they are given.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/route/route_table.h"
#include "server/route/subscription_plan.h"
#include "server/router/router.h"
#include "tests/support/manual_clock.h"
#include "tests/unit/route/route_fixture.h"

namespace sluice {

// Names records from 1, unless its disk is full.
class FakeJournal final : public Journal {
 public:
  void FillDisk() { full_ = true; }
  void FreeDisk() { full_ = false; }
  const std::vector<size_t>& batches() const { return batches_; }

  absl::Status Append(std::span<RoutedMessage> batch) override {
    if (full_) return absl::ResourceExhaustedError("no space left on device");
    batches_.push_back(batch.size());
    for (RoutedMessage& routed : batch) {
      if (routed.message->qos != Qos::kAtMostOnce) routed.record = ++last_;
    }
    return absl::OkStatus();
  }
  absl::Status AppendReceived(std::span<RoutedMessage> batch, std::span<const ReceivedPacket> packets) override {
    const absl::Status status = Append(batch);
    if (status.ok()) received.insert(received.end(), packets.begin(), packets.end());
    return status;
  }
  absl::Status Release(std::span<const ReceivedPacket> packets) override {
    if (full_) return absl::ResourceExhaustedError("no space left on device");
    for (const ReceivedPacket& packet : packets) std::erase(received, packet);
    return absl::OkStatus();
  }
  absl::Status Settle(std::span<const RecordId>, std::span<OutboxEntry>) override { return absl::OkStatus(); }
  void Confirm(std::span<const RecordId>) override {}
  Depth depth() const override { return {}; }

  std::vector<ReceivedPacket> received;

 private:
  bool full_ = false;
  RecordId last_ = 0;
  std::vector<size_t> batches_;
};

// Keeps what it is given.
class FakeQueue final : public RoutedSink {
 public:
  void Enqueue(std::span<RoutedMessage> batch) override {
    ++calls;
    for (RoutedMessage& each : batch) messages.push_back(std::move(each));
  }
  std::vector<std::string> Routes() const {
    std::vector<std::string> ids;
    for (const RoutedMessage& each : messages) ids.push_back(each.route->id);
    return ids;
  }

  std::vector<RoutedMessage> messages;
  int calls = 0;
};

// Keeps what it is given, as long as it has room.
class FakeLetters final : public UnroutableSink {
 public:
  void FillUp() { full_ = true; }
  void MakeRoom() { full_ = false; }

  bool TakesUnroutable() const override { return !full_; }
  void TakeUnroutable(std::vector<Unroutable> taken) override {
    for (Unroutable& each : taken) letters.push_back(std::move(each));
  }
  std::vector<std::string> Reasons() const {
    std::vector<std::string> reasons;
    for (const Unroutable& each : letters) reasons.push_back(each.reason);
    return reasons;
  }

  std::vector<Unroutable> letters;

 private:
  bool full_ = false;
};

class RouterTest : public ::testing::Test {
 protected:
  // One router for each connection of the plan.
  void Start(bool mqtt5, const std::vector<RouteSpec>& specs) {
    ASSERT_TRUE(BuildRoutes(specs, chains_, table_).ok());
    groups_ = PlanSubscriptions(table_.RoutesOf("plant"), mqtt5);
    for (const SubscriptionGroup& group : groups_) {
      routers_.push_back(std::make_unique<Router>(connection_, std::span<const ReceivedPacket>(), group, chains_,
                                                  journal_, queue_, letters_, metrics_, clock_));
    }
  }

  absl::Status Receive(std::vector<InboundMessage> batch, size_t group = 0) {
    return routers_.at(group)->OnMessages(batch);
  }

  uint32_t IdOf(std::string_view filter) const {
    for (const Subscription& each : groups_.at(0).Subscriptions()) {
      if (each.filter == filter) return each.id;
    }
    ADD_FAILURE() << "no subscription " << filter;
    return 0;
  }

  uint64_t Dropped(const char* reason) {
    return metrics_.GetCounter("sluice_messages_dropped_total", "", {{"chain", ""}, {"reason", reason}}).value();
  }
  uint64_t Died(const char* reason) {
    return metrics_.GetCounter("sluice_dead_letters_total", "", {{"chain", ""}, {"reason_kind", reason}}).value();
  }
  uint64_t Received(const char* qos) {
    return metrics_.GetCounter("sluice_messages_received_total", "", {{"connection", "plant"}, {"qos", qos}}).value();
  }
  uint64_t Routed(const char* route) {
    return metrics_.GetCounter("sluice_messages_routed_total", "", {{"route", route}}).value();
  }

  ManualClock clock_;
  MetricsRegistry metrics_;
  ChainDirectory chains_{ChainOptions{}};
  RouteTable table_;
  FakeJournal journal_;
  FakeQueue queue_;
  FakeLetters letters_;
  std::vector<SubscriptionGroup> groups_;
  const MqttOptions connection_{.name = "plant", .uri = "tcp://broker:1883", .client_id = "sluice"};
  std::vector<std::unique_ptr<Router>> routers_;
};

}  // namespace sluice
