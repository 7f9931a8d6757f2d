// The numbers that a broker uses for topics on one network connection (MQTT 5.0 §3.3.2.3.4).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/mqtt/protocol/events.h"
#include "server/mqtt/protocol/fault.h"

namespace sluice::wire {

class TopicAliases {
 public:
  // A new network connection, on which none is known yet (MQTT-3.3.2-7). `maximum` as CONNECT announced it.
  void Begin(uint16_t maximum) {
    maximum_ = maximum;
    topics_.clear();
  }
  // `publish` has this alias: its topic, if it has one, is the alias's from now on; if not, it is given the alias's, as
  // a view that holds until the next call.
  Fault Resolve(uint16_t alias, Publish& publish);

 private:
  uint16_t maximum_ = 0;
  std::vector<std::string> topics_;  // By alias - 1. Empty: not known.
};

}  // namespace sluice::wire
