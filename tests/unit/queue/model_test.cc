// Random operations against a model that knows what must and must not happen.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/queue/model_promises.h"

namespace sluice {
namespace {

// Does to a dispatcher whatever may be done to it.
class DispatcherModel : public DispatcherPromises {
 protected:
  size_t Random(size_t below) { return random_() % below; }

  // The message is not out any more: it waits, or has met its end.
  void LoseAttempt(Known& known, bool counts) {
    known.state = State::kWaiting;
    if (counts && ++known.attempts >= known.chain->options().max_attempts) {
      known.state = State::kDone;
      known.must_die = true;
    }
  }
  void Settled(Known& known) {
    known.suspect = false;
    known.losses = 0;
  }
  void LoseLease(const Out& out) {
    Known& known = messages_.at(out.message);
    if (known.qos0) {
      known.state = State::kDone;
      return;
    }
    if (out.begun) Settled(known);
    LoseAttempt(known, out.begun);
  }
  void LoseWorker(const Peer& peer, const Out& out, SessionEnd how, bool alone) {
    Known& known = messages_.at(out.message);
    if (known.qos0) {
      known.state = State::kDone;
      return;
    }
    if (how != SessionEnd::kLost) return LoseAttempt(known, how == SessionEnd::kLeft && out.begun);
    const bool last = known.attempts + 1 >= known.chain->options().max_attempts;
    ++known.losses;
    known.suspect |= alone || known.losses > 1 || (out.begun && (peer.tells_began || last));
    LoseAttempt(known, alone || (out.begun && !last));
  }

  void EnqueueSome() {
    std::vector<RoutedMessage> batch;
    for (size_t i = 0, n = 1 + Random(8); i < n; ++i) {
      const Chain& chain = *chains[Random(chains.size())];
      const std::string topic(1, static_cast<char>('a' + Random(6)));
      QueuedSpec spec{.topic = topic,
                      .payload = std::string(Random(20) == 0 ? 60 : Random(8), 'x'),
                      .qos = static_cast<Qos>(Random(3)),
                      .key = Random(4) == 0 ? "" : topic};
      if (Random(4) == 0) spec.expiry_s = static_cast<uint32_t>(Random(20));
      batch.push_back(Make(chain, spec));
      messages_[batch.back().id.low] = {.chain = &chain,
                                        .key = spec.key,
                                        .qos0 = spec.qos == Qos::kAtMostOnce,
                                        .record = batch.back().record,
                                        .bytes = batch.back().message->bytes(),
                                        .expires = batch.back().message->expires()};
    }
    dispatcher.Enqueue(batch);
  }

  Window RandomWindow() {
    return {.messages = static_cast<uint32_t>(Random(6)), .bytes = GetParam().byte_windows ? Random(50) : 0};
  }

