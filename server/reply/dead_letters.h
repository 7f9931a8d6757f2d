// Where messages go that no worker could settle: counted, logged at a bounded rate, and published to the chain's
// dead-letter topic where one is set.
#pragma once

#include <vector>

#include "server/journal/journal.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/telemetry/log_limit.h"

namespace sluice {

// Thread-safe.
class DeadLetters {
 public:
  DeadLetters(const Clock& clock, Journal& journal, Outbox& outbox)
      : journal_(journal), outbox_(outbox), log_limit_(clock, {.burst = 1, .interval = Millis(1'000)}) {}
  DeadLetters(const DeadLetters&) = delete;
  DeadLetters& operator=(const DeadLetters&) = delete;

  // Ends the messages' records and puts the dead letters into the outbox, in one transaction. MQTT 5 user properties
  // tell why: sluice-reason, sluice-attempts, sluice-topic, sluice-chain, sluice-route, sluice-message-id,
  // sluice-worker.
  void Take(std::vector<DeadLetter> letters);

 private:
  Journal& journal_;
  Outbox& outbox_;
  log::Limiter log_limit_;
};

}  // namespace sluice
