// What must and must not happen to messages, told by a model of a dispatcher beside the dispatcher itself.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/queue/dispatcher_fixture.h"

namespace sluice {

// What a run may do, so that the promises that exclude each other are all checked in some.
struct ModelVariant {
  uint32_t seed = 0;
  bool bounded = false;       // Chains have small bounds.
  bool byte_windows = false;  // Sessions have windows in bytes.
};

// Knows what has been done to a dispatcher, and compares what it did with what it may do.
class DispatcherPromises : public DispatcherTest, public ::testing::WithParamInterface<ModelVariant> {
 protected:
  enum class State { kWaiting, kDelayed, kOut, kDone };
  struct Known {
    const Chain* chain = nullptr;
    std::string key;
    bool qos0 = false;
    RecordId record = 0;
    size_t bytes = 0;
    SteadyTime expires = kNever;
    SteadyTime due = kNever;
    uint32_t attempts = 0;
    State state = State::kWaiting;
    bool must_die = false;  // Its dead letter is to come.
    bool suspect = false;   // Must be delivered alone.
    int losses = 0;
  };
  struct Out {
    size_t message = 0;
    SteadyTime delivered;
    SteadyTime lease_end;
    bool begun = false;
    std::optional<Dispatcher::Claimed> claimed;
  };
  struct Peer {
    Window window;
    Millis lease{0};
    bool tells_began = false;
    bool draining = false;
    bool removed = false;
    std::set<const Chain*> chains;
    std::map<uint64_t, Out> out;
    std::shared_ptr<FakeWorker> worker;
    size_t bytes = 0;
  };

  // Takes in what the dispatcher did.
  void Observe() {
    // The second drops what the first brought back too late.
    for (int i = 0; i < 2; ++i) dispatcher.Tick(clock.Now());
    for (auto& [id, peer] : peers_) {
      for (; taken_[id] < peer.worker->deliveries.size(); ++taken_[id]) {
        OnDelivery(peer, peer.worker->deliveries[taken_[id]]);
      }
    }
    for (; dead_ < listener.dead_letters.size(); ++dead_) {
      Known& known = messages_.at(listener.dead_letters[dead_].message.id.low);
      EXPECT_TRUE(known.must_die);
      EXPECT_EQ(known.attempts, listener.dead_letters[dead_].message.attempts);
      known.must_die = false;
    }
    std::set<RecordId> forgotten(listener.forgotten.begin(), listener.forgotten.end());
    EXPECT_EQ(forgotten.size(), listener.forgotten.size()) << "a record is forgotten once";
    for (auto& [number, known] : messages_) {
      EXPECT_FALSE(known.must_die) << "a dead letter is missing";
      const bool waits = known.state == State::kWaiting || known.state == State::kDelayed;
      if (waits && known.expires <= clock.Now()) {
        EXPECT_TRUE(known.qos0 || forgotten.contains(known.record));
        known.state = State::kDone;
      }
      EXPECT_TRUE(known.state == State::kDone || !forgotten.contains(known.record));
    }
    CheckCounts();
    if (!GetParam().byte_windows && !GetParam().bounded && paused_ == 0) CheckNothingWaitsForNothing();
  }

  void OnDelivery(Peer& peer, const Delivery& delivery) {
    const size_t number = delivery.message_id.low;
    Known& known = messages_.at(number);
    EXPECT_EQ(known.state, State::kWaiting) << "neither doubled nor resurrected nor early";
    EXPECT_EQ(paused_, 0);
    EXPECT_FALSE(peer.draining || peer.removed);
    EXPECT_TRUE(peer.chains.contains(known.chain));
    EXPECT_GT(known.expires, clock.Now());
    EXPECT_EQ(delivery.attempt, known.attempts + 1);
    for (auto it = messages_.begin(); !known.key.empty() && it != messages_.end() && it->first < number; ++it) {
      Known& earlier = it->second;
      if (earlier.chain != known.chain || earlier.key != known.key || earlier.state == State::kDone) continue;
      if (earlier.expires <= clock.Now() && earlier.state != State::kOut) continue;
      // Dropped at the bound, which nobody tells; it must not turn up again.
      EXPECT_TRUE(GetParam().bounded && earlier.qos0 && earlier.state != State::kOut) << "order of " << known.key;
      earlier.state = State::kDone;
    }
    for (const auto& [other_number, other] : messages_) {
      if (other_number == number || known.key.empty()) continue;
      EXPECT_FALSE(other.chain == known.chain && other.key == known.key && other.state == State::kOut)
          << "two of " << known.key << " are in flight";
    }
    EXPECT_LT(peer.out.size(), peer.window.messages);
    EXPECT_TRUE(peer.window.bytes == 0 || peer.out.empty() || peer.bytes + known.bytes <= peer.window.bytes);
    EXPECT_TRUE(peer.out.empty() || peer.out.rbegin()->first < delivery.id);
    for (const auto& [id, out] : peer.out) {
      EXPECT_FALSE(messages_.at(out.message).suspect) << "a worker that has a suspect got another message";
    }
    if (known.suspect) {
      EXPECT_TRUE(peer.out.empty()) << "a suspect beside others";
      for (const auto& [other_number, other] : messages_) {
        EXPECT_FALSE(other.chain == known.chain && other.suspect && other.state == State::kOut) << "one at a time";
      }
    }
    known.state = State::kOut;
    peer.bytes += known.bytes;
    peer.out[delivery.id] = {.message = number,
                             .delivered = clock.Now(),
                             .lease_end = clock.Now() + delivery.lease,
                             .begun = !peer.tells_began,
                             .claimed = std::nullopt};
  }

