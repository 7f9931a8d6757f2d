// The life of a connection, the same for intake and egress: connects, keeps trying with back-off, moves bytes between
// the transport and the protocol's client, pings, disconnects at the end. Everything happens on the event loop's
// thread.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/mqtt/connection_life.h"
#include "server/mqtt/options.h"
#include "server/mqtt/protocol/client.h"
#include "server/mqtt/transport/transport.h"
#include "server/mqtt/wire/keep_alive.h"
#include "server/mqtt/wire/presence.h"
#include "server/mqtt/wire/read_buffer.h"
#include "server/net/event_loop.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice::wire {

//           Open()            CONNECT            CONNACK
//   kDown ─────────▶ kOpening ────────▶ kConnecting ────▶ kUp ──────────▶ kClosing ──▶ kDown
//     ▲ ◀──── failed ───┴───────────────────┘              │    stopped
//     └──────────────────────── lost ──────────────────────┘
class Link final : private ClientEvents {
 public:
  // Whose connection it is. Called on the loop's thread.
  class User {
   public:
    virtual ~User() = default;
    // Alternate. `session_kept`: it is the session of this process' last connection. (CONNACK's session_present alone
    // may mean one that a CONNECT began whose CONNACK was lost.)
    virtual void OnUp(const Connack& connack, bool session_kept) = 0;
    // `reason`: of the broker's DISCONNECT, 0 without one.
    virtual void OnDown(uint8_t reason) = 0;
    // If the connection breaks now, it is most likely over something that was sent: there is no reason to wait before
    // the next.
    virtual bool ExpectsBreak() const { return false; }
    // See ClientEvents. `storage` keeps the publish's views alive; null: copy them.
    virtual void OnPublish(const Publish& /*publish*/, const std::shared_ptr<const void>& /*storage*/) {}
    // Counted and logged already.
    virtual void OnBadPublish(const BadPacket& /*packet*/) {}
    // A packet was passed over that may have been the answer to something that now stays without one.
    virtual void OnAnswerAstray() {}
    virtual void OnReleased(uint16_t /*packet_id*/) {}
    virtual void OnPublished(uint64_t /*token*/, uint8_t /*reason*/) {}
    virtual void OnSuback(uint16_t /*packet_id*/, uint8_t /*code*/) {}
    // `code`: 0 with MQTT 3.1.1.
    virtual void OnUnsuback(uint16_t /*packet_id*/, uint8_t /*code*/) {}
    // All that one read brought has been told. An error gives the connection up.
    virtual absl::Status OnBatch() = 0;
    // Appends to the client's output what may go out now. Not called while a write is under way: what comes meanwhile
    // gathers.
    virtual void Produce() {}
    // What was appended so far has been written.
    virtual void OnWritten() {}
    // At the time asked for with WakeAt(), while the connection is up.
    virtual void OnTime() {}
    // False: what comes is left in the socket for now.
    virtual bool MayRead() const { return true; }
    // Acknowledgements of what came are to be appended later, from any of the loop's tasks; then EndIfFailing() is called.
    virtual bool OwesAcknowledgements() const { return false; }
  };

  enum class Role : uint8_t { kIntake, kReplies, kShared };

  Link(MqttOptions options, Role role, const Clock& clock, MetricsRegistry& metrics);
  ~Link() override = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // ---- before Start()
  // Outlives this.
  void Serve(User& user) { user_ = &user; }
  // One more Start() is waited for.
  void AwaitAnotherStart();

  // ---- from any thread
  // `owner` holds this link and its user; the loop's thread keeps it alive.
  void Start(std::shared_ptr<void> owner);
  // Disconnects and ends the thread. False: `deadline` came first (a name look-up was stuck); the thread is left behind
  // and ends when it can. Once: a second call returns the same at once.
  bool Stop(SteadyTime deadline);
  // After Stop() returned false: true once the thread has ended, false at `deadline`.
  bool AwaitEnd(SteadyTime deadline) { return loop_.Stop(deadline); }
  void Post(std::function<void()> task) { loop_.Post(std::move(task)); }
  bool up() const { return up_.load(std::memory_order_acquire); }
  std::string detail() const;  // Why it is not up.
  // Which one it is connected to, where there may be several; else empty.
  std::string server() const;
  const MqttOptions& options() const { return options_; }

