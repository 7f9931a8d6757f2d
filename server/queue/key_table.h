// The ordering keys of one chain that are busy: which message has the key's turn, and which wait behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/queue/entry.h"

namespace sluice {

// Exists while one message of the key waits for delivery, for its retry, or is in flight: the holder of the turn.
struct KeyState {
  std::string key;
  uint64_t hash = 0;
  KeyState* next = nullptr;                             // In its bucket, or in the free list.
  IntrusiveList<QueueEntry, &QueueEntry::link> behind;  // In order of arrival.
  uint64_t worker = 0;                                  // Session that had the turn last; 0: none.
};

// A hash table with recycled nodes: a key comes and goes with every message at low load, which must not allocate.
class KeyTable {
 public:
  KeyTable();
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // The second: it is new, so the caller's message has the turn.
  std::pair<KeyState*, bool> FindOrInsert(std::string_view key);
  // Nothing waits behind it. The pointer is invalid afterwards.
  void Erase(KeyState& state);
  size_t size() const { return size_; }

 private:
  void Rehash();

  std::vector<KeyState*> buckets_;  // A power of two of them.
  std::deque<KeyState> nodes_;
  KeyState* free_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sluice
