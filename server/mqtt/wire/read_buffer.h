// Where a connection reads to. Many small packets come in one read into a block that is used again and again; a packet
// larger than the block gets one of its own, whose bytes the message then keeps, uncopied. That one grows with what
// comes, at most to double of it: a broker costs no memory by announcing a large packet.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::wire {

// Not thread-safe.
class ReadBuffer {
 public:
  explicit ReadBuffer(size_t block_bytes);

  // Where the next bytes go; never empty.
  std::span<char> Space() { return {data() + end_, capacity() - end_}; }
  void Commit(size_t bytes) { end_ += bytes; }
  // What was read and not consumed.
  std::string_view bytes() const { return {data() + begin_, end_ - begin_}; }
  // The first `bytes` are done with; the packet that now is at the front needs `wanted` in all (0: unknown).
  void Consume(size_t bytes, size_t wanted);
  // Forgets everything.
  void Clear();

  // What keeps bytes() alive, when they are a single large packet that may be kept; null when they must be copied.
  std::shared_ptr<const void> storage() const { return large_; }

 private:
  char* data() const { return large_ ? large_.get() : block_.get(); }
  size_t capacity() const { return large_ ? large_bytes_ : block_bytes_; }

  const size_t block_bytes_;
  const std::unique_ptr<char[]> block_;
  std::shared_ptr<char[]> large_;  // In use instead of the block while a large packet is being read.
  size_t large_bytes_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace sluice::wire
