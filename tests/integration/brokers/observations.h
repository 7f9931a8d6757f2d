// How a broker shows itself to the gateway, in few words: the cells of the table in docs/brokers.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/brokers/brokers.h"

namespace sluice {

struct Observation {
  std::string title;
  std::function<std::string(const BrokerKind& kind, RealBroker& broker, bool mqtt5)> observe;
};

// Each leaves the broker running, and uses topics and client ids of its own.
const std::vector<Observation>& AllObservations();

}  // namespace sluice
