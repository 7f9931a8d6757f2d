// The load the null broker makes itself: what it sends to which subscriber when, and what has come back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/meter.h"
#include "bench/null_broker/session.h"

namespace sluice::bench {

struct LoadOptions {
  uint8_t qos = 0;
  size_t payload_bytes = 128;  // At least SequenceBook::kTextSize.
  // Messages sent and not answered, over all subscribers; 0: no bound but the windows and the sockets.
  size_t outstanding = 1000;
  // The most messages a second, over all subscribers; what a stall has held back is made up for. 0: no bound.
  double rate = 0;
  // Whether a message counts as answered when its payload is published by a client. Else when it was acknowledged (QoS
  // 1, 2) or taken by the socket's buffer (QoS 0).
  bool expect_replies = true;
  std::string topic = "bench/in";
  size_t topics = 1;       // 1: `topic` itself; more: `topic`/0, `topic`/1, …, in turn.
  size_t subscribers = 1;  // The load begins when so many have subscribed; later ones get nothing.
  RunLength length;        // `count`: messages to each subscriber.
};

// Not thread-safe.
class LoadSource final : public SessionListener {
 public:
  explicit LoadSource(LoadOptions options);

  void OnSubscriptions(Session& session) override;
  void OnPublish(Session& session, const PublishPacket& packet) override;
  void OnConfirmed(Session& session, size_t count) override;
  void OnClosed(Session& session);

  // All subscribers are there.
  bool ready() const;
  void Start(int64_t now) {
    began_ = now;
    run_.Start(now);
  }
  // The time for whatever comes next; goes on to the next phase.
  void SetNow(int64_t now);
  // Appends messages to the subscribers' out(), as many as windows, bounds and a full batch allow.
  void Fill();
  // How long to wait where nothing comes: a phase, or the rate, may be overdue by this.
  int PauseMillis() const { return options_.rate > 0 ? 1 : 5; }
  // Whether Fill() would append something now.
  bool HasMore() const;
  void Stop(int64_t now) { run_.Stop(now, answered()); }
  bool started() const { return run_.phase() != SteadyRun::Phase::kIdle; }
  bool done() const { return run_.phase() == SteadyRun::Phase::kDone; }

  JsonObject Result() const;

 private:
  // A subscriber's share of the load: messages slot, slot + n, slot + 2n, … of n subscribers. A client that comes back
  // takes the free slot and goes on in it.
  struct Slot {
    Session* session = nullptr;
    std::vector<Session::Template> templates;
    uint64_t sent = 0;
    uint64_t answered = 0;
    uint64_t given_up = 0;  // Unanswered when the subscriber left: they no longer count as outstanding.
    uint64_t outstanding() const { return sent - std::min(sent, answered + given_up); }
  };

  uint64_t answered() const { return options_.expect_replies ? book_.answered() : confirmed_; }
  const Session::Template& Next(const Slot& slot) const { return slot.templates[slot.sent % slot.templates.size()]; }
  bool MaySend(const Slot& slot) const;
  bool IsDue() const {
    return options_.rate <= 0 ||
           static_cast<double>(book_.sent()) < 1e-9 * static_cast<double>(now_ - began_) * options_.rate;
  }
  void FillSlot(size_t index);

  const LoadOptions options_;
  const std::string payload_;
  std::vector<std::string> topics_;
  std::vector<Slot> slots_;
  SteadyRun run_;
  SequenceBook book_;
  LatencyHistogram latency_;
  int64_t now_ = 0;
  int64_t began_ = 0;
  int64_t last_answer_ = 0;  // In the steady part; 0: none yet.
  int64_t largest_gap_ = 0;  // Between two answers of the steady part, in ns.
  uint64_t confirmed_ = 0;
  uint64_t disconnects_ = 0;
};

}  // namespace sluice::bench
