// Sessions that no configuration uses any more: what still waits in one at the broker is taken in, then it is ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/mqtt/intake.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"

namespace sluice {

// Between the connection to such a session and its router: knows when messages came last. Thread-safe.
class LeavingSink final : public InboundSink {
 public:
  explicit LeavingSink(std::unique_ptr<InboundSink> next) : next_(std::move(next)), at_most_once_(*this) {}

  absl::Status OnMessages(std::span<InboundMessage> batch) override {
    taken_.fetch_add(1, std::memory_order_relaxed);
    return next_->OnMessages(batch);
  }
  InboundSink* AtMostOnce() override { return next_->AtMostOnce() == nullptr ? nullptr : &at_most_once_; }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override { return next_->OnReleased(packet_ids); }
  std::vector<uint16_t> UnreleasedPackets() override { return next_->UnreleasedPackets(); }
  absl::Status OnSessionLost() override { return next_->OnSessionLost(); }

  // Batches so far.
  uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  class AtMostOnceSink final : public InboundSink {
   public:
    explicit AtMostOnceSink(LeavingSink& leaving) : leaving_(leaving) {}
    absl::Status OnMessages(std::span<InboundMessage> batch) override {
      leaving_.taken_.fetch_add(1, std::memory_order_relaxed);
      return leaving_.next_->AtMostOnce()->OnMessages(batch);
    }

   private:
    LeavingSink& leaving_;
  };

  const std::unique_ptr<InboundSink> next_;
  std::atomic<uint64_t> taken_{0};
  AtMostOnceSink at_most_once_;
};

// A connection takes the session up as it is, and unsubscribes from all that it holds; not before those that take its
// messages in its place are there, or what is published in between would be nobody's. Once that is done and nothing has come
// for a while, the session is ended. If the process ends before that, the next one begins anew.
class SessionLeaver final : public Tickable {
 public:
  struct Leaving {
    std::string name;  // Of the connection.
    std::string client_id;
    std::unique_ptr<LeavingSink> sink;
    std::unique_ptr<IntakeConnection> connection;  // Its subscriptions are all remainders.
    // Whether those that take its messages now have subscribed. Of the ticker's thread. After a minute it is left anyway: its
    // messages would come twice for as long as the broker refuses one of their subscriptions.
    std::function<bool()> may_begin;
    std::function<std::unique_ptr<SessionFarewell>()> end;
  };

  explicit SessionLeaver(const Clock& clock) : clock_(clock) {}

  // It connects in a Tick after Start() and after may_begin(). The next Tick is to come soon.
  void Add(Leaving leaving);
  void Start();
  // Somebody takes the session of this client id up: nobody leaves it any more. Returns the names of the connections that
  // did, which are gone.
  std::vector<std::string> GiveUp(const std::string& client_id);

  SteadyTime Tick(SteadyTime now) override;
  // Gives up what has not been done, at the latest at `deadline`. From then on a Tick does nothing.
  void Stop(SteadyTime deadline);

 private:
  struct Entry {
    Leaving leaving;
    SteadyTime added{};
    bool begun = false;
    uint64_t taken = 0;  // When it was last looked at,
    SteadyTime since{};  // and since when it is that, with nothing left to unsubscribe from.
    std::unique_ptr<SessionFarewell> end = nullptr;
  };

  const Clock& clock_;

  Mutex mutex_;  // Held over Tick() and Stop(), which wait for connections.
  std::vector<Entry> all_ ABSL_GUARDED_BY(mutex_);
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
