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
  for (OutboxEntry& reply : replies) reply.record = next_.fetch_add(1, std::memory_order_relaxed);
  ingress_.fetch_sub(ended, std::memory_order_relaxed);
  outbox_.fetch_add(replies.size(), std::memory_order_relaxed);
  return absl::OkStatus();
}

void MemoryJournal::Confirm(std::span<const RecordId> outbox_records) {
  outbox_.fetch_sub(outbox_records.size(), std::memory_order_relaxed);
}

Journal::Depth MemoryJournal::depth() const {
  return {ingress_.load(std::memory_order_relaxed), outbox_.load(std::memory_order_relaxed)};
}

}  // namespace sluice
