// What a session has yet to say to its worker, gathered while a write is under way and taken in frames of bounded
// size. Pure logic: no lock, no clock, no gRPC.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/worker/fifo.h"
#include "server/worker/frame.h"

namespace sluice {

struct SendLimits {
  // No frame is larger, in encoded bytes. At least kMinFrameBytes.
  size_t max_frame_bytes = 40u << 20;
  // A frame that has reached one of these is sent, and the rest waits for the next: no worker waits for megabytes to
  // see the first message. One message may be larger.
  size_t frame_deliveries = 512;
  size_t frame_bytes = 1u << 20;
  // Results that a worker which reads too slowly, or not at all, may pile up.
  size_t max_results = 10'000;
  size_t max_result_bytes = 16u << 20;
};

inline constexpr size_t kMinFrameBytes = 64u << 10;

class SendQueue {
 public:
  explicit SendQueue(const SendLimits& limits);

  // `pending.size_bound` is set. False: larger than any frame may be; the delivery was not taken.
  bool AddDelivery(PendingDelivery&& pending);
  // False: more results are unread than max_results or max_result_bytes allow; they were not taken.
  bool AddResults(std::vector<ItemResult> results);
  // No more than the window of messages at once.
  void AddRevocations(std::span<const Revocation> revocations);
  void SetWelcome(std::string welcome) { welcome_ = std::move(welcome); }
  void SetPing(uint64_t nonce) { ping_ = nonce; }
  // Answers this Ping and all before it.
  void SetPong(uint64_t nonce) { pong_ = nonce; }
  void SetDrain(DrainNotice notice) { drain_ = std::move(notice); }

  void ForgetDeliveries() {
    deliveries_.clear();
    revocations_.clear();
  }
  void ForgetAll();

  bool empty() const;
  size_t deliveries() const { return deliveries_.size(); }
  size_t results() const { return results_.size(); }

  // Moves the next frame's content into `frame`, which is empty. Deliveries whose lease has ended are left out: the
  // dispatcher has given them to another. A drain notice comes only after the last delivery that waits.
  void Take(SteadyTime now, OutgoingFrame* frame);

 private:
  const SendLimits limits_;
  // A frame keeps this many bytes for everything but deliveries; so a delivery up to the rest always fits.
  const size_t reserve_;

  std::string welcome_;
  Fifo<PendingDelivery> deliveries_;
  Fifo<ItemResult> results_;
  size_t result_bytes_ = 0;
  Fifo<Revocation> revocations_;
  std::optional<uint64_t> ping_;
  std::optional<uint64_t> pong_;
  std::optional<DrainNotice> drain_;
};

}  // namespace sluice
