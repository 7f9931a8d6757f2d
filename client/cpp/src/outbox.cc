#include "client/cpp/src/outbox.h"

#include <utility>

#include "client/cpp/src/frame_encoder.h"

namespace sluice::client {
namespace {

// Up to here a copy is cheaper than one more piece for gRPC and the kernel to handle.
constexpr size_t kCopyBelow = 4096;
// So that a gateway with small frames can still be served piece by piece.
constexpr size_t kPieceBytes = size_t{32} << 10;

}  // namespace

void Outbox::Append(Chunk& chunk) {
  const size_t added = chunk.bytes.size();
  size_ += added;
  if (!chunks_.empty()) {
    Chunk& last = chunks_.back();
    if (added < kCopyBelow && !last.ends_frame && last.bytes.size() + added <= kPieceBytes &&
        last.items + chunk.items <= kMaxFrameItems) {
      last.bytes.Append(chunk.bytes.view());
      last.settled += chunk.settled;
      last.settled_bytes += chunk.settled_bytes;
      last.items += chunk.items;
      last.ends_frame = chunk.ends_frame;
      chunk.Clear();
      return;
    }
  }
  if (added < kCopyBelow) {
    Chunk& copy = chunks_.emplace_back();
    copy.bytes.Append(chunk.bytes.view());
    copy.settled = chunk.settled;
    copy.settled_bytes = chunk.settled_bytes;
    copy.items = chunk.items;
    copy.ends_frame = chunk.ends_frame;
    chunk.Clear();
  } else {
    chunks_.push_back(std::exchange(chunk, Chunk()));
  }
}

Outbox::Frame Outbox::Take(size_t max_bytes) {
  Frame frame;
  size_t taken = 0;
  size_t items = 0;
  while (!chunks_.empty()) {
    Chunk& next = chunks_.front();
    if (taken > 0 && (taken + next.bytes.size() > max_bytes || items + next.items > kMaxFrameItems)) break;
    taken += next.bytes.size();
    items += next.items;
    frame.settled += next.settled;
    frame.settled_bytes += next.settled_bytes;
    const bool ends = next.ends_frame;
    frame.pieces.push_back(std::move(next.bytes));
    chunks_.pop_front();
    if (ends) break;
  }
  size_ -= taken;
  return frame;
}

void Outbox::Clear() {
  chunks_.clear();
  size_ = 0;
}

}  // namespace sluice::client
