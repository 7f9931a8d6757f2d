// The handler's line to the gateway while it runs.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "sluice/message.h"
#include "sluice/settlement.h"
#include "sluice/status.h"

namespace sluice::client {

// Belongs to one call of a handler and to its thread: not thread-safe, not to be kept.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  virtual ~Context() = default;

  // Publishes a reply now, ahead of the settlement; order is kept. Waits while more than Options::send_buffer_bytes
  // are unsent (with concurrency 0 it cannot wait, and answers RESOURCE_EXHAUSTED). UNAVAILABLE: the stream has ended,
  // or the gateway has given the message to another worker: it will be delivered again. INVALID_ARGUMENT: larger than
  // the gateway takes.
  virtual Status Send(const Reply& reply) = 0;

  // True once nobody waits for the outcome: the stream has ended, or the gateway gave the message to another worker.
  // A long handler may look at it and give up; what it returns is then without effect.
  virtual bool Abandoned() const = 0;

 private:
  friend class Handler;
  virtual void Settle(Outcome outcome, std::string_view reason, std::chrono::milliseconds retry_after,
                      std::span<const Reply> replies) = 0;
};

}  // namespace sluice::client
