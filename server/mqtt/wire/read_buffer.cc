#include "server/mqtt/wire/read_buffer.h"

#include <algorithm>
#include <cstring>

namespace sluice::wire {
namespace {

// A large packet's first block, so that not each of middling size is moved several times.
constexpr size_t kFirstLargeBytes = 256u << 10;

}  // namespace

ReadBuffer::ReadBuffer(size_t block_bytes)
    : block_bytes_(block_bytes), block_(std::make_unique_for_overwrite<char[]>(block_bytes)) {}

void ReadBuffer::Consume(size_t bytes, size_t wanted) {
  begin_ += bytes;
  if (begin_ == end_) {
    large_.reset();
    begin_ = end_ = 0;
  }
  const size_t left = end_ - begin_;
  if (wanted > capacity() && (left == capacity() || !large_)) {
    // In the end exactly the packet, so that nothing of the next one comes to lie behind it.
    const size_t bytes_of_block = std::min(wanted, std::max(2 * capacity(), kFirstLargeBytes));
    auto large = std::make_shared_for_overwrite<char[]>(bytes_of_block);
    std::memcpy(large.get(), data() + begin_, left);
    large_ = std::move(large);
    large_bytes_ = bytes_of_block;
  } else if (begin_ > 0) {
    std::memmove(data(), data() + begin_, left);
  }
  begin_ = 0;
  end_ = left;
}

void ReadBuffer::Clear() {
  large_.reset();
  begin_ = end_ = 0;
}

}  // namespace sluice::wire
