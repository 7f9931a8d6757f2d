// What one session has in flight, found by delivery id without a search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/queue/entry.h"
#include "server/runtime/clock.h"

namespace sluice {

// A delivery id is a number that grows with every delivery of the process, and below it the slot of its session's
// table: ids are never reused, those of a session grow, and looking one up is indexing an array.
class InFlightTable {
 public:
  static constexpr unsigned kSlotBits = 20;
  static constexpr uint32_t kMaxSlots = 1u << kSlotBits;

  struct Slot {
    uint64_t id = 0;  // 0: free.
    QueueEntry* entry = nullptr;
    SteadyTime delivered;
    SteadyTime lease_end;
    bool claimed = false;  // Settled by the worker, not yet finished: has no lease any more.
  };

  // `sequence` grows with every call, from 1. At most kMaxSlots are in use. The reference holds until the next Add.
  Slot& Add(uint64_t sequence, QueueEntry& entry) {
    uint32_t index = 0;
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else {
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    }
    ++size_;
    Slot& slot = slots_[index];
    slot.id = sequence << kSlotBits | index;
    slot.entry = &entry;
    slot.claimed = false;
    return slot;
  }

  // Null when it is not of this session or no more.
  Slot* Find(uint64_t id) {
    const size_t index = id & (kMaxSlots - 1);
    return index < slots_.size() && slots_[index].id == id && id != 0 ? &slots_[index] : nullptr;
  }

  void Remove(Slot& slot) {
    free_.push_back(static_cast<uint32_t>(slot.id & (kMaxSlots - 1)));
    slot.id = 0;
    --size_;
  }

  size_t size() const { return size_; }
  // With free ones among them; Remove() is allowed while iterating.
  std::vector<Slot>& slots() { return slots_; }

 private:
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;  // Last used first: it is in the cache.
  size_t size_ = 0;
};

}  // namespace sluice
