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

std::string_view HowDropped(Loss loss) {
  switch (loss) {
    case Loss::kQueueFull:
      return "QoS 0, and its chain's queue is full";
    case Loss::kExpired:
      return "its expiry interval is over";
    case Loss::kLeaseExpired:
      return "QoS 0, and its lease ended";
    case Loss::kLostWorker:
      return "QoS 0, and its worker was lost";
  }
  return "";
}

MessageSpans::About AboutOf(const RoutedMessage& routed) {
  return {.message = *routed.message,
          .id = routed.id,
          .route = routed.route,
          .chain = routed.chain.get() == nullptr ? std::string_view() : routed.chain->name,
          .attempt = routed.attempts};
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

void PassingUnroutable::Tell(const std::vector<Unroutable>& letters) {
  const auto id_of = [](const Unroutable& letter) { return letter.message.id; };
  const auto note_of = [](PassingStep step, const RoutedMessage& routed) {
    return NoteOf(step, *routed.message, routed.id, routed.route, routed.chain);
  };
  tap_.Tell(letters, id_of, [&note_of](const Unroutable& letter) {
    PassingNote note = note_of(PassingStep::kReceived, letter.message);
    note.journaled = letter.message.record != 0;
    return note;
  });
  tap_.Tell(letters, id_of, [&note_of](const Unroutable& letter) {
    PassingNote note = note_of(PassingStep::kDied, letter.message);
    note.detail = letter.reason;
    return note;
  });
}

void PassingUnroutable::Trace(const std::vector<Unroutable>& letters) {
  for (const Unroutable& letter : letters) {
    if (letter.message.message->trace != nullptr) spans_->Died(AboutOf(letter.message), letter.reason);
  }
}

void TellDropped(Tap& tap, const std::vector<LostMessage>& dropped) {
  const auto id_of = [](const LostMessage& lost) { return lost.message.id; };
  tap.Tell(dropped, id_of, [](const LostMessage& lost) {
    const RoutedMessage& routed = lost.message;
    PassingNote note = NoteOf(PassingStep::kDropped, *routed.message, routed.id, routed.route, routed.chain);
    note.detail = HowDropped(lost.loss);
    return note;
  });
}

void TraceDropped(MessageSpans& spans, const std::vector<LostMessage>& dropped) {
  for (const LostMessage& lost : dropped) {
    if (lost.message.message->trace != nullptr) spans.Dropped(AboutOf(lost.message), HowDropped(lost.loss));
  }
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
    if (letter.message.message->trace != nullptr) spans.Died(AboutOf(letter.message), letter.reason);
  }
}

void TellReadBack(Tap& tap, const RoutedMessage& message) {
  tap.Tell(NoteOf(PassingStep::kQueued, *message.message, message.id, message.route, message.chain));
}

}  // namespace sluice
