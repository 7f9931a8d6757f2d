// What is told of replies to those who look, and to the spans of those that are traced.
#include "server/reply/outbox.h"
#include "server/reply/outcome.h"
#include "server/spans/message_spans.h"
#include "server/tap/tap.h"

namespace sluice {

void Outbox::TellReplied(std::span<OutboxItem> items) {
  for (OutboxItem& item : items) {
    if (!tap_->Wants(item.origin.message_id)) continue;
    do {
      item.number = next_number_.fetch_add(1, std::memory_order_relaxed);
    } while (item.number == 0);
  }
  const auto id_of = [](const OutboxItem& item) { return item.origin.message_id; };
  tap_->Tell(items, id_of, [](const OutboxItem& item) {
    const OutboundMessage& reply = *item.entry.message;
    PassingNote note{.step = PassingStep::kReplied,
                     .message_id = item.origin.message_id,
                     .topic = reply.topic,
                     .qos = reply.qos,
                     .retain = reply.retain,
                     .connection = item.entry.connection,
                     .payload = reply.payload,
                     .reply = item.number};
    if (item.origin.chain.get() != nullptr) note.chain = item.origin.chain->name;
    return note;
  });
}

Outbox::Told Outbox::ToTell(const Slot& slot, const PublishOutcome& outcome) {
  return {.message_id = slot.origin.message_id,
          .chain = slot.origin.chain,
          .connection = slot.connection == nullptr ? std::string_view() : slot.connection->first,
          .why = outcome.code == PublishOutcome::Code::kOk ? std::string() : Explain(outcome),
          .number = slot.number};
}

void Outbox::TellConfirmed(std::span<const Told> told) {
  const auto id_of = [](const Told& one) { return one.message_id; };
  tap_->Tell(told, id_of, [](const Told& one) {
    PassingNote note{.step = PassingStep::kConfirmed,
                     .message_id = one.message_id,
                     .connection = one.connection,
                     .outcome = one.why.empty() ? std::string_view("ok") : one.why,
                     .reply = one.number};
    if (one.chain.get() != nullptr) note.chain = one.chain->name;
    return note;
  });
}

void Outbox::EndSpans(std::span<const Traced> traced) {
  if (spans_ == nullptr) return;
  for (const Traced& one : traced) {
    spans_->EndReply({.span = *one.span,
                      .connection = one.connection,
                      .chain = one.chain.get() == nullptr ? std::string_view() : one.chain->name,
                      .trouble = one.why});
  }
}

}  // namespace sluice
