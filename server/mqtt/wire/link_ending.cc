// How attempts and connections of a link end, and the link with them.
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/mqtt/wire/link.h"

namespace sluice::wire {
namespace {

// For the broker's end of a disconnection on purpose.
constexpr Millis kCloseTimeout{1'000};

}  // namespace

void Link::Drop(const std::string& why) {
  if (phase_ == Phase::kUp) Failed(why, 0);
}

void Link::EndIfFailing() {
  if (!failing_) return;
  client_.EndAfterError();
  Flush();
  const auto [why, reason] = *std::exchange(failing_, std::nullopt);
  Failed(why, reason);
}

void Link::ConnectFailed(const std::string& error, bool refused) {
  if (phase_ == Phase::kConnecting && !refused) {
    unanswered_ = true;
    // In a session that may be a new one a PUBREL would find nothing: all is published again instead.
    if (role_ == Role::kReplies) fresh_session_ = true;
  }
  transport_.reset();
  reading_ = write_under_way_ = false;
  failing_.reset();
  client_.ConnectionLost();
  phase_ = Phase::kDown;
  SetDetail(error);
  if (stopping_) return Finish();
  phase_timer_.Set(life_.ConnectFailed(error, refused, instead_), [this] { Open(); });
}

void Link::Failed(const std::string& why, uint8_t reason) {
  if (phase_ == Phase::kConnecting) return ConnectFailed(why + VersionHint(options_), /*refused=*/false);
  if (phase_ != Phase::kUp && phase_ != Phase::kClosing) return;
  const bool wanted = phase_ == Phase::kClosing;
  transport_.reset();
  reading_ = write_under_way_ = false;
  failing_.reset();
  keep_alive_timer_.Cancel();
  user_timer_.Cancel();
  client_.ConnectionLost();
  phase_ = Phase::kDown;
  up_.store(false, std::memory_order_release);
  if (wanted) {
    life_.Down();
    user_->OnDown(0);
    return Finish();
  }
  SetDetail(why);
  const SteadyTime retry = life_.Lost(why, reason, user_->ExpectsBreak(), instead_);
  user_->OnDown(reason);
  phase_timer_.Set(retry, [this] { Open(); });
}

void Link::Leave() {
  if (!std::exchange(stopping_, true)) CloseForGood();
}

void Link::CloseForGood() {
  phase_timer_.Cancel();
  if (phase_ != Phase::kUp) {
    transport_.reset();
    return Finish();
  }
  life_.Disconnecting("stopped");
  keep_alive_timer_.Cancel();
  user_timer_.Cancel();
  // What is in flight has had its time: egress is flushed before it stops, and intake has nothing in flight.
  // The broker publishes the will where it is told that this is what is wanted (MQTT 5.0 §3.14.2.1), or nothing
  // (3.1.1).
  client_.Disconnect(presence_.any() ? reason::kDisconnectWithWill : uint8_t{0});
  phase_ = Phase::kClosing;
  phase_timer_.Set(clock_.Now() + kCloseTimeout, [this] { Failed("stopped", 0); });
  Flush();
  if (!write_under_way_) Close();
}

void Link::Close() {
  transport_->Close(kCloseTimeout, [this](const absl::Status&) { Failed("stopped", 0); });
}

void Link::Finish() {
  phase_timer_.Cancel();
  MutexLock lock(mutex_);
  detail_ = "stopped";
  finished_ = true;
  changed_.NotifyAll();
}

}  // namespace sluice::wire