  void CheckCounts() {
    size_t out = 0;
    for (const auto& [id, peer] : peers_) out += peer.out.size();
    EXPECT_EQ(dispatcher.Idle(), out == 0);
    size_t alive = 0;
    size_t gauges = 0;
    uint64_t dropped = 0;
    for (const auto& [number, known] : messages_) alive += known.state != State::kDone ? 1 : 0;
    for (const Chain* chain : chains) {
      gauges += static_cast<size_t>(GaugeOf("sluice_backlog_messages", chain->name));
      dropped += CounterOf("sluice_messages_dropped_total", chain->name, "reason", "queue_full");
      if (GetParam().bounded) continue;
      size_t waiting = 0;
      size_t bytes = 0;
      for (const auto& [number, known] : messages_) {
        if (known.chain != chain || known.state == State::kDone || known.state == State::kOut) continue;
        ++waiting;
        bytes += known.bytes;
      }
      EXPECT_EQ(static_cast<size_t>(GaugeOf("sluice_queue_messages", chain->name)), waiting);
      EXPECT_EQ(static_cast<size_t>(GaugeOf("sluice_queue_bytes", chain->name)), bytes);
    }
    EXPECT_EQ(gauges, dispatcher.Backlog());
    if (GetParam().bounded) {
      EXPECT_LE(dispatcher.Backlog(), alive);
      EXPECT_LE(alive, dispatcher.Backlog() + dropped);
    } else {
      EXPECT_EQ(dispatcher.Backlog(), alive);
      EXPECT_EQ(dropped, 0u);
    }
  }

  // A suspect waits only while no worker holds nothing, or another suspect of its chain is out.
  void CheckSuspects() {
    std::set<const Chain*> busy;
    for (const auto& [number, known] : messages_) {
      if (known.suspect && known.state == State::kOut) busy.insert(known.chain);
    }
    for (const auto& [number, known] : messages_) {
      if (!known.suspect || known.state != State::kWaiting || busy.contains(known.chain)) continue;
      for (const auto& [id, peer] : peers_) {
        EXPECT_FALSE(!peer.removed && !peer.draining && peer.chains.contains(known.chain) && peer.window.messages > 0 &&
                     peer.out.empty())
            << "a suspect waits although a worker has nothing";
      }
    }
  }

  void CheckNothingWaitsForNothing() {
    CheckSuspects();
    // A worker may be kept for them.
    for (const auto& [number, known] : messages_) {
      if (known.suspect && (known.state == State::kWaiting || known.state == State::kOut)) return;
    }
    std::set<std::pair<const Chain*, std::string>> blocked;
    for (const auto& [number, known] : messages_) {
      const bool holds = known.state == State::kOut || known.state == State::kDelayed;
      if (!known.key.empty() && holds) blocked.emplace(known.chain, known.key);
    }
    for (const auto& [number, known] : messages_) {
      if (known.state != State::kWaiting || blocked.contains({known.chain, known.key})) continue;
      for (const auto& [id, peer] : peers_) {
        EXPECT_FALSE(!peer.removed && !peer.draining && peer.chains.contains(known.chain) &&
                     peer.out.size() < peer.window.messages)
            << "a message waits although a worker has room";
      }
    }
  }

  std::vector<const Chain*> chains;
  std::map<size_t, Known> messages_;
  std::map<SessionId, Peer> peers_;
  std::map<SessionId, size_t> taken_;
  size_t dead_ = 0;
  int paused_ = 0;
};

}  // namespace sluice
