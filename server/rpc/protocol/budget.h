// Bytes that are being received, over all connections of a server.
#pragma once

#include <atomic>
#include <cstddef>

namespace sluice::rpc {

// Thread-safe.
class ReceiveBudget {
 public:
  explicit ReceiveBudget(size_t limit) : limit_(limit) {}

  bool Take(size_t bytes) {
    if (taken_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= limit_) return true;
    taken_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void Return(size_t bytes) { taken_.fetch_sub(bytes, std::memory_order_relaxed); }
  size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }

 private:
  const size_t limit_;
  std::atomic<size_t> taken_{0};
};

// One connection's share of it. Not thread-safe. What is still taken goes back at the end.
class ReceiveShare {
 public:
  ReceiveShare(ReceiveBudget& server, size_t limit) : server_(server), limit_(limit) {}
  ~ReceiveShare() { server_.Return(taken_); }
  ReceiveShare(const ReceiveShare&) = delete;
  ReceiveShare& operator=(const ReceiveShare&) = delete;

  bool Take(size_t bytes) {
    if (bytes > limit_ - taken_ || !server_.Take(bytes)) return false;
    taken_ += bytes;
    return true;
  }
  void Return(size_t bytes) {
    taken_ -= bytes;
    server_.Return(bytes);
  }
  size_t taken() const { return taken_; }

 private:
  ReceiveBudget& server_;
  const size_t limit_;
  size_t taken_ = 0;
};

}  // namespace sluice::rpc
