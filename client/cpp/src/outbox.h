// What a stream has to say and cannot send yet: while one write is under way the next frame gathers here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "client/cpp/src/bytes.h"

namespace sluice::client {

// Encoded fields of a WorkerFrame, and what sending them frees.
struct Chunk {
  Bytes bytes;
  uint32_t settled = 0;        // Deliveries settled in it.
  uint64_t settled_bytes = 0;  // Their WindowBytes.
  size_t items = 0;            // As kMaxFrameItems counts them; no more than that.
  bool ends_frame = false;     // What comes later must be in a later frame.

  void Clear() {
    bytes.Clear();
    settled = 0;
    settled_bytes = 0;
    items = 0;
    ends_frame = false;
  }
};

// Keeps the order. Pure; not thread-safe.
class Outbox {
 public:
  // Takes the content of `chunk` and leaves it empty: small ones are copied behind the last, so that one frame has few
  // pieces; large ones are moved.
  void Append(Chunk& chunk);

  bool empty() const { return chunks_.empty(); }
  // Encoded bytes waiting.
  size_t size() const { return size_; }

  struct Frame {
    std::vector<Bytes> pieces;
    uint32_t settled = 0;
    uint64_t settled_bytes = 0;
  };
  // The next frame: as much as fits into `max_bytes` and kMaxFrameItems, at least one chunk. Not when empty.
  Frame Take(size_t max_bytes);
  void Clear();

 private:
  std::deque<Chunk> chunks_;
  size_t size_ = 0;
};

}  // namespace sluice::client
