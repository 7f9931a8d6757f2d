// What a connection has taught about its broker: kept over reconnects, since MQTT 3.1.1 has no way to say what a broker
// does not take, and with MQTT 5 not every broker does. Pure logic.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "server/message/message.h"
#include "server/runtime/clock.h"

namespace sluice {

// What a broker takes, from its CONNACK (MQTT 5.0 §3.2.2.3). The defaults are those of an absent property; MQTT 3.1.1
// has none of them.
struct BrokerLimits {
  uint16_t receive_maximum = 65'535;
  Qos maximum_qos = Qos::kExactlyOnce;
  bool retain_available = true;
  uint64_t maximum_packet_bytes = UINT64_MAX;
};

// Not thread-safe.
//
// A lesson needs two messages that broke a connection alone and have one thing in common that no confirmed message had
// (QoS 2, retain, or being much larger than any), or one of them and a DISCONNECT that names it. It holds for ten
// minutes, then one message may show whether it still does.
class BrokerLessons {
 public:
  // The broker has confirmed this one.
  void Confirmed(const OutboundMessage& message);
  // A connection broke while this message alone was under way. `sequence` names it; `reason`: of the DISCONNECT, or 0.
  void Broke(uint64_t sequence, const OutboundMessage& message, uint8_t reason, SteadyTime now);

  // `limits`, less what was learnt.
  BrokerLimits Apply(BrokerLimits limits, SteadyTime now) const;
  // Whether a message of QoS 2 was ever confirmed.
  bool exactly_once_proven() const { return traits_[kQos2].proven; }
  // What was learnt since the last call, for people; empty: nothing.
  std::string TakeNews();

 private:
  enum TraitName : uint8_t { kQos2, kRetain, kLarge, kTraits };
  struct Trait {
    bool proven = false;  // A message that has it was confirmed.
    bool seen = false;    // One that has it broke a connection, `witness`.
    uint64_t witness = 0;
    SteadyTime until{};  // Learnt, and holds until then.
  };

  bool Has(TraitName name, const OutboundMessage& message) const;

  std::array<Trait, kTraits> traits_;
  size_t largest_confirmed_ = 0;
  size_t smallest_refused_ = SIZE_MAX;
  std::string news_;
};

}  // namespace sluice
