#include "server/reply/connection_levels.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr uint64_t kAll = 4;    // Times one bound: what all together may hold.
constexpr uint64_t kPart = 16;  // Of its own bound, the part that each has in any case.
constexpr uint64_t kTwice = 2;  // Times a bound: overdrawn.

constexpr uint64_t Less(uint64_t from, uint64_t what) { return from > what ? from - what : 0; }
Fill Less(Fill from, Fill what) { return {Less(from.messages, what.messages), Less(from.bytes, what.bytes)}; }
Fill Times(Fill fill, uint64_t times) { return {fill.messages * times, fill.bytes * times}; }
Fill PartOf(Fill fill) {
  return {std::max<uint64_t>(fill.messages / kPart, 1), std::max<uint64_t>(fill.bytes / kPart, 1)};
}
bool Reaches(Fill held, Fill bound) { return held.messages >= bound.messages || held.bytes >= bound.bytes; }

}  // namespace

ConnectionLevels::ConnectionLevels(Fill bound, OnFull on_full)
    : bound_(bound),
      all_bound_(Times(bound, kAll)),
      part_(PartOf(bound)),
      own_(bound_, 100, 50),
      all_(all_bound_, 100, 50),
      of_part_(part_, 100, 50),
      on_full_(std::move(on_full)) {}

size_t ConnectionLevels::Add(const std::string& connection) {
  MutexLock lock(mutex_);
  const auto [number, is_new] = numbers_.try_emplace(connection, levels_.size());
  if (is_new) levels_.emplace_back().name = connection;
  return number->second;
}

size_t ConnectionLevels::Number(std::string_view connection) const {
  MutexLock lock(mutex_);
  return NumberLocked(connection);
}

size_t ConnectionLevels::NumberLocked(std::string_view connection) const {
  const auto found = numbers_.find(connection);
  return found == numbers_.end() ? 0 : found->second;
}

size_t ConnectionLevels::Take(std::string_view connection, Fill fill) {
  bool turned = false;
  size_t number = 0;
  {
    MutexLock lock(mutex_);
    number = NumberLocked(connection);
    turned = TakeLocked(levels_[number], fill);
  }
  if (turned) Tell();
  return number;
}

void ConnectionLevels::Take(size_t connection, Fill fill) {
  bool turned = false;
  {
    MutexLock lock(mutex_);
    turned = TakeLocked(levels_[connection], fill);
  }
  if (turned) Tell();
}

bool ConnectionLevels::TakeLocked(Level& level, Fill fill) {
  for (Fill* held : {&held_, &level.held}) {
    held->messages += fill.messages;
    held->bytes += fill.bytes;
  }
  return Turned(level);
}

void ConnectionLevels::Release(size_t connection, Fill fill) {
  bool turned = false;
  {
    MutexLock lock(mutex_);
    for (Fill* held : {&held_, &levels_[connection].held}) {
      held->messages -= fill.messages;
      held->bytes -= fill.bytes;
    }
    turned = Turned(levels_[connection]);
  }
  if (turned) Tell();
}

Fill ConnectionLevels::held() const {
  MutexLock lock(mutex_);
  return held_;
}

Fill ConnectionLevels::held(size_t connection) const {
  MutexLock lock(mutex_);
  return levels_[connection].held;
}

bool ConnectionLevels::full(size_t connection) const {
  MutexLock lock(mutex_);
  return levels_[connection].full;
}

bool ConnectionLevels::overdrawn(size_t connection) const {
  MutexLock lock(mutex_);
  const Level& level = levels_[connection];
  return Reaches(level.held, Times(bound_, kTwice)) || (level.full && Reaches(held_, Times(all_bound_, kTwice)));
}

Fill ConnectionLevels::room(size_t connection) const {
  MutexLock lock(mutex_);
  const Level& level = levels_[connection];
  if (level.full) return {};
  const Fill own = Less(bound_, level.held);
  const Fill part = Less(part_, level.held);
  const Fill all = all_full_ ? Fill{} : Less(all_bound_, held_);
  return {.messages = std::min(own.messages, std::max(part.messages, all.messages)),
          .bytes = std::min(own.bytes, std::max(part.bytes, all.bytes))};
}

bool ConnectionLevels::Turned(Level& level) {
  const bool were_full = std::exchange(all_full_, all_.IsFull(held_, all_full_));
  level.own_full = own_.IsFull(level.held, level.own_full);
  level.over_part = of_part_.IsFull(level.held, level.over_part);
  if (were_full == all_full_) return Look(level);
  bool turned = false;
  for (Level& each : levels_) turned |= Look(each);
  return turned;
}

bool ConnectionLevels::Look(Level& level) {
  const bool was_full = std::exchange(level.full, level.own_full || (all_full_ && level.over_part));
  if (was_full == level.full) return false;
  full_count_.fetch_add(level.full ? 1 : -1, std::memory_order_relaxed);
  return true;
}

void ConnectionLevels::Tell() {
  MutexLock tell_lock(tell_mutex_);
  // Turns may arrive here in any order; what counts is how it stands now.
  std::vector<std::pair<std::string, bool>> news;
  {
    MutexLock lock(mutex_);
    for (Level& level : levels_) {
      if (std::exchange(level.told, level.full) != level.full) news.emplace_back(level.name, level.full);
    }
  }
  for (const auto& [connection, full] : news) on_full_(connection, full);
}

}  // namespace sluice
