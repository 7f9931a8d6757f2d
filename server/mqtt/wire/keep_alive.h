// When to ping, and when a broker is gone (MQTT 5.0 §3.1.2.10, 3.1.1 §3.1.2.10). Pure: the driver keeps the time.
#pragma once

#include <cstdint>

#include "server/runtime/clock.h"

namespace sluice::wire {

// Tick() comes twice in a period. A ping goes out before a period has passed without a packet to the broker, and when
// half of one has passed without a byte from it; a broker from which nothing came for one and a half is gone.
class KeepAlive {
 public:
  enum class Action : uint8_t { kNone, kPing, kGone };

  void Received() {
    received_ = true;
    ping_open_ = false;
  }
  void Sent() { sent_ = true; }

  Action Tick() {
    const bool quiet = !received_ || !sent_;
    received_ = false;
    sent_ = false;
    if (ping_open_) return Action::kGone;
    if (!quiet) return Action::kNone;
    ping_open_ = true;
    return Action::kPing;
  }

  static Millis TickPeriod(uint16_t keep_alive_s) { return Millis{keep_alive_s * 500}; }

 private:
  bool received_ = true;  // Since the last tick.
  bool sent_ = true;
  bool ping_open_ = false;
};

}  // namespace sluice::wire
