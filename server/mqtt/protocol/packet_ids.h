// Packet identifiers of what is sent and awaits an answer (MQTT 5.0 §2.2.1, 3.1.1 §2.3.1): PUBLISH of QoS 1 and 2,
// SUBSCRIBE and UNSUBSCRIBE share them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::wire {

// What the answer must be.
enum class PacketUse : uint8_t {
  kFree,
  kAwaitsPuback,
  kAwaitsPubrec,
  kAwaitsPubcomp,  // PUBREL is sent, or is to be sent again.
  kAwaitsSuback,
  kAwaitsUnsuback,
};

class PacketIds {
 public:
  // `first` is the first that is given out, 1 … 65,535.
  explicit PacketIds(uint16_t first) : last_(static_cast<uint16_t>(first - 1)) {}

  struct Slot {
    PacketUse use = PacketUse::kFree;
    bool releasing = false;  // PUBLISH: behind a PUBREL for what the broker may hold of its identifier.
    uint32_t filters = 0;    // SUBSCRIBE, UNSUBSCRIBE: how many were sent.
    uint64_t token = 0;      // PUBLISH: the caller's name for the message.
    uint64_t order = 0;      // PUBLISH: when its PUBREC came, among others.
  };

  // An identifier that nothing uses (MQTT-2.2.1-3), for `use`; 0 when there is none. They go round, so that an answer
  // that comes late or twice is unlikely to meet a new packet of the same identifier.
  uint16_t Take(PacketUse use);
  // Null when nothing uses it. Holds until the next Take().
  Slot* Find(uint16_t id);
  void Free(uint16_t id);

  // The identifiers in use.
  template <typename Visit>  // void(uint16_t, Slot&), which may free it.
  void ForEach(Visit visit) {
    for (size_t id = 1; id < slots_.size(); ++id) {
      if (slots_[id].use != PacketUse::kFree) visit(static_cast<uint16_t>(id), slots_[id]);
    }
  }

 private:
  std::vector<Slot> slots_ = std::vector<Slot>(1);  // By identifier; grows to what was ever used.
  size_t used_ = 0;
  uint16_t last_;
};

}  // namespace sluice::wire
