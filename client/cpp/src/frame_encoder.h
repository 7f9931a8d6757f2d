// A worker's frames, written. Everything here appends whole fields of a WorkerFrame, so that any concatenation of
// outputs is a frame.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "client/cpp/src/bytes.h"
#include "client/cpp/src/lease_keeper.h"
#include "client/cpp/src/proto.h"
#include "sluice/settlement.h"

namespace sluice::client {

struct SettleParts {
  uint64_t delivery_id = 0;
  Outcome outcome = Outcome::kAck;
  std::string_view reason;  // Cut to 1,024 bytes at a character's border.
  std::chrono::milliseconds retry_after{0};
  std::span<const Reply> replies = {};
};

// The most items a frame may hold (worker.proto, "Frames"); a frame with more ends the stream.
inline constexpr size_t kMaxFrameItems = 100'000;
// What counts as items of a settle with these replies, and of one reply.
size_t CountItems(const Reply& reply);
size_t CountItems(std::span<const Reply> replies);

// False, with nothing appended: the settle would take more than `limit` bytes.
bool EncodeSettle(const SettleParts& settle, size_t limit, Bytes& out);
// The same for a reply ahead of its settle.
bool EncodeEarlyReply(const Reply& reply, uint64_t delivery_id, size_t limit, Bytes& out);
// Not for none.
void EncodeBegan(std::span<const uint64_t> delivery_ids, Bytes& out);
void EncodeExtends(std::span<const LeaseKeeper::Extension> extensions, Bytes& out);
// Hello, Window, Ping, Pong, Drain.
void EncodeFrame(const v1::WorkerFrame& frame, Bytes& out);

}  // namespace sluice::client
