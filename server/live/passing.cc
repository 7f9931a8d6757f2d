#include "server/live/passing.h"

namespace sluice {
void PassingSink::Tell(std::span<const RoutedMessage> batch) {
  for (const RoutedMessage& routed : batch) {
    tap_.Tell(NoteOf(PassingStep::kReceived, *routed.message, routed.id, routed.route, routed.chain));
  }
}

void PassingDeliveries::Tell(const std::vector<Delivery>& batch) {
  for (const Delivery& delivery : batch) {
    PassingNote note =
        NoteOf(PassingStep::kDelivered, *delivery.message, delivery.message_id, delivery.route, delivery.chain);
    note.worker = worker_;
    note.attempt = delivery.attempt;
    tap_.Tell(note);
  }
}

void TellDeaths(Tap& tap, const std::vector<DeadLetter>& letters) {
  for (const DeadLetter& letter : letters) {
    const RoutedMessage& routed = letter.message;
    PassingNote note = NoteOf(PassingStep::kDied, *routed.message, routed.id, routed.route, routed.chain);
    note.worker = letter.worker;
    note.attempt = routed.attempts;
    note.detail = letter.reason;
    tap.Tell(note);
  }
}

}  // namespace sluice
