#include "client/cpp/src/batch_runner.h"

#include <string>

#include "client/cpp/src/frame_encoder.h"
#include "client/cpp/src/stream.h"

namespace sluice::client {

using State = HeldDelivery::State;

namespace {

// What gathers from handlers on the stream's thread is sent before the batch is through when it grows this large.
constexpr size_t kSendAt = size_t{64} << 10;

std::string Limits(size_t bytes) {
  return std::to_string(bytes) + " bytes and " + std::to_string(kMaxFrameItems) + " properties to a frame";
}

}  // namespace

void BatchRunner::Run(Batch& batch) {
  stream_ = batch.stream.get();
  sample_ns_ = -1;
  mean_ns_ = -1;
  const SteadyTime start = Now();
  int64_t ran = 0;
  for (size_t index = 0; (index = batch.next.fetch_add(1, std::memory_order_relaxed)) < batch.size;) {
    if (RunOne(batch, index)) ++ran;
  }
  if (ran > 0) mean_ns_ = std::chrono::nanoseconds(Now() - start).count() / ran;
  if (chunk_.settled > 0) stream_->Send(chunk_);
}

void BatchRunner::CallHandler(const Message& message) {
  if (inline_ || sample_ns_ >= 0) {
    handler_.Run(message, *this);
    return;
  }
  const SteadyTime began = Now();
  handler_.Run(message, *this);
  sample_ns_ = std::chrono::nanoseconds(Now() - began).count();
}

bool BatchRunner::RunOne(Batch& batch, size_t index) {
  held_ = &batch.deliveries[index];
  bool ran = false;
  if (stream_->alive()) {
    State expected = State::kHeld;
    ran = held_->state.compare_exchange_strong(expected, State::kRunning, std::memory_order_relaxed);
    if (ran) CallHandler(batch.messages[index]);
    if (chunk_.settled > 0 && (!inline_ || chunk_.bytes.size() >= kSendAt)) stream_->Send(chunk_);
  }
  if (batch.left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    settled_.fetch_add(batch.size, std::memory_order_relaxed);
    stream_->FinishBatch(batch);
  }
  return ran;
}

Status BatchRunner::Send(const Reply& reply) {
  if (held_->state.load(std::memory_order_relaxed) == State::kLost) {
    return {StatusCode::kUnavailable, "the gateway has given the message to another worker"};
  }
  early_.items = CountItems(reply);
  if (early_.items > kMaxFrameItems || !EncodeEarlyReply(reply, held_->id, stream_->max_item_bytes(), early_.bytes)) {
    early_.Clear();
    return {StatusCode::kInvalidArgument,
            "the reply is larger than the gateway takes (" + Limits(stream_->max_item_bytes()) + ")"};
  }
  Status status = stream_->SendEarly(early_, !inline_);
  early_.Clear();
  return status;
}

bool BatchRunner::Abandoned() const {
  return !stream_->alive() || held_->state.load(std::memory_order_relaxed) == State::kLost;
}

void BatchRunner::Settle(Outcome outcome, std::string_view reason, std::chrono::milliseconds retry_after,
                         std::span<const Reply> replies) {
  State expected = State::kRunning;
  if (!held_->state.compare_exchange_strong(expected, State::kDone, std::memory_order_relaxed)) return;
  const size_t limit = stream_->max_item_bytes();
  SettleParts parts{
      .delivery_id = held_->id, .outcome = outcome, .reason = reason, .retry_after = retry_after, .replies = replies};
  size_t items = CountItems(replies);
  if (chunk_.items + items > kMaxFrameItems && chunk_.settled > 0) stream_->Send(chunk_);
  if (items > kMaxFrameItems || !EncodeSettle(parts, limit, chunk_.bytes)) {
    const std::string why = "the handler's replies are larger than the gateway takes (" + Limits(limit) + ")";
    items = 1;
    stream_->ReportRefused(why);
    parts = {.delivery_id = held_->id, .outcome = Outcome::kReject, .reason = why};
    EncodeSettle(parts, SIZE_MAX, chunk_.bytes);
  }
  chunk_.items += items;
  ++chunk_.settled;
  chunk_.settled_bytes += held_->window_bytes;
}

}  // namespace sluice::client
