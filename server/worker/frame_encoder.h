// GatewayFrames onto the wire, without building protobuf objects: a delivery costs one copy of its payload into the
// frame's single buffer, a large payload none.
#pragma once

#include <vector>

#include "server/rpc/service/payload.h"
#include "server/runtime/clock.h"
#include "server/worker/frame.h"

namespace sluice {

// Payloads of at least this many bytes become pieces of their own that share the Message.
inline constexpr size_t kSharedPayloadBytes = 16u << 10;

// No GatewayFrame with this delivery alone is larger, whenever it is made.
size_t DeliverySizeBound(const Delivery& delivery);
size_t ResultSizeBound(const ItemResult& result);

// Not thread-safe: one per stream, used by whoever writes. Keeps scratch memory between frames.
class FrameEncoder {
 public:
  // Ages, leases and expiries are those of `now`. Text that is not UTF-8 is mended (MendUtf8).
  rpc::Payload Encode(const OutgoingFrame& frame, SteadyTime now);

 private:
  struct Cut {
    size_t offset;  // Into the inline bytes: the payload goes here.
    const MessagePtr* message;
  };
  std::vector<size_t> sizes_;
  std::vector<Cut> cuts_;
};

}  // namespace sluice
