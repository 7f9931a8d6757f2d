// Where the tap sits on a message's path, outside the stages that it need not know: behind the routers, and before the
// workers' streams.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/queue/dispatcher.h"
#include "server/route/unroutable.h"
#include "server/router/router.h"
#include "server/spans/message_spans.h"
#include "server/tap/tap.h"

namespace sluice {

// Tells of what routers hand on. Thread-safe.
class PassingSink final : public RoutedSink {
 public:
  // Both outlive it.
  PassingSink(Tap& tap, RoutedSink& next) : tap_(tap), next_(next) {}
  void Enqueue(std::span<RoutedMessage> batch) override {
    if (tap_.on()) Tell(batch);
    next_.Enqueue(batch);
  }

 private:
  void Tell(std::span<const RoutedMessage> batch);

  Tap& tap_;
  RoutedSink& next_;
};

// Tells of what goes to a worker. Thread-safe.
class PassingDeliveries final : public DeliverySink {
 public:
  // `tap` and `spans` outlive it. `spans` null: nothing is traced. `worker`: see SessionOptions.
  PassingDeliveries(Tap& tap, MessageSpans* spans, std::shared_ptr<DeliverySink> next, std::string worker)
      : tap_(tap), spans_(spans), next_(std::move(next)), worker_(std::move(worker)) {}
  void Deliver(std::vector<Delivery> batch) override {
    if (tap_.on()) Tell(batch);
    if (spans_ != nullptr) Trace(batch);
    next_->Deliver(std::move(batch));
  }
  void Revoke(std::vector<Revocation> revocations) override { next_->Revoke(std::move(revocations)); }

 private:
  void Tell(const std::vector<Delivery>& batch);
  void Trace(const std::vector<Delivery>& batch);

  Tap& tap_;
  MessageSpans* const spans_;
  const std::shared_ptr<DeliverySink> next_;
  const std::string worker_;
};

// Tells of deliveries that came to nothing.
void TellLost(Tap& tap, const LostDeliveries& lost);

// Tells of messages that no chain may have, on their way to the dead letters. Thread-safe.
class PassingUnroutable final : public UnroutableSink {
 public:
  // As PassingDeliveries; `next` outlives it.
  PassingUnroutable(Tap& tap, MessageSpans* spans, UnroutableSink& next) : tap_(tap), spans_(spans), next_(next) {}
  bool TakesUnroutable() const override { return next_.TakesUnroutable(); }
  void TakeUnroutable(std::vector<Unroutable> letters) override {
    if (tap_.on()) Tell(letters);
    if (spans_ != nullptr) Trace(letters);
    next_.TakeUnroutable(std::move(letters));
  }

 private:
  void Tell(const std::vector<Unroutable>& letters);
  void Trace(const std::vector<Unroutable>& letters);

  Tap& tap_;
  MessageSpans* const spans_;
  UnroutableSink& next_;
};

// Tells of messages that are neither settled nor dead letters.
void TellDropped(Tap& tap, const std::vector<LostMessage>& dropped);
void TraceDropped(MessageSpans& spans, const std::vector<LostMessage>& dropped);

void TellDeaths(Tap& tap, const std::vector<DeadLetter>& letters);
void TraceDeaths(MessageSpans& spans, const std::vector<DeadLetter>& letters);

// Tells of a message that has stood in the journal alone, and is to wait in memory again.
void TellReadBack(Tap& tap, const RoutedMessage& message);

}  // namespace sluice
