// Drives a sink that waits for a disk, so that the thread of a connection need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/mqtt/intake.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice::wire {

// Hands one connection's messages, and what the broker says of its session, to the sink in their order, on a thread of
// its own. What comes while the sink is at work goes to it together, in the next call. What it does not take is offered
// again, five times a second, before all that came later.
//
// Thread-safe; Add(), Abandon() and TakeNews() are the connection's thread's.
class Taker {
 public:
  enum class Session : uint8_t { kKept, kForeign, kLost };
  // What one read brought, in the order in which the sink is told.
  struct Turn {
    Session session = Session::kKept;
    std::vector<uint16_t> released;                     // Packets of QoS 2.
    std::vector<std::pair<std::string, bool>> filters;  // Granted, or (false) left as a remainder.
    std::vector<InboundMessage> messages;

    bool empty() const { return session == Session::kKept && released.empty() && filters.empty() && messages.empty(); }
  };
  struct News {
    // Turns since the last news, in their order: so many were taken, or (false) never will be, since their connection is
    // gone.
    std::vector<std::pair<size_t, bool>> turns;
    std::vector<std::string> remainders;  // See InboundSink::TakeRemainders().
    std::optional<std::string> refusal;   // Why the sink does not take what is next; none: it does.
  };

  // `on_news`: from the thread, once for what TakeNews() then tells. The sink outlives Stop().
  Taker(InboundSink& sink, std::function<void()> on_news);
  ~Taker() { Stop(); }
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;

  void Add(Turn turn);
  // The connection is gone. Turns that the sink has not been given are forgotten, but for what they say of the session;
  // so many. One that it refuses is, too, which the news tell.
  size_t Abandon();
  News TakeNews();
  // The sink has not heard yet that the session is another one.
  bool SessionUntold();
  // The connection's thread adds no more.
  void NoMore();
  // Waits until there is no more and all is taken, with on_news() called; or for `deadline`.
  void Flush(const Clock& clock, SteadyTime deadline);
  // Waits for the call of the sink that is under way; none follows. What is left is forgotten. Idempotent; one at a time.
  void Stop();

 private:
  struct Entry {
    Turn turn;
    size_t turns = 1;  // That it is made of.
  };

  void Run();
  // The next turns, as one.
  Entry Join() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the sink took of it is not offered again.
  absl::Status Offer(Turn& turn);
  // Of one whose connection is gone: what is left to be told.
  static void Strip(Entry& entry);
  // Calls on_news_, without the lock.
  void Tell();

  InboundSink& sink_;
  const std::function<void()> on_news_;

  Mutex mutex_;
  CondVar work_;
  CondVar done_;
  std::deque<Entry> queue_ ABSL_GUARDED_BY(mutex_);
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool telling_session_ ABSL_GUARDED_BY(mutex_) = false;  // It is being worked at.
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;        // What is being worked at.
  bool no_more_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // And the news not taken yet.
  News news_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace sluice::wire
