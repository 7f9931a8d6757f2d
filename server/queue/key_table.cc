#include "server/queue/key_table.h"

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace sluice {
namespace {

constexpr size_t kFirstBuckets = 16;
// Longer texts are not kept in recycled nodes.
constexpr size_t kKeptCapacity = 256;

}  // namespace

KeyTable::KeyTable() : buckets_(kFirstBuckets, nullptr) {}

std::pair<KeyState*, bool> KeyTable::FindOrInsert(std::string_view key) {
  // Abseil's own string_view: for std's, a build of it for C++14 falls back to std::hash, which is slower, and not
  // seeded against topics chosen to collide.
  const uint64_t hash = absl::HashOf(absl::string_view(key.data(), key.size()));
  KeyState** bucket = &buckets_[hash & (buckets_.size() - 1)];
  for (KeyState* state = *bucket; state != nullptr; state = state->next) {
    if (state->hash == hash && state->key == key) return {state, false};
  }
  if (size_ >= buckets_.size()) {
    Rehash();
    bucket = &buckets_[hash & (buckets_.size() - 1)];
  }
  KeyState* state = free_;
  if (state != nullptr) {
    free_ = state->next;
  } else {
    state = &nodes_.emplace_back();
  }
  state->key.assign(key);
  state->hash = hash;
  state->worker = 0;
  state->next = *bucket;
  *bucket = state;
  ++size_;
  return {state, true};
}

void KeyTable::Erase(KeyState& state) {
  KeyState** at = &buckets_[state.hash & (buckets_.size() - 1)];
  while (*at != &state) at = &(*at)->next;
  *at = state.next;
  if (state.key.capacity() > kKeptCapacity) std::string().swap(state.key);
  state.next = free_;
  free_ = &state;
  --size_;
}

void KeyTable::Rehash() {
  std::vector<KeyState*> larger(buckets_.size() * 2, nullptr);
  for (KeyState* state : buckets_) {
    while (state != nullptr) {
      KeyState* next = state->next;
      KeyState*& bucket = larger[state->hash & (larger.size() - 1)];
      state->next = bucket;
      bucket = state;
      state = next;
    }
  }
  buckets_ = std::move(larger);
}

}  // namespace sluice
