// Messages of QoS 1 and 2 that no chain may have: they become dead letters before they are acknowledged.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/route/route.h"

namespace sluice {

struct Unroutable {
  // Without a chain. Its route is the one that found no chain for it, or one without an id, which names the connection.
  RoutedMessage message;
  std::string reason;   // For people: "no route: …", "no chain: …".
  int64_t unix_ms = 0;  // When it came.
};

// Who keeps them once they stand in the journal.
class UnroutableSink {
 public:
  virtual ~UnroutableSink() = default;
  // Whether it can take more now. False: the broker is to keep what comes.
  virtual bool TakesUnroutable() const = 0;
  // At least one. The journal holds them as dead letters already. From the drivers' threads; must not wait.
  virtual void TakeUnroutable(std::vector<Unroutable> letters) = 0;
};

}  // namespace sluice
