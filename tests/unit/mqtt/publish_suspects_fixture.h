// A PublishQueue and a broker that closes connections over some messages.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/publish_queue.h"

namespace sluice {

// A queue and a broker that takes messages in order, and closes the connection over some of them.
class SuspectsTest : public testing::Test {
 protected:
  using Code = PublishOutcome::Code;

  void Add(uint64_t token, const std::string& topic, Qos qos = Qos::kAtLeastOnce, bool retain = false) {
    auto message = std::make_shared<OutboundMessage>();
    message->topic = topic;
    message->qos = qos;
    message->retain = retain;
    std::vector<Outgoing> batch;
    batch.push_back({.token = token, .message = std::move(message), .wait_for_connection = true});
    queue_.Add(std::move(batch), outcomes_);
  }
  // The tokens that may go out now. Those of QoS 0 are written at once.
  std::vector<uint64_t> Take() {
    std::vector<PublishQueue::Sent> sent;
    queue_.Take(now_, sent, outcomes_);
    std::vector<uint64_t> topics;
    for (const PublishQueue::Sent& one : sent) {
      topics.push_back(one.sequence);
      if (one.message->qos == Qos::kAtMostOnce) queue_.Written(one.sequence, outcomes_);
    }
    return topics;
  }
  // The broker answers the ping that a connection begins with where there are suspects.
  void Connect() {
    queue_.Connected({}, now_);
    if (queue_.suspects() == 0) return;
    EXPECT_THAT(Take(), testing::IsEmpty());
    Pong();
  }
  // A connection that breaks unexpectedly is made anew after a pause, which all wait for.
  void Break(uint8_t reason = 0) {
    if (!queue_.expects_breaks(now_)) ++pauses_;
    queue_.Disconnected(reason, now_, outcomes_);
  }
  void Confirm(uint64_t sequence) { queue_.Settle(sequence, Code::kOk, 0, outcomes_); }
  // The broker answers a ping.
  void Pong() {
    EXPECT_TRUE(queue_.TakePingWish());
    queue_.Pong();
  }
  // A connection to a broker that closes it over messages for which `hates` holds, until nothing more comes; true: it
  // broke. What it takes before, it confirms at once, in order; or `late`: when it has looked at all that was sent.
  template <typename Hates>
  bool Serve(const Hates& hates, bool late = false) {
    Connect();
    while (true) {
      std::vector<PublishQueue::Sent> sent;
      queue_.Take(now_, sent, outcomes_);
      if (queue_.TakePingWish()) {
        queue_.Pong();
        continue;
      }
      if (sent.empty()) return false;
      for (const PublishQueue::Sent& one : sent) {
        if (one.message->qos == Qos::kAtMostOnce) queue_.Written(one.sequence, outcomes_);
      }
      std::vector<uint64_t> confirmed;
      const bool broken = std::ranges::any_of(sent, [&](const PublishQueue::Sent& one) {
        if (hates(*one.message)) return true;
        if (one.message->qos != Qos::kAtMostOnce) late ? confirmed.push_back(one.sequence) : Confirm(one.sequence);
        return false;
      });
      if (broken) {
        Break();
        return true;
      }
      for (const uint64_t sequence : confirmed) Confirm(sequence);
    }
  }
  Code OutcomeOf(uint64_t token) const {
    for (const PublishOutcome& outcome : outcomes_) {
      if (outcome.token == token) return outcome.code;
    }
    ADD_FAILURE() << "no outcome of " << token;
    return Code::kNotConnected;
  }
  bool Has(uint64_t token) const {
    for (const PublishOutcome& outcome : outcomes_) {
      if (outcome.token == token) return true;
    }
    return false;
  }

  SteadyTime now_{Millis(1'000'000)};
  PublishQueue queue_{/*window=*/4, /*window_bytes=*/100'000, /*mqtt5=*/false};
  std::vector<PublishOutcome> outcomes_;
  int pauses_ = 0;
};

inline bool IsBad(const OutboundMessage& message) { return message.topic.starts_with("bad"); }

}  // namespace sluice
