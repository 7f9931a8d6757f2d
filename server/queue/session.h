// One worker stream as the dispatcher keeps it: its window, and what is in flight on it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "server/queue/dispatcher.h"
#include "server/queue/in_flight.h"
#include "server/queue/load.h"

namespace sluice {

struct SessionGroup;

struct SessionState {
  // ---- constant
  SessionId id = 0;
  std::string worker;
  Millis lease{0};
  bool tells_began = false;  // The worker says what it has begun; else all that is delivered counts as begun.
  std::shared_ptr<DeliverySink> sink;

  Window window;
  InFlightTable in_flight;  // Claimed ones included: they hold the window until they are finished.
  uint64_t bytes = 0;       // Of what is in flight.
  bool draining = false;
  bool removed = false;      // Stays only until what is claimed is finished.
  bool leases_held = false;  // See Dispatcher::HoldLeases().
  SteadyTime leases_held_since{};
  SteadyTime next_lease = kNever;  // No lease ends before; may be earlier than the first that does.
  // A chain whose next message is too large for what is left of the window; until it fits nothing else is delivered
  // here, or a busy session that serves other chains too would never have room for it.
  ChainState* reserved_for = nullptr;
  // A chain whose suspects are delivered here, one at a time: nothing else is.
  ChainState* isolated_for = nullptr;
  bool alone = false;              // Holds a suspect, and so nothing else.
  uint64_t last_turn = 0;          // Sequence of its last delivery.
  std::vector<Delivery> outgoing;  // Handed to the sink when the lock is released.

  MeteredTally tally;  // For people.

  SessionGroup* group = nullptr;  // Null once removed.
  uint32_t heap_position = kNotInHeap;

  // Takes a message of this size now. One larger than the window is taken when nothing else is in flight.
  bool Fits(size_t message_bytes) const {
    if (draining || isolated_for != nullptr || in_flight.size() >= window.messages) return false;
    return window.bytes == 0 || in_flight.size() == 0 || bytes + message_bytes <= window.bytes;
  }

  // May be kept for suspects, now or once it holds nothing.
  bool MayBeAlone() const { return !draining && window.messages > 0; }

  static constexpr uint64_t kFull = std::numeric_limits<uint64_t>::max();

  // Orders sessions by what is in flight relative to the window (messages or bytes, whichever is tighter), equal ones
  // by who has waited longest. kFull: takes nothing.
  uint64_t Load() const {
    if (reserved_for != nullptr || !Fits(1)) return kFull;
    double share = static_cast<double>(in_flight.size()) / window.messages;
    if (window.bytes != 0) {
      const double of_bytes = static_cast<double>(bytes) / static_cast<double>(window.bytes);
      if (of_bytes > share) share = of_bytes;
    }
    constexpr unsigned kTurnBits = 44;
    return static_cast<uint64_t>(share * (1u << 19)) << kTurnBits | (last_turn & ((uint64_t{1} << kTurnBits) - 1));
  }
};

}  // namespace sluice
