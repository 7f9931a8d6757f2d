// The journal that keeps nothing: it names and counts records, and promises nothing across the end of the process.
// A worker or the broker may die and nothing acknowledged is lost; the gateway must not. The gateway
// says so in its log when it starts with it.
#pragma once

#include <atomic>
#include <set>

#include "server/journal/journal.h"
#include "server/runtime/mutex.h"

namespace sluice {

class MemoryJournal final : public Journal {
 public:
  absl::Status Append(std::span<RoutedMessage> batch) override;
  absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) override;
  void Confirm(std::span<const RecordId> outbox_records) override;
  absl::Status DeadLetter(std::span<const DeadLetterNote> notes) override;
  Depth depth() const override;

 private:
  std::atomic<RecordId> next_{1};
  std::atomic<size_t> ingress_{0};
  std::atomic<size_t> outbox_{0};
  std::atomic<size_t> dead_{0};

  Mutex mutex_;
  std::set<RecordId> dead_letters_ ABSL_GUARDED_BY(mutex_);  // Few: they are on their way out.
};

}  // namespace sluice
