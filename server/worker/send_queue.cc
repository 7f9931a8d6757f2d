#include "server/worker/send_queue.h"

#include <algorithm>
#include <utility>

#include "server/message/utf8.h"
#include "server/worker/frame_encoder.h"

namespace sluice {
namespace {

constexpr size_t kReserveBytes = 16u << 10;
// Of the reserve, for revocations, ping, pong and a drain notice with its reason.
constexpr size_t kNoticeBytes = 8u << 10;
// They come to less than half a reserve of the smallest frame.
constexpr size_t kRevocationsPerFrame = 250;
// Of a result's message, so that one result always fits the reserve.
constexpr size_t kMaxMessageBytes = 1u << 10;

size_t HeldBytes(const ItemResult& result) { return sizeof(ItemResult) + result.message.size(); }

}  // namespace

SendQueue::SendQueue(const SendLimits& limits)
    : limits_(limits), reserve_(std::min(kReserveBytes, limits.max_frame_bytes / 4)) {}

bool SendQueue::AddDelivery(PendingDelivery&& pending) {
  if (pending.size_bound > limits_.max_frame_bytes - reserve_) return false;
  deliveries_.push_back(std::move(pending));
  return true;
}

bool SendQueue::AddResults(std::vector<ItemResult> results) {
  size_t bytes = 0;
  for (ItemResult& result : results) {
    result.message.resize(CutUtf8(result.message, kMaxMessageBytes).size());
    bytes += HeldBytes(result);
  }
  // What one call brings is taken whole when nothing waits: a large frame of settles is no fault of a worker that
  // reads.
  bool over =
      results_.size() + results.size() > limits_.max_results || result_bytes_ + bytes > limits_.max_result_bytes;
  if (over && !results_.empty()) return false;
  result_bytes_ += bytes;
  for (ItemResult& result : results) results_.push_back(std::move(result));
  return true;
}

void SendQueue::AddRevocations(std::span<const Revocation> revocations) {
  for (const Revocation& revocation : revocations) revocations_.push_back(Revocation(revocation));
}

void SendQueue::ForgetAll() {
  welcome_.clear();
  ForgetDeliveries();
  results_.clear();
  result_bytes_ = 0;
  ping_.reset();
  pong_.reset();
  drain_.reset();
}

bool SendQueue::empty() const {
  return welcome_.empty() && deliveries_.empty() && results_.empty() && revocations_.empty() && !ping_ && !pong_ &&
         !drain_;
}

void SendQueue::Take(SteadyTime now, OutgoingFrame* frame) {
  if (!welcome_.empty()) {
    // Alone: the chains it lists may fill a frame.
    frame->welcome = std::exchange(welcome_, {});
    return;
  }
  size_t used = kNoticeBytes;
  while (!results_.empty()) {
    size_t bytes = ResultSizeBound(results_.front());
    if (used + bytes > reserve_ && !frame->results.empty()) break;
    used += bytes;
    result_bytes_ -= HeldBytes(results_.front());
    frame->results.push_back(std::move(results_.front()));
    results_.pop_front();
  }
  for (size_t i = 0; !revocations_.empty() && i < kRevocationsPerFrame; ++i) {
    frame->revokes.push_back(revocations_.front());
    revocations_.pop_front();
  }
  size_t soft_limit = std::min(limits_.frame_bytes, limits_.max_frame_bytes);
  while (!deliveries_.empty() && frame->deliveries.size() < limits_.frame_deliveries) {
    PendingDelivery& next = deliveries_.front();
    if (next.lease_ends > now) {
      if (!frame->deliveries.empty() && used + next.size_bound > soft_limit) break;
      used += next.size_bound;
      frame->deliveries.push_back(std::move(next));
    }
    deliveries_.pop_front();
  }
  frame->ping = std::exchange(ping_, std::nullopt);
  frame->pong = std::exchange(pong_, std::nullopt);
  if (deliveries_.empty()) frame->drain = std::exchange(drain_, std::nullopt);
}

}  // namespace sluice
