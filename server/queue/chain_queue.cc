#include "server/queue/chain_queue.h"

#include <algorithm>

namespace sluice {

void ChainQueue::Add(QueueEntry& entry) {
  Join(entry);
  if (!entry.message.ordering_key.empty()) {
    auto [key, has_turn] = keys_.FindOrInsert(entry.message.ordering_key);
    entry.key = key;
    if (!has_turn) {
      entry.place = Place::kBehind;
      key->behind.PushBack(entry);
      return;
    }
  }
  entry.place = entry.suspect ? Place::kSuspect : Place::kReady;
  (entry.suspect ? suspects_ : ready_).PushBack(entry);
}

void ChainQueue::PutBack(std::vector<QueueEntry*>& entries) {
  LineUp(entries);
  for (QueueEntry* entry : entries) Join(*entry);
}

void ChainQueue::LineUp(std::vector<QueueEntry*>& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const QueueEntry* a, const QueueEntry* b) { return a->sequence < b->sequence; });
  QueueEntry* next_returned = returned_.front();
  QueueEntry* next_suspect = suspects_.front();
  for (QueueEntry* entry : entries) {
    List& list = entry->suspect ? suspects_ : returned_;
    QueueEntry*& position = entry->suspect ? next_suspect : next_returned;
    while (position != nullptr && position->sequence < entry->sequence) position = list.Next(*position);
    list.InsertBefore(position, *entry);
    entry->place = entry->suspect ? Place::kSuspect : Place::kReturned;
  }
}

void ChainQueue::Delay(QueueEntry& entry, SteadyTime due) {
  entry.place = Place::kDelayed;
  timers_.due.Push(entry, due);
  Join(entry);
}

void ChainQueue::ReleaseDue(QueueEntry& entry) {
  timers_.due.Remove(entry);
  Leave(entry);
}

void ChainQueue::Park(QueueEntry& entry) {
  (entry.place == Place::kSuspect ? suspects_ : entry.place == Place::kReturned ? returned_ : ready_).Remove(entry);
  entry.place = Place::kParked;
  parked_.PushBack(entry);
  ++parked_messages_;
}

void ChainQueue::Take(QueueEntry& entry) {
  (entry.place == Place::kSuspect ? suspects_ : entry.place == Place::kReturned ? returned_ : ready_).Remove(entry);
  Leave(entry);
}

void ChainQueue::Drop(QueueEntry& entry) {
  const Place place = entry.place;
  Leave(entry);
  switch (place) {
    case Place::kOut:
      break;
    case Place::kBehind:
      entry.key->behind.Remove(entry);
      break;
    case Place::kDelayed:
      timers_.due.Remove(entry);
      Release(entry);
      break;
    case Place::kParked:
      parked_.Remove(entry);
      --parked_messages_;
      if (entry.key != nullptr) PassTurn(*entry.key, ready_.front());
      break;
    case Place::kSuspect:
    case Place::kReturned:
      (place == Place::kSuspect ? suspects_ : returned_).Remove(entry);
      if (entry.key != nullptr) PassTurn(*entry.key, ready_.front());
      break;
    case Place::kReady: {
      // The next of the key inherits the place in the line.
      QueueEntry* position = ready_.Next(entry);
      ready_.Remove(entry);
      if (entry.key != nullptr) PassTurn(*entry.key, position);
      break;
    }
  }
}

void ChainQueue::Release(QueueEntry& entry) {
  if (entry.key != nullptr) PassTurn(*entry.key, nullptr);
}

std::optional<bool> ChainQueue::PressureChange() {
  if (!pressed_) {
    const size_t high_messages = std::max<size_t>(options_->max_messages - options_->max_messages / 5, 1);
    const size_t high_bytes = std::max<size_t>(options_->max_bytes - options_->max_bytes / 5, 1);
    if (kept_messages_ < high_messages && kept_bytes_ < high_bytes) return std::nullopt;
  } else if (kept_messages_ > options_->max_messages / 2 || kept_bytes_ > options_->max_bytes / 2) {
    return std::nullopt;
  }
  pressed_ = !pressed_;
  return pressed_;
}

void ChainQueue::Join(QueueEntry& entry) {
  ++messages_;
  bytes_ += entry.bytes;
  if (entry.qos0) {
    (entry.was_out ? qos0_returned_ : qos0_).PushBack(entry);
  } else {
    ++kept_messages_;
    kept_bytes_ += entry.bytes;
  }
  if (entry.expires != kNever) timers_.expiry.Push(entry, entry.expires);
}

void ChainQueue::Leave(QueueEntry& entry) {
  --messages_;
  bytes_ -= entry.bytes;
  if (entry.qos0) {
    (entry.was_out ? qos0_returned_ : qos0_).Remove(entry);
  } else {
    --kept_messages_;
    kept_bytes_ -= entry.bytes;
  }
  timers_.expiry.Remove(entry);
  entry.place = Place::kOut;
}

void ChainQueue::PassTurn(KeyState& key, QueueEntry* position) {
  QueueEntry* next = key.behind.front();
  if (next == nullptr) {
    keys_.Erase(key);
    return;
  }
  key.behind.Remove(*next);
  next->place = next->suspect ? Place::kSuspect : Place::kReady;
  if (next->suspect) {
    suspects_.PushBack(*next);
  } else {
    ready_.InsertBefore(position, *next);
  }
}

}  // namespace sluice
