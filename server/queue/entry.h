// A message's place in the dispatcher, from Enqueue until it is settled, dropped or dead-lettered.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/queue/indexed_heap.h"
#include "server/queue/intrusive_list.h"
#include "server/route/route.h"
#include "server/runtime/clock.h"

namespace sluice {

struct ChainState;
struct KeyState;

// Where a QueueEntry stands; ChainQueue changes it.
enum class Place : uint8_t {
  kOut,       // In flight, claimed, or in nobody's hands yet.
  kReady,     // Next in line for a worker: unordered, or the first of its ordering key.
  kReturned,  // As kReady, but it has been with a worker before and goes first.
  kSuspect,   // Waits for a worker that holds nothing else.
  kBehind,    // Waits for its ordering key.
  kDelayed,   // Waits for its retry to be due.
  kParked,    // Waits until the connection that its replies go to has room.
};

struct QueueEntry {
  RoutedMessage message;
  ChainState* chain = nullptr;
  KeyState* key = nullptr;  // Null: unordered.
  uint64_t sequence = 0;    // Order of arrival.
  size_t bytes = 0;         // message->bytes(), kept because messages are claimed away.
  SteadyTime expires = kNever;
  SteadyTime received;             // message->received, kept likewise.
  ListLink<QueueEntry> link;       // Ready, returned, a suspect, or behind a key.
  ListLink<QueueEntry> qos0_link;  // Waiting messages of QoS 0.
  ListLink<QueueEntry>
      age_link;  // By arrival, waiting or not: of its chain, or of all that have no series of their own.
  uint32_t due_position = kNotInHeap;
  uint32_t expiry_position = kNotInHeap;
  Place place = Place::kOut;
  bool qos0 = false;
  bool age_of_others = false;  // Which of the two.
  bool was_out = false;        // Has been given to a worker before.
  bool suspect = false;        // May have been the end of a worker: is delivered alone.
  uint8_t losses = 0;          // Workers that were lost with it, since one has last settled it; held to 255.
};

// Recycles entries, so that the path does not allocate. Addresses are stable. Holds as many as were ever in use
// at once, which the bounds of the queues and windows limit.
class EntryPool {
 public:
  EntryPool() = default;
  EntryPool(const EntryPool&) = delete;
  EntryPool& operator=(const EntryPool&) = delete;

  QueueEntry& Allocate() {
    if (free_ == nullptr) Grow();
    QueueEntry& entry = *free_;
    free_ = entry.link.next;
    entry.link = {};
    return entry;
  }

  // Its message must have been moved away, so that no payload is freed under the dispatcher's lock.
  void Free(QueueEntry& entry) {
    entry.key = nullptr;
    entry.was_out = false;
    entry.suspect = false;
    entry.losses = 0;
    entry.link.next = free_;
    free_ = &entry;
  }

 private:
  static constexpr size_t kChunk = 256;

  void Grow() {
    auto& chunk = *chunks_.emplace_back(std::make_unique<std::array<QueueEntry, kChunk>>());
    for (size_t i = kChunk; i-- > 0;) {
      chunk[i].link.next = free_;
      free_ = &chunk[i];
    }
  }

  QueueEntry* free_ = nullptr;
  std::vector<std::unique_ptr<std::array<QueueEntry, kChunk>>> chunks_;
};

}  // namespace sluice
