#include "server/mqtt/protocol/packet_ids.h"

namespace sluice::wire {

uint16_t PacketIds::Take(PacketUse use) {
  if (used_ == UINT16_MAX) return 0;
  do {
    last_ = last_ == UINT16_MAX ? uint16_t{1} : static_cast<uint16_t>(last_ + 1);
    if (last_ >= slots_.size()) slots_.resize(size_t{last_} + 1);
  } while (slots_[last_].use != PacketUse::kFree);
  ++used_;
  slots_[last_] = Slot{.use = use};
  return last_;
}

PacketIds::Slot* PacketIds::Find(uint16_t id) {
  return id < slots_.size() && slots_[id].use != PacketUse::kFree ? &slots_[id] : nullptr;
}

void PacketIds::Free(uint16_t id) {
  slots_[id].use = PacketUse::kFree;
  --used_;
}

}  // namespace sluice::wire
