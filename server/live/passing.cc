#include "server/live/passing.h"

namespace sluice {
void PassingSink::Tell(std::span<const RoutedMessage> batch) {
  tap_.Tell(batch, [](const RoutedMessage& routed) {
    PassingNote note = NoteOf(PassingStep::kReceived, *routed.message, routed.id, routed.route, routed.chain);
    note.journaled = routed.record != 0;
    return note;
  });
}

void PassingDeliveries::Tell(const std::vector<Delivery>& batch) {
  tap_.Tell(batch, [this](const Delivery& delivery) {
    PassingNote note =
        NoteOf(PassingStep::kDelivered, *delivery.message, delivery.message_id, delivery.route, delivery.chain);
    note.worker = worker_;
    note.attempt = delivery.attempt;
    return note;
  });
}

void TellDeaths(Tap& tap, const std::vector<DeadLetter>& letters) {
  tap.Tell(letters, [](const DeadLetter& letter) {
    const RoutedMessage& routed = letter.message;
    PassingNote note = NoteOf(PassingStep::kDied, *routed.message, routed.id, routed.route, routed.chain);
    note.worker = letter.worker;
    note.attempt = routed.attempts;
    note.detail = letter.reason;
    return note;
  });
}

void TellReadBack(Tap& tap, const RoutedMessage& message) {
  tap.Tell(NoteOf(PassingStep::kQueued, *message.message, message.id, message.route, message.chain));
}

}  // namespace sluice