  void AddPeer() {
    Peer peer{.window = RandomWindow(),
              .lease = Millis(Random(2) * 5'000),
              .tells_began = Random(2) == 0,
              .worker = std::make_shared<FakeWorker>()};
    SessionOptions options{.worker = "w", .window = peer.window, .lease = peer.lease, .tells_began = peer.tells_began};
    for (const Chain* chain : chains) {
      if (Random(3) != 0) options.chains.push_back(chain);
    }
    if (options.chains.empty()) options.chains.push_back(chains[0]);
    peer.chains.insert(options.chains.begin(), options.chains.end());
    auto worker = peer.worker;
    const SessionId id = dispatcher.AddSession(std::move(options), worker);
    peers_[id] = std::move(peer);
  }

  void RemovePeer(SessionId id, Peer& peer) {
    const auto how = Random(2) == 0 ? SessionEnd::kLost : static_cast<SessionEnd>(Random(3));
    uint64_t written = 0;
    for (const auto& [delivery_id, out] : peer.out) written = Random(4) != 0 ? delivery_id : written;
    const bool alone = std::ranges::count_if(peer.out, [written](const auto& each) {
                         return !each.second.claimed && each.first <= written;
                       }) == 1;
    for (auto it = peer.out.begin(); it != peer.out.end();) {
      if (it->second.claimed) {
        Settled(messages_.at(it->second.message));
        ++it;
        continue;
      }
      if (it->first <= written) {
        LoseWorker(peer, it->second, how, alone);
      } else {
        messages_.at(it->second.message).state = State::kWaiting;
      }
      it = peer.out.erase(it);
    }
    peer.removed = true;
    dispatcher.RemoveSession(id, how, written);
  }

  void ClaimSome(SessionId id, Peer& peer) {
    std::vector<uint64_t> ids;
    for (const auto& [delivery_id, out] : peer.out) {
      if (Random(2) == 0) ids.push_back(delivery_id);
    }
    if (Random(4) == 0) ids.push_back(Random(1'000'000));
    auto claimed = dispatcher.Claim(id, ids);
    for (size_t i = 0; i < ids.size(); ++i) {
      auto it = peer.out.find(ids[i]);
      const bool expected = it != peer.out.end() && !it->second.claimed && !peer.removed;
      ASSERT_EQ(claimed[i].has_value(), expected);
      if (!expected) continue;
      EXPECT_EQ(claimed[i]->message.id.low, it->second.message);
      it->second.claimed = std::move(claimed[i]);
    }
  }

  void FinishSome(SessionId id, Peer& peer) {
    std::vector<Dispatcher::Finished> finished;
    for (auto it = peer.out.begin(); it != peer.out.end();) {
      if (!it->second.claimed || Random(4) == 0) {
        ++it;
        continue;
      }
      Known& known = messages_.at(it->second.message);
      const auto verdict = static_cast<Verdict>(Random(3) == 0 ? Random(4) : 0);
      const Millis after(verdict == Verdict::kRetry ? 1 + Random(3'000) : 0);
      known.state = State::kDone;
      if (verdict == Verdict::kReject || verdict == Verdict::kRetry) {
        known.must_die = ++known.attempts >= known.chain->options().max_attempts || verdict == Verdict::kReject;
        if (!known.must_die) {
          Settled(known);
          known.state = State::kDelayed;
          known.due = clock.Now() + after;
        }
      }
      finished.push_back(
          {.claimed = std::move(*it->second.claimed), .verdict = verdict, .retry_after = after, .reason = "r"});
      peer.bytes -= known.bytes;
      it = peer.out.erase(it);
    }
    dispatcher.Finish(id, std::move(finished));
  }

  void ExtendOne(SessionId id, Peer& peer) {
    if (peer.out.empty()) return;
    auto& [delivery_id, out] = *std::next(peer.out.begin(), static_cast<ptrdiff_t>(Random(peer.out.size())));
    const Millis lease(Random(40'000));
    const std::optional<Dispatcher::Extended> extended = dispatcher.Extend(id, delivery_id, lease);
    EXPECT_EQ(extended.has_value(), !out.claimed && !peer.removed);
    if (!extended) return;
    if (!std::exchange(out.begun, true)) out.delivered = clock.Now();
    const Millis most = messages_.at(out.message).chain->options().max_lease;
    out.lease_end = std::min(clock.Now() + std::max(lease, Millis(1'000)), out.delivered + most);
    EXPECT_EQ(extended->lease, out.lease_end - clock.Now());
    EXPECT_EQ(extended->clipped, extended->lease < lease);
  }

  void BeginSome(SessionId id, Peer& peer) {
    std::vector<uint64_t> ids;
    std::vector<uint64_t> stale;
    for (auto& [delivery_id, out] : peer.out) {
      if (Random(3) != 0) continue;
      ids.push_back(delivery_id);
      if (out.claimed || peer.removed) {
        stale.push_back(delivery_id);
      } else if (!std::exchange(out.begun, true)) {
        const ChainOptions& options = messages_.at(out.message).chain->options();
        out.delivered = clock.Now();
        out.lease_end = clock.Now() + (peer.lease == Millis(0) ? options.lease : peer.lease);
      }
    }
    EXPECT_EQ(dispatcher.Begin(id, ids), stale);
  }

  void PassTime() {
    clock.Advance(Millis(Random(Random(4) == 0 ? 8'000 : 500)));
    for (auto& [id, peer] : peers_) {
      for (auto it = peer.out.begin(); it != peer.out.end();) {
        if (it->second.claimed || it->second.lease_end > clock.Now()) {
          ++it;
          continue;
        }
        peer.bytes -= messages_.at(it->second.message).bytes;
        LoseLease(it->second);
        it = peer.out.erase(it);
      }
    }
    for (auto& [number, known] : messages_) {
      if (known.state == State::kDelayed && known.due <= clock.Now()) known.state = State::kWaiting;
    }
  }

  void Step() {
    const size_t what = Random(100);
    if (what < 30) return EnqueueSome();
    if (what < 45) return PassTime();
    if (what < 48) return AddPeer();
    if (what < 50) {
      paused_ == 0 ? dispatcher.Pause() : dispatcher.Resume();
      paused_ = 1 - paused_;
      return;
    }
    if (peers_.empty()) return;
    auto& [id, peer] = *std::next(peers_.begin(), static_cast<ptrdiff_t>(Random(peers_.size())));
    if (what < 52 && !peer.removed) return RemovePeer(id, peer);
    if (what < 56) {
      peer.window = RandomWindow();
      return dispatcher.SetWindow(id, peer.window);
    }
    if (what < 57) {
      peer.draining = true;
      return dispatcher.DrainSession(id);
    }
    if (what < 62) return ExtendOne(id, peer);
    if (what < 67) return BeginSome(id, peer);
    if (what < 80) return ClaimSome(id, peer);
    return FinishSome(id, peer);
  }

  // All that is left comes to an end, with one worker that acknowledges everything.
  void RunDry() {
    if (std::exchange(paused_, 0) != 0) dispatcher.Resume();
    Observe();
    for (auto& [id, peer] : peers_) {
      for (int i = 0; i < 100 && !peer.out.empty(); ++i) {
        ClaimSome(id, peer);
        FinishSome(id, peer);
        Observe();
      }
      if (!peer.removed) RemovePeer(id, peer);
      while (!peer.out.empty()) FinishSome(id, peer);
      Observe();
    }
    auto worker = Connect(chains, {.messages = 3, .bytes = 20});
    for (int i = 0; i < 10'000 && dispatcher.Backlog() > 0; ++i) {
      while (worker->taken() < worker->deliveries.size()) Settle(*worker, worker->Take().id, Verdict::kAck);
      Advance(Millis(100));
    }
    EXPECT_EQ(dispatcher.Backlog(), 0u) << "something is stuck";
  }

  std::mt19937 random_{GetParam().seed};
};

TEST_P(DispatcherModel, LosesNothingDoublesNothingAndKeepsOrderAndWindows) {
  for (const char* name : {"a", "b", "c"}) {
    ChainOptions options;
    options.max_attempts = 3;
    options.lease = Millis(5'000);
    options.max_lease = Millis(20'000);
    if (GetParam().bounded) {
      options.max_messages = 12;
      options.max_bytes = 200;
    }
    chains.push_back(&MakeChain(name, options));
  }
  for (int step = 0; step < 600 && !HasFailure(); ++step) {
    Step();
    Observe();
  }
  if (!HasFailure()) RunDry();
}

std::vector<ModelVariant> Variants() {
  std::vector<ModelVariant> variants;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    variants.push_back({.seed = seed, .bounded = seed % 4 >= 2, .byte_windows = seed % 2 == 1});
  }
  return variants;
}

INSTANTIATE_TEST_SUITE_P(Seeds, DispatcherModel, ::testing::ValuesIn(Variants()), [](const auto& param) {
  return std::to_string(param.param.seed) + (param.param.bounded ? "Bounded" : "") +
         (param.param.byte_windows ? "ByteWindows" : "");
});

}  // namespace
}  // namespace sluice
