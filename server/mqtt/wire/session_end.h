// Ends a session that nobody is to use any more: connects with a clean start, which discards it (MQTT 5.0 §3.1.2.4,
// 3.1.1 §3.1.2.4), and leaves, so that the new one ends, too.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/mqtt/intake.h"
#include "server/mqtt/options.h"
#include "server/mqtt/wire/link.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice::wire {

// What outlives an EndOfSession whose thread had to be left behind.
class SessionEndCore final : public Link::User {
 public:
  SessionEndCore(MqttOptions options, std::function<void()> ended, const Clock& clock)
      : link_(Clean(std::move(options)), Link::Role::kIntake, clock, metrics_), ended_(std::move(ended)) {
    link_.Serve(*this);
  }

  Link& link() { return link_; }
  std::string detail() const { return link_.detail(); }
  // `ended` is not called any more.
  void LetGo() {
    MutexLock lock(mutex_);
    ended_ = nullptr;
  }

 private:
  static MqttOptions Clean(MqttOptions options) {
    options.clean_session = true;
    return options;
  }

  void OnUp(const Connack& /*connack*/, bool /*session_kept*/) override {
    {
      MutexLock lock(mutex_);
      if (ended_) ended_();
    }
    link_.Post([this] { link_.Leave(); });
  }
  void OnDown(uint8_t /*reason*/) override {}
  absl::Status OnBatch() override { return absl::OkStatus(); }

  MetricsRegistry metrics_;  // Nobody's: a connection that is to go is not one that is down.
  Link link_;
  Mutex mutex_;
  std::function<void()> ended_ ABSL_GUARDED_BY(mutex_);
};

class EndOfSession final : public SessionFarewell {
 public:
  explicit EndOfSession(std::shared_ptr<SessionEndCore> core) : core_(std::move(core)) {}
  ~EndOfSession() override { EndOfSession::Stop(std::chrono::steady_clock::now() + kStopInDestructor); }
  EndOfSession(const EndOfSession&) = delete;
  EndOfSession& operator=(const EndOfSession&) = delete;

  void Start() override { core_->link().Start(core_); }
  void Stop(SteadyTime deadline) override {
    core_->link().Stop(deadline);
    core_->LetGo();
  }
  std::string Detail() const override { return core_->detail(); }

 private:
  // For an owner that did not call Stop().
  static constexpr Millis kStopInDestructor{5'000};

  const std::shared_ptr<SessionEndCore> core_;
};

}  // namespace sluice::wire
