// What a worker's stream asks of whoever has the messages (the gateway hands in its Dispatcher).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "server/queue/dispatcher.h"

namespace sluice {

// Thread-safe. Never called under a session's mutex. May call the session's DeliverySink from within.
class DeliverySource {
 public:
  virtual ~DeliverySource() = default;
  // As the Dispatcher's functions of the same names.
  virtual SessionId AddSession(SessionOptions options, std::shared_ptr<DeliverySink> sink) = 0;
  virtual void SetWindow(SessionId session, Window window) = 0;
  virtual void DrainSession(SessionId session) = 0;
  virtual std::vector<uint64_t> Begin(SessionId session, std::span<const uint64_t> ids) = 0;
  virtual void RemoveSession(SessionId session, SessionEnd how, uint64_t written) = 0;
  virtual std::optional<Dispatcher::Extended> Extend(SessionId session, uint64_t delivery_id, Millis lease) = 0;
};

}  // namespace sluice
