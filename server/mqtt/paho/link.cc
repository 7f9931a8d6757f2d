#include "server/mqtt/paho/link.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/mqtt/reason_codes.h"
#include "server/telemetry/log.h"

namespace sluice::paho {
namespace {

// Paho looks at its own connect timeout every three seconds; past it and this grace the client is given up.
constexpr Millis kConnectGrace{5'000};
// For the broker's end of a disconnection on purpose.
constexpr Millis kDisconnectTimeout{5'000};
// A session's messages come first thing: one that Paho cannot read ends each connection within this.
constexpr Millis kShortLife{10'000};
constexpr int kSuspiciousShortLives = 3;

}  // namespace

Link::Link(MqttOptions options, User& user, const Clock& clock, MetricsRegistry& metrics)
    : options_(std::move(options)),
      user_(user),
      clock_(clock),
      attempt_(options_),
      life_(options_, "intake", clock, metrics) {}

// ------------------------------------------------------------------------------------------------ from other threads

void Link::Start(std::shared_ptr<void> owner) {
  SetDetail("connecting");
  thread_ = std::thread([this, owner = std::move(owner)] { Run(); });
}

void Link::Pause(std::string reason) {
  {
    MutexLock lock(mutex_);
    if (wanted_ == Wanted::kStopped) return;
    wanted_ = Wanted::kPaused;
    pause_reason_ = std::move(reason);
    detail_ = "paused: " + pause_reason_;
  }
  Wake();
}

void Link::Resume() {
  {
    MutexLock lock(mutex_);
    if (wanted_ != Wanted::kPaused) return;
    wanted_ = Wanted::kUp;
    detail_ = "connecting";
  }
  Wake();
}

bool Link::Stop(SteadyTime deadline) {
  if (!thread_.joinable()) return true;
  bool finished = false;
  {
    MutexLock lock(mutex_);
    wanted_ = Wanted::kStopped;
    stop_deadline_ = deadline;
    woken_ = true;
    changed_.NotifyAll();
    while (!finished_ && clock_.Now() < deadline) changed_.WaitUntil(mutex_, deadline);
    finished = finished_;
  }
  if (finished) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return finished;
}

void Link::Wake() {
  MutexLock lock(mutex_);
  if (woken_) return;
  woken_ = true;
  changed_.NotifyAll();
}

std::string Link::detail() const {
  MutexLock lock(mutex_);
  return detail_;
}

std::string Link::server() const {
  MutexLock lock(mutex_);
  return server_;
}

void Link::OnServerDisconnect(uint8_t reason) {
  // Paho closes the connection next, and does not report it as lost.
  MutexLock lock(mutex_);
  news_.server_reason = reason;
  news_.lost = true;
  woken_ = true;
  changed_.NotifyAll();
}

void Link::OnConnectionLost() {
  MutexLock lock(mutex_);
  news_.lost = true;
  woken_ = true;
  changed_.NotifyAll();
}

void Link::OnDisconnected() {
  MutexLock lock(mutex_);
  news_.disconnected = true;
  woken_ = true;
  changed_.NotifyAll();
}

// ------------------------------------------------------------------------------------------------ control thread

void Link::Run() {
  due_ = clock_.Now();
  SteadyTime user_due = due_;
  while (true) {
    Wanted wanted;
    News news;
    {
      MutexLock lock(mutex_);
      SteadyTime next = std::min(due_, user_due);
      while (!woken_ && clock_.Now() < next) {
        if (next == kNever) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitUntil(mutex_, next);
        }
      }
      woken_ = false;
      wanted = wanted_;
      news = news_;
    }
    while (Step(wanted, news)) {
    }
    if (wanted == Wanted::kStopped && phase_ == Phase::kDown) break;
    user_due = user_.OnControl(phase_ == Phase::kUp ? client_.get() : nullptr);
    if (!drop_.empty()) user_due = clock_.Now();
  }
  client_.reset();
  MutexLock lock(mutex_);
  detail_ = "stopped";
  finished_ = true;
  changed_.NotifyAll();
}

bool Link::Step(Wanted wanted, const News& news) {
  switch (phase_) {
    case Phase::kDown:
      return StepDown(wanted);
    case Phase::kConnecting:
      return StepConnecting(wanted);
    case Phase::kUp:
      return StepUp(wanted, news);
    case Phase::kDisconnecting:
      return StepDisconnecting(news);
  }
  return false;
}

bool Link::StepDown(Wanted wanted) {
  if (wanted != Wanted::kUp) {
    due_ = kNever;
    return false;
  }
  // A resume does not wait for what a pause interrupted.
  if (due_ == kNever) due_ = clock_.Now();
  if (clock_.Now() < due_) return false;
  {
    MutexLock lock(mutex_);
    news_ = {};
  }
  drop_.clear();
  if (const std::string& server = life_.servers().current(); server != attempt_.uri) {
    client_.reset();
    attempt_.uri = server;
  }
  if (!client_) client_ = Client::Create(attempt_, *this);
  phase_ = Phase::kConnecting;
  due_ = clock_.Now() + options_.connect_timeout + kConnectGrace;
  if (absl::Status started = client_->Connect(); !started.ok()) {
    ConnectFailed(std::string(started.message()), /*refused=*/false);
  }
  return false;
}

bool Link::StepConnecting(Wanted wanted) {
  if (std::optional<ConnectResult> result = client_->connect_result()) {
    if (!result->ok) {
      ConnectFailed(result->error, result->refused);
      return wanted != Wanted::kUp;
    }
    phase_ = Phase::kUp;
    due_ = kNever;
    up_since_ = clock_.Now();
    const bool changed = life_.servers().changed();
    life_.Up({.session_present = result->session_present,
              .session_expiry_s = result->session_expiry_s,
              .assigned_client_id = result->assigned_client_id});
    // It may be another session than that of the last connection.
    if (changed) result->session_present = false;
    // The user first: its part of the state must not still be that of the last connection when it counts.
    user_.OnUp(*client_, *result);
    SetDetail("");
    {
      MutexLock lock(mutex_);
      server_ = life_.chosen_server();
    }
    up_.store(true, std::memory_order_release);
    return true;
  }
  if (wanted != Wanted::kUp) {
    client_.reset();
    phase_ = Phase::kDown;
    return true;
  }
  if (clock_.Now() >= due_) {
    client_.reset();
    ConnectFailed("no answer from " + attempt_.uri + " in time" + VersionHint(options_), /*refused=*/false);
  }
  return false;
}

bool Link::StepUp(Wanted wanted, const News& news) {
  if (news.lost) {
    Lost(news);
    return true;
  }
  if (!drop_.empty()) {
    client_.reset();
    GoDown(drop_);
    due_ = life_.Lost(drop_, 0);
    return true;
  }
  if (wanted == Wanted::kUp) return false;
  std::string why;
  due_ = clock_.Now() + kDisconnectTimeout;
  {
    MutexLock lock(mutex_);
    why = wanted == Wanted::kPaused ? "paused: " + pause_reason_ : "stopped";
    if (wanted == Wanted::kStopped) due_ = std::min(due_, stop_deadline_);
  }
  life_.Disconnecting(why);
  if (!client_->Disconnect(Millis{0})) {
    GoDown(why);
    due_ = kNever;
    return true;
  }
  phase_ = Phase::kDisconnecting;
  return false;
}

bool Link::StepDisconnecting(const News& news) {
  if (!news.disconnected && !news.lost) {
    if (clock_.Now() < due_) return false;
    client_.reset();
  }
  GoDown("");
  due_ = kNever;
  return true;
}

void Link::ConnectFailed(const std::string& error, bool refused) {
  phase_ = Phase::kDown;
  due_ = life_.ConnectFailed(error, refused);
  SetDetail(error);
}

void Link::Lost(const News& news) {
  std::string why =
      news.server_reason == 0 ? "connection lost" : "disconnected by the broker: " + DescribeReason(news.server_reason);
  // Paho does not say what it closed over.
  const bool unexplained = news.server_reason == 0 && clock_.Now() - up_since_ < kShortLife;
  short_lives_ = unexplained ? short_lives_ + 1 : 0;
  if (short_lives_ >= kSuspiciousShortLives) {
    why += ", " + std::to_string(short_lives_) +
           " times in a row soon after it was made: perhaps over a message that Eclipse Paho cannot read; 'driver: "
           "wire' passes "
           "such messages over";
  }
  GoDown(why);
  due_ = life_.Lost(why, news.server_reason);
}

void Link::GoDown(std::string detail) {
  phase_ = Phase::kDown;
  up_.store(false, std::memory_order_release);
  life_.Down();
  SetDetail(std::move(detail));
  user_.OnDown();
}

void Link::SetDetail(std::string detail) {
  MutexLock lock(mutex_);
  detail_ = wanted_ == Wanted::kPaused ? "paused: " + pause_reason_ : std::move(detail);
}

}  // namespace sluice::paho
