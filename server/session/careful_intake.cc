#include "server/session/careful_intake.h"

#include "absl/strings/str_cat.h"
#include "server/journal/crc32c.h"
#include "server/telemetry/log.h"

namespace sluice {

CarefulIntake::CarefulIntake(std::string connection, InboundSink& next, CrashMarks* marks, MetricsRegistry& metrics)
    : connection_(std::move(connection)),
      next_(next),
      mark_(marks, CrashMarks::Part::kIntake),
      left_out_(LeftOutAfterCrashes(metrics, "intake")),
      at_most_once_(next.AtMostOnce() == nullptr
                        ? nullptr
                        : std::make_unique<CarefulIntake>(connection_, *next.AtMostOnce(), marks, metrics)) {}

absl::Status CarefulIntake::OnMessages(std::span<InboundMessage> batch) {
  if (mark_.careful()) return TakeOneByOne(batch);
  mark_.Some();
  const absl::Status status = next_.OnMessages(batch);
  mark_.None();
  return status;
}

absl::Status CarefulIntake::TakeOneByOne(std::span<InboundMessage> batch) {
  // What was taken of it before is not to be taken twice.
  if (batch.empty() || batch.front().message != offered_) taken_ = 0;
  offered_ = batch.empty() ? nullptr : batch.front().message;
  for (; taken_ < batch.size(); ++taken_) {
    InboundMessage& one = batch[taken_];
    const uint64_t item = ItemOf(*one.message);
    const uint32_t deaths = mark_.Deaths(item);
    if (deaths > CrashMarks::kMostDeaths) {
      log::Error("a message is acknowledged and not kept: the gateway has ended each time it took it in",
                 {{"connection", connection_},
                  {"topic", one.message->topic},
                  {"bytes", static_cast<int64_t>(one.message->bytes())},
                  {"times", static_cast<int64_t>(deaths + 1)}});
      left_out_.Add();
      continue;
    }
    if (deaths == CrashMarks::kMostDeaths) {
      log::Error("a message is not routed: the gateway has ended each time it took it in",
                 {{"connection", connection_},
                  {"topic", one.message->topic},
                  {"bytes", static_cast<int64_t>(one.message->bytes())}});
      left_out_.Add();
      one.undeliverable =
          absl::StrCat("the gateway was killed or crashed ", deaths + 1, " times in a row as it took this message in");
    }
    mark_.One(item);
    const absl::Status status = next_.OnMessages(batch.subspan(taken_, 1));
    mark_.None();
    if (!status.ok()) return status;
  }
  offered_.reset();
  taken_ = 0;
  return absl::OkStatus();
}

uint64_t CarefulIntake::ItemOf(const Message& message) const {
  const uint32_t names = Crc32c(message.topic, Crc32c(connection_, static_cast<uint32_t>(message.payload.size())));
  // Never 0 or all ones, which mean something else.
  const uint64_t item = (uint64_t{names} << 32) | Crc32c(message.payload);
  return item == 0 || item == UINT64_MAX ? 1 : item;
}

}  // namespace sluice
