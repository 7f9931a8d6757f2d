// The life of a connection: a control thread that connects, keeps trying with back-off,
// disconnects for a pause or the end, and says so in logs and metrics.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "server/mqtt/connection_life.h"
#include "server/mqtt/options.h"
#include "server/mqtt/paho/client.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/metrics.h"

namespace sluice::paho {

//            Connect()               accepted
//   kDown ──────────────▶ kConnecting ─────────▶ kUp
//     ▲  ◀───── failed ──────┘                    │ │
//     │ ◀──────────────── lost ───────────────────┘ │ paused, stopped
//     └──────────────── kDisconnecting ◀────────────┘
//
// Lock order: Paho's lock, the client's receiver mutex, then the user's mutexes and this one's. So the control thread
// holds none of ours while it calls the client.
class Link final : private Receiver {
 public:
  // Whose connection it is.
  class User {
   public:
    virtual ~User() = default;
    // On the control thread; they alternate.
    virtual void OnUp(Client& client, const ConnectResult& result) = 0;
    virtual void OnDown() = 0;
    // After every Wake(), and when it asked for: does what is due and says when to be called again, kNever if only
    // after the next Wake(). `client` is null while the connection is not up.
    virtual SteadyTime OnControl(Client* client) = 0;
    // From Paho's threads: see Receiver.
    virtual void OnMessage(const mqtt::const_message_ptr& message) = 0;
  };

  // Shared by all whose thread may have to be left behind: see Stop().
  Link(MqttOptions options, User& user, const Clock& clock, MetricsRegistry& metrics);
  ~Link() override = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // `owner` holds this link and its user; the control thread keeps it alive.
  void Start(std::shared_ptr<void> owner);
  void Pause(std::string reason);
  void Resume();
  // Disconnects and ends the control thread. False: `deadline` came first (Paho was stuck in a name look-up); the
  // thread is left behind and ends when it can.
  bool Stop(SteadyTime deadline);
  // Has the control thread call OnControl soon. Cheap when it is about to anyway.
  void Wake();

  // Breaks an unresponsive connection off and connects anew. Control thread only.
  void Drop(std::string why) { drop_ = std::move(why); }

  bool up() const { return up_.load(std::memory_order_acquire); }
  // Why it is not up.
  std::string detail() const;
  // Which one it is connected to, where there may be several; else empty.
  std::string server() const;
  const MqttOptions& options() const { return options_; }

 private:
  enum class Wanted : uint8_t { kUp, kPaused, kStopped };
  enum class Phase : uint8_t { kDown, kConnecting, kUp, kDisconnecting };
  // What callbacks have reported since the last look.
  struct News {
    bool lost = false;
    bool disconnected = false;
    uint8_t server_reason = 0;
  };

  void OnMessage(const mqtt::const_message_ptr& message) override { user_.OnMessage(message); }
  void OnProgress() override { Wake(); }
  void OnServerDisconnect(uint8_t reason) override;
  void OnConnectionLost() override;
  void OnDisconnected() override;

  void Run();
  // One move of the state machine; true if the next can follow at once.
  bool Step(Wanted wanted, const News& news);
  bool StepDown(Wanted wanted);
  bool StepConnecting(Wanted wanted);
  bool StepUp(Wanted wanted, const News& news);
  bool StepDisconnecting(const News& news);
  void ConnectFailed(const std::string& error, bool refused);
  void Lost(const News& news);
  void GoDown(std::string detail);
  void SetDetail(std::string detail);

  const MqttOptions options_;
  User& user_;
  const Clock& clock_;

  // Control thread only.
  MqttOptions attempt_;  // Of client_: options_ with the server that it goes to.
  Client::Ptr client_;
  Phase phase_ = Phase::kDown;
  ConnectionLife life_;
  SteadyTime due_;  // Of the phase: when to retry, or to give up waiting. kNever in kUp.
  SteadyTime up_since_{};
  int short_lives_ = 0;  // Connections in a row that were lost soon, and no broker said why.
  std::string drop_;

  std::atomic<bool> up_{false};
  std::thread thread_;

  mutable Mutex mutex_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  Wanted wanted_ ABSL_GUARDED_BY(mutex_) = Wanted::kUp;
  std::string pause_reason_ ABSL_GUARDED_BY(mutex_);
  SteadyTime stop_deadline_ ABSL_GUARDED_BY(mutex_) = kNever;
  News news_ ABSL_GUARDED_BY(mutex_);
  std::string detail_ ABSL_GUARDED_BY(mutex_) = "not started";
  std::string server_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::paho
