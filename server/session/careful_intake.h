// Between an intake connection and its router: a message that is the end of the process before it stands in the journal
// comes again from the broker, with each start. It is found, and got past.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/journal/crash_marks.h"
#include "server/mqtt/intake.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// As InboundSink says: of one thread at a time. After the process has died in the router, messages are handed on one
// by one, each marked by what it is (connection, topic, size and checksum: its packet id is another each time). One that
// two more deaths were marked with is handed on as undeliverable, so that it becomes a dead letter with its bytes; one
// that survives not even that is logged, counted and acknowledged.
class CarefulIntake final : public InboundSink {
 public:
  // `marks` may be null. Both outlive it.
  CarefulIntake(std::string connection, InboundSink& next, CrashMarks* marks, MetricsRegistry& metrics);

  absl::Status OnMessages(std::span<InboundMessage> batch) override;
  InboundSink* AtMostOnce() override { return at_most_once_.get(); }
  absl::Status OnReleased(std::span<const uint16_t> packet_ids) override { return next_.OnReleased(packet_ids); }
  std::vector<uint16_t> UnreleasedPackets() override { return next_.UnreleasedPackets(); }
  absl::Status OnSessionLost() override { return next_.OnSessionLost(); }
  void OnRemainderLeft(const std::string& filter) override { next_.OnRemainderLeft(filter); }
  std::vector<std::string> TakeRemainders() override { return next_.TakeRemainders(); }

 private:
  absl::Status TakeOneByOne(std::span<InboundMessage> batch);
  uint64_t ItemOf(const Message& message) const;

  const std::string connection_;
  InboundSink& next_;
  CrashMark mark_;
  Counter& left_out_;
  const std::unique_ptr<CarefulIntake> at_most_once_;  // With a mark of its own; null: the router takes all alike.
  // Of a batch that the router did not take as a whole, and that will be offered again if the connection lasts.
  MessagePtr offered_;
  size_t taken_ = 0;
};

}  // namespace sluice