  // ---- on the loop's thread
  EventLoop& loop() { return loop_; }
  Client& client() { return client_; }
  const Client& client() const { return client_; }
  // Sends what is in the client's output and what the user produces, as far as the socket takes it.
  void Flush();
  // Reads on after MayRead() said no.
  void ReadOn();
  // OnTime at `when`, replacing what was set before; kNever: not at all.
  void WakeAt(SteadyTime when);
  // Ends a connection that is of no use any more and has waited for its user's acknowledgements.
  void EndIfFailing();
  // Disconnects for good, as Stop() does; whoever owns it still has to call that.
  void Leave();
  // The broker serves this connection: if it breaks all the same, the pause before the next one is the shortest.
  void Proven() { life_.Proven(); }
  // Breaks an unresponsive connection off and connects anew.
  void Drop(const std::string& why);

 private:
  enum class Phase : uint8_t { kDown, kOpening, kConnecting, kUp, kClosing };

  // Of ClientEvents.
  void OnConnack(const Connack& connack) override;
  void OnPublish(const Publish& publish) override { user_->OnPublish(publish, storage_); }
  void OnBadPacket(const BadPacket& packet) override;
  void OnReleased(uint16_t packet_id) override { user_->OnReleased(packet_id); }
  void OnPublished(uint64_t token, uint8_t reason) override;
  void OnSuback(uint16_t packet_id, std::span<const uint8_t> codes, std::string_view reason_string) override;
  void OnUnsuback(uint16_t packet_id, std::span<const uint8_t> codes) override;
  void OnDisconnect(const Disconnected& disconnected) override;

  void Open();
  void Opened(const absl::Status& status);
  void Read();
  void OnRead(const absl::Status& status, size_t bytes);
  void OnKeepAlive();
  // The packet that is coming in does not come on: its length is wrong, and swallows what the broker says.
  bool StuckInAPacket();
  void ConnectFailed(const std::string& error, bool refused);
  // The connection is of no use any more, whatever phase it is in. May be called within any of the transport's
  // completions.
  void Failed(const std::string& why, uint8_t reason);
  void CloseForGood();
  void Close();
  void Finish();
  void SetDetail(std::string detail);
  // The broker has said with this reason that another one is to be used.
  void NoteReference(uint8_t reason, std::string_view reference);

  const MqttOptions options_;
  const Role role_;
  User* user_ = nullptr;
  const Clock& clock_;

  std::array<Counter*, kFaultKinds> bad_packets_{};  // By FaultKind.
  log::Limiter log_limit_;

  EventLoop loop_;
  ConnectionLife life_;
  Presence presence_;
  Client client_;
  std::unique_ptr<Transport> transport_;
  Timer phase_timer_;  // Retry while down; CONNACK's time-out.
  Timer keep_alive_timer_;
  Timer user_timer_;
  KeepAlive keep_alive_;
  ReadBuffer buffer_;
  size_t read_since_tick_ = 0;           // Bytes, since the last tick of keep_alive_.
  bool finished_since_tick_ = true;      // A packet came to its end, or none was begun.
  std::shared_ptr<const void> storage_;  // Of the bytes that are being received.
  std::string writing_;
  bool reading_ = false;
  bool write_under_way_ = false;
  bool stopping_ = false;
  Phase phase_ = Phase::kDown;
  // What came before an error is acknowledged first, or it would come again with each connection, and the error with it.
  std::optional<std::pair<std::string, uint8_t>> failing_;
  bool unanswered_ = false;           // The last CONNECT was sent and got no CONNACK.
  std::string refusal_;               // Of a CONNACK that refuses.
  std::string farewell_;              // Of the broker's DISCONNECT.
  bool fresh_session_;                // MQTT 5: of a connection for replies, the next CONNECT wants a new one.
  std::vector<std::string> instead_;  // Servers that the broker has named.

  std::atomic<bool> up_{false};

  mutable Mutex mutex_;
  CondVar changed_;
  int starts_awaited_ ABSL_GUARDED_BY(mutex_) = 1;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<bool> stopped_ ABSL_GUARDED_BY(mutex_);  // What Stop() has returned: nothing comes after it.
  std::string detail_ ABSL_GUARDED_BY(mutex_) = "not started";
  std::string server_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::wire
