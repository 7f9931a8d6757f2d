#pragma once

#include <cstdint>

namespace sluice {

// Which retained messages a subscription takes in (MQTT 5.0 §3.8.3.1). The more, the smaller.
enum class Retained : uint8_t {
  kAll,   // Those there are whenever it is asked for.
  kNew,   // Those there are when the broker's session does not hold it yet.
  kNone,  // None.
};

}  // namespace sluice
