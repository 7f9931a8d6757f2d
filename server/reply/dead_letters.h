// Where messages go that no worker could settle: counted, logged at a bounded rate, and published to the chain's
// dead-letter topic where one is set.
#pragma once

#include <vector>

#include "server/journal/journal.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"

namespace sluice {

// Thread-safe.
class DeadLetters {
 public:
  DeadLetters(const Clock& clock, Journal& journal, Outbox& outbox)
      : clock_(clock), journal_(journal), outbox_(outbox) {}
  DeadLetters(const DeadLetters&) = delete;
  DeadLetters& operator=(const DeadLetters&) = delete;

  // Ends the messages' records and puts the dead letters into the outbox, in one transaction. MQTT 5 user properties
  // tell why: sluice-reason, sluice-attempts, sluice-topic, sluice-chain, sluice-route, sluice-message-id,
  // sluice-worker.
  void Take(std::vector<DeadLetter> letters);

 private:
  bool MayLog() ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock& clock_;
  Journal& journal_;
  Outbox& outbox_;
  Mutex mutex_;
  SteadyTime next_log_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace sluice
