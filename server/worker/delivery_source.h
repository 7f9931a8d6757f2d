// What a worker's stream asks of whoever has the messages (the gateway hands in its Dispatcher).
#pragma once

#include <memory>

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
  virtual void RemoveSession(SessionId session, bool counts, uint64_t began) = 0;
  virtual bool Extend(SessionId session, uint64_t delivery_id, Millis lease) = 0;
};

}  // namespace sluice
