// Where those who look see messages pass. The stages tell it what happens, and ask first whether anybody looks, which is
// one relaxed load for a batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/message/message.h"
#include "server/message/message_id.h"
#include "server/message/qos.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"

namespace sluice {

// The numbers are PassingStep's.
enum class PassingStep : uint8_t {
  kReceived = 1,
  kDelivered = 2,
  kSettled = 3,
  kReplied = 4,
  kConfirmed = 5,
  kDied = 6,
};

// What a stage tells. The views need to hold only while it does.
struct PassingNote {
  PassingStep step = PassingStep::kReceived;
  MessageId message_id;
  std::string_view topic;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::string_view connection;
  std::string_view chain;
  std::string_view worker;
  uint32_t attempt = 0;
  std::string_view outcome;
  std::string_view detail;
  std::string_view payload;
};

// What a message itself says. `route` null, `chain` of none: it has none.
PassingNote NoteOf(PassingStep step, const Message& message, MessageId id, const Route* route, const ChainRef& chain);

// What is kept of it for somebody.
struct PassingEvent {
  PassingStep step = PassingStep::kReceived;
  int64_t at_unix_ms = 0;
  MessageId message_id;
  std::string topic;
  Qos qos = Qos::kAtMostOnce;
  bool retain = false;
  std::string connection;
  std::string chain;
  std::string worker;
  uint32_t attempt = 0;
  std::string outcome;
  std::string detail;
  uint64_t payload_bytes = 0;
  std::string payload;  // The first ones of them.

  size_t bytes() const;
};

// Empty strings and no steps: any.
struct TapFilter {
  std::string topic;  // With MQTT's wildcards.
  std::string chain;
  std::string worker;
  std::string outcome;
  std::vector<PassingStep> steps;
  uint32_t rate = 100;       // A second, at least 1.
  size_t payload_bytes = 0;  // Of each.

  bool Matches(const PassingNote& note) const;
};

// Thread-safe.
class Tap {
 public:
  // Those who look at once.
  static constexpr size_t kMostViewers = 4;
  // What one of them has not fetched yet.
  static constexpr size_t kMostEvents = 1'024;
  static constexpr size_t kMostBytes = 4u << 20;

  explicit Tap(const Clock& clock) : clock_(clock) {}
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  // ---- from the stages
  // Whether Tell() is of any use.
  bool on() const { return on_.load(std::memory_order_relaxed); }
  // Does not wait for those who look.
  void Tell(const PassingNote& note);

  // ---- from those who look
  class Viewer {
   public:
    Viewer(TapFilter filter, SteadyTime now) : filter_(std::move(filter)), tokens_(filter_.rate), filled_(now) {}

   private:
    friend class Tap;
    const TapFilter filter_;
    // All of the tap's mutex.
    std::deque<PassingEvent> events_;
    size_t bytes_ = 0;
    uint64_t dropped_ = 0;
    double tokens_;
    SteadyTime filled_;
  };
  // RESOURCE_EXHAUSTED: kMostViewers look already. It looks until the pointer goes.
  absl::StatusOr<std::shared_ptr<Viewer>> Open(TapFilter filter);
  struct Seen {
    std::vector<PassingEvent> events;
    uint64_t dropped = 0;  // Since the last call.
  };
  // Waits until there is something, or for `deadline`.
  Seen Take(Viewer& viewer, SteadyTime deadline);

 private:
  void Close(const Viewer* viewer);

  const Clock& clock_;
  std::atomic<bool> on_ = false;
  Mutex mutex_;
  CondVar told_;
  std::vector<Viewer*> viewers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
