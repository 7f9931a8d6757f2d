// What one session has in flight, found by delivery id without a search.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/journal/in_hand.h"
#include "server/queue/entry.h"
#include "server/runtime/clock.h"

namespace sluice {

// A delivery id is the number of the delivery, counted over the process: never reused, growing, and below 2^53 for
// centuries at any rate, so that a JavaScript number holds it.
class InFlightTable {
 public:
  static constexpr uint32_t kMaxSlots = 1u << 20;

  struct Slot {
    uint64_t id = 0;  // 0: free.
    QueueEntry* entry = nullptr;
    SteadyTime delivered;  // Its lease, or its wait for the worker to begin, counts from here.
    SteadyTime lease_end;  // Or of the wait.
    bool begun = false;    // The worker has said so, or says nothing of that kind.
    InHand::Place in_hand = InHand::kNowhere;
    bool claimed = false;  // Settled by the worker, not yet finished: has no lease any more.
  };

  // `id` is above those before it. At most kMaxSlots are in use. The reference holds until the next Add.
  Slot& Add(uint64_t id, QueueEntry& entry) {
    if (2 * (size_ + 1) > index_.size()) GrowIndex();
    uint32_t position = 0;
    if (!free_.empty()) {
      position = free_.back();
      free_.pop_back();
    } else {
      position = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    }
    ++size_;
    Slot& slot = slots_[position];
    slot.id = id;
    slot.entry = &entry;
    slot.begun = false;
    slot.claimed = false;
    Insert({id, position});
    return slot;
  }

  // Null when it is not of this session or no more.
  Slot* Find(uint64_t id) {
    if (size_ == 0 || id == 0) return nullptr;
    for (size_t at = Home(id);; at = Next(at)) {
      if (index_[at].id == id) return &slots_[index_[at].position];
      if (index_[at].id == 0) return nullptr;
    }
  }

  void Remove(Slot& slot) {
    size_t hole = Home(slot.id);
    while (index_[hole].id != slot.id) hole = Next(hole);
    free_.push_back(index_[hole].position);
    // What was pushed behind the hole by it moves up.
    for (size_t at = Next(hole); index_[at].id != 0; at = Next(at)) {
      const size_t home = Home(index_[at].id);
      if (((at - home) & Mask()) < ((at - hole) & Mask())) continue;
      index_[hole] = index_[at];
      hole = at;
    }
    index_[hole] = {};
    slot.id = 0;
    --size_;
  }

  size_t size() const { return size_; }
  // With free ones among them; Remove() is allowed while iterating.
  std::vector<Slot>& slots() { return slots_; }

 private:
  // Open addressing with linear probing; at most half of them are taken.
  struct Bucket {
    uint64_t id = 0;  // 0: free.
    uint32_t position = 0;
  };

  size_t Mask() const { return index_.size() - 1; }
  size_t Next(size_t at) const { return (at + 1) & Mask(); }
  // Fibonacci hashing: with many sessions, the ids of one share their low bits.
  size_t Home(uint64_t id) const { return static_cast<size_t>((id * 0x9E37'79B9'7F4A'7C15u) >> shift_); }

  void Insert(Bucket bucket) {
    size_t at = Home(bucket.id);
    while (index_[at].id != 0) at = Next(at);
    index_[at] = bucket;
  }

  void GrowIndex() {
    const size_t size = index_.empty() ? 16 : 2 * index_.size();
    const std::vector<Bucket> old = std::exchange(index_, std::vector<Bucket>(size));
    shift_ = 64u - static_cast<unsigned>(std::countr_zero(size));
    for (const Bucket& bucket : old) {
      if (bucket.id != 0) Insert(bucket);
    }
  }

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;  // Last used first: it is in the cache.
  std::vector<Bucket> index_;
  unsigned shift_ = 0;
  size_t size_ = 0;
};

}  // namespace sluice
