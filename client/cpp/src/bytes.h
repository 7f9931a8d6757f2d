// A growing buffer that does not zero what is about to be overwritten, and whose memory can be given away.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace sluice::client {

// Not thread-safe. Memory is malloc's.
class Bytes {
 public:
  Bytes() = default;
  Bytes(Bytes&& other) noexcept { *this = std::move(other); }
  Bytes& operator=(Bytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { std::free(data_); }  // NOLINT(cppcoreguidelines-no-malloc)

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  void Clear() { size_ = 0; }

  // `count` more bytes, to be written by the caller. Valid until the next call.
  char* Extend(size_t count) {
    if (capacity_ - size_ < count) Grow(count);
    char* at = data_ + size_;
    size_ += count;
    return at;
  }
  void Append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  // The memory, to be freed with std::free; the buffer is empty then.
  char* Release() {
    size_ = capacity_ = 0;
    return std::exchange(data_, nullptr);
  }

 private:
  void Grow(size_t count) {
    const size_t wanted = std::max({size_ + count, capacity_ * 2, size_t{512}});
    void* grown = std::realloc(data_, wanted);  // NOLINT(cppcoreguidelines-no-malloc)
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<char*>(grown);
    capacity_ = wanted;
  }

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace sluice::client
