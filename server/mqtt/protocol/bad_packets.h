// What a client keeps in mind of packets that it could not take: those that are too large to be kept, while they pass by,
// and the bytes that have ended connections.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/mqtt/protocol/packet.h"

namespace sluice::wire {

// A PUBLISH that is larger than allowed: its bytes pass by, so that it can be acknowledged when it is over. To close for
// it would be to close for ever where the broker sends it again (MQTT 3.1.1 has no Maximum Packet Size to announce).
class Oversized {
 public:
  // How much of the packet's front must be there to begin: the longest topic and the packet identifier are in it.
  static size_t FrontBytes(const FixedHeader& header);

  // `front`: that much of the packet.
  void Begin(const FixedHeader& header, std::string_view front);
  // Whether some of it is still to come.
  bool active() const { return left_ > 0; }
  // Takes what belongs to it off `bytes`; how much that is.
  size_t Pass(std::string_view bytes);
  // Of the packet, until Reset().
  const FixedHeader& header() const { return header_; }
  std::string_view front() const { return front_; }
  void Reset();

 private:
  FixedHeader header_;
  std::string front_;
  size_t left_ = 0;
};

// The bytes of packets that were not taken, over the connections of a session.
class RepeatedBytes {
 public:
  // How often these have come, this time included. A PUBLISH that is sent again has DUP, and is the same.
  size_t Count(const FixedHeader& header, std::string_view packet);
  // How often they were counted.
  size_t Counted(const FixedHeader& header, std::string_view packet) const;

 private:
  static constexpr size_t kMost = 16;  // The one that was not seen for longest is forgotten.
  struct Entry {
    uint64_t hash = 0;
    uint64_t seen = 0;  // When: a count of calls.
    size_t times = 0;
  };

  std::array<Entry, kMost> entries_{};
  uint64_t calls_ = 0;
};

}  // namespace sluice::wire
