#include "server/journal/memory_journal.h"

namespace sluice {

absl::Status MemoryJournal::Append(std::span<RoutedMessage> batch) {
  size_t taken = 0;
  for (RoutedMessage& routed : batch) {
    if (routed.message->qos == Qos::kAtMostOnce) continue;
    routed.record = next_.fetch_add(1, std::memory_order_relaxed);
    ++taken;
  }
  ingress_.fetch_add(taken, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status MemoryJournal::Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) {
  size_t ended = 0;
  for (RecordId record : records) ended += record != 0 ? 1 : 0;
  if (dead_.load(std::memory_order_relaxed) != 0) {
    MutexLock lock(mutex_);
    size_t dead = 0;
    for (RecordId record : records) dead += dead_letters_.erase(record);
    dead_.fetch_sub(dead, std::memory_order_relaxed);
    ended -= dead;
  }
  for (OutboxEntry& reply : replies) reply.record = next_.fetch_add(1, std::memory_order_relaxed);
  ingress_.fetch_sub(ended, std::memory_order_relaxed);
  outbox_.fetch_add(replies.size(), std::memory_order_relaxed);
  return absl::OkStatus();
}

void MemoryJournal::Confirm(std::span<const RecordId> outbox_records) {
  outbox_.fetch_sub(outbox_records.size(), std::memory_order_relaxed);
}

absl::Status MemoryJournal::DeadLetter(std::span<const DeadLetterNote> notes) {
  MutexLock lock(mutex_);
  for (const DeadLetterNote& note : notes) {
    if (note.record == 0 || !dead_letters_.insert(note.record).second) continue;
    ingress_.fetch_sub(1, std::memory_order_relaxed);
    dead_.fetch_add(1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

Journal::Depth MemoryJournal::depth() const {
  return {.ingress_messages = ingress_.load(std::memory_order_relaxed),
          .outbox_messages = outbox_.load(std::memory_order_relaxed),
          .dead_letters = dead_.load(std::memory_order_relaxed)};
}

}  // namespace sluice
