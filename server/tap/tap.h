// Where those who look see messages pass, and where what has happened is kept for a while. The stages tell it, and ask
// first whether it is of any use, which is two relaxed loads for a batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/message/message_id.h"
#include "server/message/qos.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/tap/passing_note.h"
#include "server/tap/trace_ring.h"

namespace sluice {

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

  // `ring` keeps what is told, and outlives this; null: nothing does.
  explicit Tap(const Clock& clock, TraceRing* ring = nullptr) : clock_(clock), ring_(ring) {}
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  // ---- from the stages
  // Whether Tell() is of any use.
  bool on() const { return watched() || (ring_ != nullptr && ring_->on()); }
  // Whether somebody looks, who wants to know more than what is kept.
  bool watched() const { return watched_.load(std::memory_order_relaxed); }
  // Whether anybody wants to know of this message.
  bool Wants(MessageId id) const { return watched() || (ring_ != nullptr && ring_->Keeps(id)); }
  // A batch: `id_of(item)` is the message of each and `note_of(item)` its PassingNote, which may be called twice, or not
  // at all. Does not wait for those who look.
  template <typename Items, typename IdOf, typename NoteOf>
  void Tell(const Items& items, const IdOf& id_of, const NoteOf& note_of) {
    if (ring_ != nullptr && ring_->on()) ring_->Add(items, id_of, note_of);
    if (!watched()) return;
    for (const auto& item : items) Show(note_of(item));
  }
  void Tell(const PassingNote& note) {
    Tell(
        std::span(&note, 1), [](const PassingNote& one) { return one.message_id; },
        [](const PassingNote& one) -> const PassingNote& { return one; });
  }

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
  // To those who look.
  void Show(const PassingNote& note);
  void Close(const Viewer* viewer);

  const Clock& clock_;
  TraceRing* const ring_;
  std::atomic<bool> watched_ = false;
  Mutex mutex_;
  CondVar told_;
  std::vector<Viewer*> viewers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
