#include "server/live/passing.h"

namespace sluice {
namespace {

std::string_view HowLost(DeliveryLoss loss) {
  switch (loss) {
    case DeliveryLoss::kNotBegun:
      return "the worker had not begun it";
    case DeliveryLoss::kWorkerLeft:
      return "the worker closed its stream without settling it";
    case DeliveryLoss::kDrained:
      return "the stream was ended; no attempt counts";
    case DeliveryLoss::kUnsent:
      return "the stream ended before it was sent";
    case DeliveryLoss::kLeaseEnded:
    case DeliveryLoss::kWorkerLost:
      break;
  }
  return "";
}

}  // namespace

void PassingSink::Tell(std::span<const RoutedMessage> batch) {
  const auto id_of = [](const RoutedMessage& routed) { return routed.id; };
  tap_.Tell(batch, id_of, [](const RoutedMessage& routed) {
    PassingNote note = NoteOf(PassingStep::kReceived, *routed.message, routed.id, routed.route, routed.chain);
    note.journaled = routed.record != 0;
    return note;
  });
}

void PassingDeliveries::Tell(const std::vector<Delivery>& batch) {
  const auto id_of = [](const Delivery& delivery) { return delivery.message_id; };
  tap_.Tell(batch, id_of, [this](const Delivery& delivery) {
    PassingNote note =
        NoteOf(PassingStep::kDelivered, *delivery.message, delivery.message_id, delivery.route, delivery.chain);
    note.worker = worker_;
    note.attempt = delivery.attempt;
    return note;
  });
}

void PassingDeliveries::Trace(const std::vector<Delivery>& batch) {
  for (const Delivery& delivery : batch) {
    if (delivery.message->trace == nullptr) continue;
    spans_->Delivered({.message = *delivery.message,
                       .id = delivery.message_id,
                       .route = delivery.route,
                       .chain = delivery.chain->name,
                       .attempt = delivery.attempt},
                      worker_);
  }
}

void TellLost(Tap& tap, const LostDeliveries& lost) {
  const auto id_of = [](const LostDeliveries::One& one) { return one.id; };
  tap.Tell(lost.deliveries, id_of, [&lost](const LostDeliveries::One& one) {
    const bool of_lease = one.loss == DeliveryLoss::kLeaseEnded || one.loss == DeliveryLoss::kNotBegun;
    PassingNote note = NoteOf(of_lease ? PassingStep::kLeaseEnded : PassingStep::kWorkerLost, *one.message, one.id,
                              one.route, one.chain);
    note.worker = lost.worker;
    note.attempt = one.attempt;
    note.detail = HowLost(one.loss);
    return note;
  });
}

void TellDeaths(Tap& tap, const std::vector<DeadLetter>& letters) {
  const auto id_of = [](const DeadLetter& letter) { return letter.message.id; };
  tap.Tell(letters, id_of, [](const DeadLetter& letter) {
    const RoutedMessage& routed = letter.message;
    PassingNote note = NoteOf(PassingStep::kDied, *routed.message, routed.id, routed.route, routed.chain);
    note.worker = letter.worker;
    note.attempt = routed.attempts;
    note.detail = letter.reason;
    return note;
  });
}

void TraceDeaths(MessageSpans& spans, const std::vector<DeadLetter>& letters) {
  for (const DeadLetter& letter : letters) {
    const RoutedMessage& routed = letter.message;
    if (routed.message->trace == nullptr) continue;
    spans.Died({.message = *routed.message,
                .id = routed.id,
                .route = routed.route,
                .chain = routed.chain.get() == nullptr ? std::string_view() : routed.chain->name,
                .attempt = routed.attempts},
               letter.reason);
  }
}

void TellReadBack(Tap& tap, const RoutedMessage& message) {
  tap.Tell(NoteOf(PassingStep::kQueued, *message.message, message.id, message.route, message.chain));
}

}  // namespace sluice
