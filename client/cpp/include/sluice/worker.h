// A rule-chain worker: takes MQTT messages from Sluice gateways, answers each with what a handler makes of it.
//
//   #include <sluice/worker.h>
//   using namespace sluice::client;
//
//   int main() {
//     Options options;
//     options.gateways = {"gateway.example:7443"};
//     options.chains = {"temperature"};
//     Worker worker(options, [](const Message& message) {
//       return Reply{.payload = "seen " + std::string(message.topic)};
//     });
//     Status status = worker.RunUntilSignal();
//     return status.ok() ? 0 : 1;
//   }
#pragma once

#include <cstdint>
#include <memory>

#include "sluice/context.h"
#include "sluice/handler.h"
#include "sluice/message.h"
#include "sluice/options.h"
#include "sluice/settlement.h"
#include "sluice/status.h"

namespace sluice::client {

struct Stats {
  std::uint32_t streams = 0;   // Connected now.
  std::uint64_t received = 0;  // Deliveries, since the worker was made.
  std::uint64_t settled = 0;   // Handlers that came to an end, whatever their outcome.
};

// Owns its threads and connections; all are gone when Run() has returned. All methods are thread-safe.
class Worker {
 public:
  Worker(Options options, Handler handler);
  // Run() must have returned.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Serves until Drain() or Stop(), over any number of lost connections. OK: everything in work was settled.
  // INVALID_ARGUMENT at once: an option is wrong. DEADLINE_EXCEEDED: the drain timeout passed. CANCELLED: Stop().
  // FAILED_PRECONDITION: called a second time.
  Status Run();

  // Run(), with SIGTERM and SIGINT taken over meanwhile: the first drains, the second stops. The former handlers are
  // put back before it returns. Only one worker of a process at a time (else FAILED_PRECONDITION).
  Status RunUntilSignal();

  // Takes no new messages, finishes those in work, lets Run() return. Returns at once. Idempotent; also before Run().
  void Drain();

  // Ends the streams as they are; what is in work will be delivered again. Run() returns when running handlers have.
  void Stop();

  Stats GetStats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::client
