// A journal that dies at its failpoints.
#pragma once

#include "server/journal/journal.h"
#include "tests/failpoints/failpoint.h"
#include "tests/failpoints/poison.h"

namespace sluice {

// As thread-safe as the journal behind it.
class FailpointJournal final : public Journal {
 public:
  FailpointJournal(Journal& inner, Failpoint& failpoint, const Poison& poison)
      : inner_(inner), failpoint_(failpoint), poison_(poison) {}

  bool waits_for_disk() const override { return inner_.waits_for_disk(); }

  absl::Status Append(std::span<RoutedMessage> batch) override { return AppendReceived(batch, {}); }

  absl::Status AppendReceived(std::span<RoutedMessage> batch, std::span<const ReceivedPacket> packets) override {
    return AppendIntake(batch, {}, packets);
  }

  absl::Status AppendIntake(std::span<RoutedMessage> batch, std::span<Unroutable> unroutable,
                            std::span<const ReceivedPacket> packets) override {
    failpoint_.Reach(Point::kAppendBefore);
    for (const RoutedMessage& routed : batch) poison_.Taste(Poison::When::kTaken, routed.message->payload);
    for (const RoutedMessage& routed : batch) poison_.Taste(Poison::When::kAppended, routed.message->payload);
    for (const Unroutable& each : unroutable) poison_.Taste(Poison::When::kAppended, each.message.message->payload);
    absl::Status status = inner_.AppendIntake(batch, unroutable, packets);
    if (status.ok()) failpoint_.Reach(Point::kAppendAfter);
    return status;
  }

  absl::Status Settle(std::span<const RecordId> records, std::span<OutboxEntry> replies) override {
    failpoint_.Reach(Point::kSettleBefore);
    absl::Status status = inner_.Settle(records, replies);
    if (status.ok()) failpoint_.Reach(Point::kSettleAfter);
    return status;
  }

  absl::Status Release(std::span<const ReceivedPacket> packets) override { return inner_.Release(packets); }
  void Confirm(std::span<const RecordId> outbox_records) override { inner_.Confirm(outbox_records); }
  absl::Status DeadLetter(std::span<const DeadLetterNote> notes) override { return inner_.DeadLetter(notes); }
  void NoteAttempts(std::span<const AttemptsNote> notes) override { inner_.NoteAttempts(notes); }
  Depth depth() const override { return inner_.depth(); }

 private:
  Journal& inner_;
  Failpoint& failpoint_;
  const Poison& poison_;
};

}  // namespace sluice
