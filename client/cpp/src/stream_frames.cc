// The half of Stream that takes the gateway's frames.
#include <algorithm>
#include <string>
#include <utility>

#include "client/cpp/src/frame_encoder.h"
#include "client/cpp/src/stream.h"

namespace sluice::client {

void Stream::HandleFrame() {
  const auto batch = std::make_shared<Batch>();
  if (!read_buffer_.TrySingleSlice(&batch->frame).ok()) {
    // In pieces: they are joined by the one copy that is made of a delivery.
    if (!read_buffer_.DumpToSingleSlice(&batch->frame).ok()) batch->frame = grpc::Slice();
  }
  read_buffer_.Clear();
  GatewayParts parts;
  Status status = DecodeFrame({reinterpret_cast<const char*>(batch->frame.begin()), batch->frame.size()}, parts);

  const SteadyTime now = Now();
  SteadyTime lease_due = kNever;
  bool connected = false;
  {
    MutexLock lock(mutex_);
    reading_ = false;
    if (status.ok()) status = Greet(parts);
    if (status.ok()) {
      connected = parts.welcome.has_value();
      Hold(parts, batch, now);
      for (const uint64_t id : parts.revokes) Lose(id);
      HandleControl(parts);
      lease_due = leases_.Next();
      if (tells_began_ && !leases_.empty()) lease_due = std::min(lease_due, looked_ + kTellBegunEvery);
    }
  }
  if (!status.ok()) {
    Cancel(std::move(status));
  } else {
    if (connected) listener_.OnConnected(*this, *parts.welcome);
    if (!parts.results.empty()) HandleResults(parts.results);
    if (parts.drain) listener_.OnGatewayDrains(*this, *parts.drain);
    if (batch->size > 0) listener_.OnBatch(batch);
    if (connected || batch->size > 0) listener_.WakeBy(connected ? now : lease_due);
  }

  Next next;
  {
    MutexLock lock(mutex_);
    over_window_ = OverWindow();
    if (!over_window_ || cancelled_ || write_failed_) {
      over_window_ = false;
      listened_ = Now();
      reading_ = true;
    }
    next = Decide();
    next.read = next.read || reading_;
  }
  Begin(next);
}

Status Stream::Greet(const GatewayParts& parts) {
  if (phase_ != Phase::kGreeting) {
    return parts.welcome ? Status(StatusCode::kInvalidArgument, "the gateway sent a second Welcome") : Status();
  }
  if (!parts.welcome) return {StatusCode::kInvalidArgument, "the gateway's first frame is not a Welcome"};
  if (parts.welcome->protocol_version() > kProtocolVersion) {
    return {StatusCode::kFailedPrecondition, "the gateway chose protocol version " +
                                                 std::to_string(parts.welcome->protocol_version()) +
                                                 "; this worker speaks version 1"};
  }
  phase_ = Phase::kServing;
  heartbeat_ = Millis(std::clamp(parts.welcome->heartbeat_interval_ms(), 1'000U, 3'600'000U));
  const auto& features = parts.welcome->features();
  tells_began_ = std::ranges::find(features, kBeganFeature) != features.end();
  if (tells_began_) leases_.TellBegun();
  constexpr uint64_t kDefaultMaxFrame = uint64_t{4} << 20;  // gRPC's own, for a gateway that says none.
  max_frame_bytes_ = parts.welcome->max_frame_bytes() == 0 ? kDefaultMaxFrame : parts.welcome->max_frame_bytes();
  return {};
}

void Stream::Hold(GatewayParts& parts, const std::shared_ptr<Batch>& batch, SteadyTime now) {
  // After the half-close nothing can be settled: these go to others.
  if (parts.deliveries.empty() || half_closed_) return;
  batch->messages = std::move(parts.deliveries);
  batch->size = batch->messages.size();
  batch->deliveries = std::make_unique<HeldDelivery[]>(batch->size);
  batch->left = batch->size;
  batch->stream = self_;
  for (size_t i = 0; i < batch->size; ++i) {
    const Message& message = batch->messages[i];
    HeldDelivery& held = batch->deliveries[i];
    held.id = message.delivery_id;
    held.lease = message.lease;
    held.window_bytes = WindowBytes(message);
    held_bytes_ += held.window_bytes;
  }
  // A handler of what comes now is not looked at before it could be worth it.
  if (leases_.empty()) looked_ = now;
  delivered_ = now;
  held_messages_ += batch->size;
  leases_.Add(batch, now);
}

void Stream::HandleControl(const GatewayParts& parts) {
  if (parts.ping) {
    v1::WorkerFrame pong;
    pong.mutable_pong()->set_nonce(*parts.ping);
    AppendFrame(pong, false);
  }
  if (parts.pong == kDrainNonce) no_more_deliveries_ = true;
  if (parts.drain) {
    phase_ = Phase::kLeaving;
    no_more_deliveries_ = true;
  }
}

void Stream::Lose(uint64_t delivery_id) {
  const HeldDelivery* held = leases_.MarkLost(delivery_id);
  if (held == nullptr) return;
  --held_messages_;
  held_bytes_ -= held->window_bytes;
}

void Stream::HandleResults(const std::vector<ItemResult>& results) {
  for (const ItemResult& result : results) {
    if (result.code == ItemResult::Code::kStale && result.reply_id == 0) {
      MutexLock lock(mutex_);
      Lose(result.delivery_id);
    } else if (result.code == ItemResult::Code::kClipped) {
      MutexLock lock(mutex_);
      leases_.StopExtending(result.delivery_id);
      if (!options_.on_result) continue;
    }
    if (options_.on_result) {
      options_.on_result(result);
    } else if (result.reply_id == 0 && result.code != ItemResult::Code::kOk) {
      ReportRefused(result.message.empty() ? "code " + std::to_string(static_cast<int>(result.code)) : result.message);
    }
  }
}

}  // namespace sluice::client
