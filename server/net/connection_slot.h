// The place of an open connection in its listener's count.
#pragma once

#include <functional>
#include <utility>

namespace sluice {

// Frees the place when it goes, from any thread.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;
  explicit ConnectionSlot(std::function<void()> free) : free_(std::move(free)) {}
  ConnectionSlot(ConnectionSlot&& other) noexcept : free_(std::exchange(other.free_, nullptr)) {}
  ConnectionSlot& operator=(ConnectionSlot&& other) noexcept {
    std::swap(free_, other.free_);
    return *this;
  }
  ~ConnectionSlot() {
    if (free_) free_();
  }

 private:
  std::function<void()> free_;
};

}  // namespace sluice
