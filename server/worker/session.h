// One worker's stream: what it may do when, and who is told what.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log_limit.h"
#include "server/worker/admission.h"
#include "server/worker/crash_loops.h"
#include "server/worker/delivery_source.h"
#include "server/worker/frame_encoder.h"
#include "server/worker/read_gate.h"
#include "server/worker/send_queue.h"
#include "server/worker/settle_handler.h"
#include "server/worker/stream_identity.h"
#include "server/worker/worker_metrics.h"

namespace sluice {

class Authenticator;

// The gRPC stream under a session. Valid until Session::OnDone.
class Stream {
 public:
  virtual ~Stream() = default;
  // Asks for Session::OnWake, soon and once for many calls. Thread-safe; called under the session's mutex: must not call
  // back.
  virtual void Wake() = 0;
  // From OnWake. One at a time, until Session::OnWritten.
  virtual void WriteFrame(rpc::Payload frame) = 0;
  // Goes on reading after Session::OnRead has said no. Thread-safe.
  virtual void ReadFrame() = 0;
  // From OnWake, once, with no write under way; no WriteFrame after it.
  virtual void EndWith(const absl::Status& status) = 0;
  // Tears the stream down, whatever is under way (a write that the worker does not read); EndWith must still follow.
  // The worker is told `status` if it can be reached. Thread-safe; called under the session's mutex: must not call back.
  virtual void Abort(const absl::Status& status) = 0;
};

struct SessionLimits {
  SendLimits outgoing;
  Window max_window{.messages = 10'000, .bytes = 64u << 20};  // bytes 0: no limit.
  Millis heartbeat{10'000};
  Millis hello_timeout{10'000};
  Millis result_timeout{30'000};  // Of a reply that asked for its result.
};

// What all sessions of a server share; outlives them. Constant, its parts thread-safe.
struct SessionContext {
  const Clock& clock;
  DeliverySource& source;
  SettleHandler& settles;
  ReadGate& gate;
  log::Limiter& log_limit;  // A worker that connects in a loop must not flood the log.
  AdmissionRules admission;
  WorkerMetrics metrics;
  SessionLimits limits;
  std::string gateway;                       // Welcome.gateway
  std::function<void(SteadyTime)> wake_by;   // Asks for a Tick.
  CrashLoops* crash_loops = nullptr;         // Null: nobody looks for them.
  Authenticator* authenticator = nullptr;    // Null: everybody is let in.
  const Permissions* permissions = nullptr;  // Null: everything is permitted.
  // Whether a certificate that TLS let in would be let in now, and why not. Null: yes.
  std::function<absl::Status(const PeerCertificate& certificate)> check_certificate = nullptr;
};

// Counts and logs a stream that ended before its Hello was accepted; `number` is empty where it got no session.
void NoteRefusal(const SessionContext& context, std::string_view number, std::string_view peer,
                 const absl::Status& status);

// What a stream is told of the end of what its worker showed. Never: kNever.
SteadyTime SteadyAt(int64_t unix_s, const Clock& clock);

// The life of a session:
//
//              hello accepted             drain, from either side
//   kHello ───────────────────▶ kOpen ─────────────────────────────▶ kDraining
//      │                          │                                       │
//      │ no or a bad hello        │ half-close, lost, silent, a rule      │ the same, or the drain's
//      │ in time, refused         │ broken, results unread, shutdown      │ deadline
//      ▼                          ▼                                       ▼
//   kClosing: nothing more is read; the dispatcher has taken its deliveries back. Once no write is under
//      │      way (after a half-close: once the results that are owed are written): EndWith. When that
//      │      takes too long: Abort.
//      ▼
//   kFinished ──OnDone──▶ kDone: late deliveries and results are forgotten.
//
// After a half-close the dispatcher keeps the deliveries until OnCancel or OnDone say whether the connection broke, too:
// what a worker was lost with is delivered with care.
//
// Decisions are made under the mutex; the dispatcher, the settle handler, WriteFrame and EndWith are called outside
// it. Whoever has something to be written, or to end, wakes the stream; what has come together until OnWake is encoded
// and written there. At most one read and one write are under way; whoever sets `writing_` owns the frame until
// OnWritten. While the gate is closed nothing is read, and the worker's silence does not count.
// Thread-safe; the On* functions are called by the stream's reactions, at most one OnRead at a time.
class Session final : public DeliverySink,
                      public ResultSink,
                      public ReadGate::Reader,
                      public std::enable_shared_from_this<Session> {
 public:
  // `number` names it in logs and in Welcome. `age_limit`: when it is asked to drain; kNever is allowed.
  Session(const SessionContext& context, Stream& stream, std::string number, std::string peer, SteadyTime age_limit,
          StreamIdentity identity = {});

  // ---- reactions of the stream
  // False: read no more, or not before Stream::ReadFrame.
  bool OnRead(std::string_view frame);
  // The worker half-closed.
  void OnReadEnd();
  void OnWritten();
  // After Stream::Wake: starts what may be started now, a write or the end.
  void OnWake();
  // The worker hears nothing more. `why`: CANCELLED (it has gone), or what was wrong with its call.
  void OnCancel(const absl::Status& why);
  // The last one; the Stream dies.
  void OnDone();

  // ---- from the dispatcher and the reply stage
  void Deliver(std::vector<Delivery> batch) override;
  void Revoke(std::vector<Revocation> revocations) override;
  void SendResults(std::vector<ItemResult> results) override;
  const StreamGrants* grants() const override { return grants_.load(std::memory_order_acquire); }

  // ---- from the gate
  void ReadOn() override;

  // ---- from the registry
  // Does what is due; returns when it wants to be called next.
  SteadyTime Tick(SteadyTime now);
  // No new deliveries; ends with Unavailable at `deadline` if the worker has not half-closed by then.
  void Drain(SteadyTime deadline, const std::string& reason);
  // Unavailable, now. What is in flight goes to others and does not count as an attempt.
  void Shutdown(const std::string& reason);
  // Looks whether what the worker showed still holds; if not, the stream ends.
  void CheckAgain();
  // The rules are others: what they give now holds for replies at once; where that differs from what the stream began
  // with, it is drained, so that the worker comes back under the new ones, or ended if none of its chains is left to it.
  void CheckRules();
  // The configuration has other chains now: if one of them was asked for and nobody knew it, the worker is to connect
  // again.
  void LookForChains();

  const std::string& number() const { return number_; }
  // For administrators. Nothing: no Hello was accepted, or it has ended.
  struct Description {
    std::string number;
    std::string worker;  // What it calls itself,
    std::string sdk;     // and what it says that it is written with.
    std::string principal;
    std::string peer;
    std::string user_agent;
    Millis age{0};
    SessionId session = 0;  // 0: the dispatcher is just getting to know it.
    Window window;          // As the worker's last frame says.
    bool stalled = false;   // It does not read, so its window counts as 0.
    bool draining = false;

    // By its number, "NAME/INSTANCE" or "NAME".
    bool IsCalled(std::string_view name) const;
  };
  std::optional<Description> Describe();

 private:
  enum class State : uint8_t { kHello, kOpen, kDraining, kClosing, kFinished, kDone };

  // Whether to read on now.
  bool MayRead();
  // After MayRead() has said yes late.
  void StartReading();
  // Holds the reading back for as long as the principal's rate wants it.
  void Pace(size_t replies, size_t bytes);
  absl::Status Handle(IncomingFrame frame);
  absl::Status HandleHello(const Hello& hello);
  void HandleExtends(const std::vector<LeaseExtension>& extends);
  void HandleDrain(const DrainNotice& notice);
  std::string EncodeWelcome(const Hello& hello, const Admission& admission) const;
  Window MaxWindow() const;
  Window Clamp(Window asked) const;

  // Decides to end, unless that is decided already. `flush`: results that wait are written first.
  bool CloseLocked(absl::Status status, EndReason reason, bool flush) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(absl::Status status, EndReason reason, bool flush = false);
  // Its messages are not to blame. The worker is told to drain, and then why it is ended.
  void Withdraw(absl::Status status);
  // After CloseLocked: gives the deliveries back.
  void Leave();
  // Wakes the stream if there is something to start.
  void Pump();
  // What OnWake would start.
  bool HasFrameLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !outgoing_.empty() && (state_ < State::kClosing || flush_);
  }
  bool MayEndLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return state_ == State::kClosing && !LingersLocked();
  }
  bool BusyLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return writing_ || corked_ || resuming_ || state_ >= State::kFinished;
  }
  // Tells the dispatcher the window when it is another than it knows.
  void SyncWindow();
  void SetWindowLocked(Window window) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Rejects messages that fit no frame.
  void RejectOversized();
  // After a half-close: results are yet to come.
  bool LingersLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return linger_until_ != kNever && owed_ > 0; }
  SteadyTime TickClosingLocked(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleBegan(SessionId session, const std::vector<uint64_t>& ids);
  bool OpenLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return state_ == State::kOpen || state_ == State::kDraining;
  }
  void LogDrainLocked(const char* by, std::string_view reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LogEnd();

  const SessionContext& context_;
  Stream& stream_;
  const std::string number_;
  const std::string peer_;
  const SteadyTime created_;
  StreamIdentity identity_;   // Constant, save that its use ends with the stream.
  const SteadyTime expires_;  // When what the worker showed ends.
  // Of what Hello was granted; set before a frame after it is looked at, and again when the rules change. Null: there are
  // no rules.
  std::atomic<const StreamGrants*> grants_ = nullptr;

  // Owned by whoever set writing_.
  OutgoingFrame frame_;
  FrameEncoder encoder_;

  Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kHello;
  // What the rules give by now, and all that grants_ was: somebody may be looking at it.
  std::shared_ptr<const Grants> ruled_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<const StreamGrants>> all_grants_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;  // OnWake is to come.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // A frame is being handled: what it causes leaves together when it is done.
  bool corked_ ABSL_GUARDED_BY(mutex_) = false;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;      // Nothing is read: the gate is closed.
  bool resuming_ ABSL_GUARDED_BY(mutex_) = false;  // Somebody is about to read on: the stream must not end meanwhile.
  SendQueue outgoing_ ABSL_GUARDED_BY(mutex_);
  SessionId session_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: not known to the dispatcher.
  bool left_ ABSL_GUARDED_BY(mutex_) = false;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;  // No attempt of an unsettled delivery counts when the stream ends.
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;  // The highest delivery whose write was started.
  bool tells_began_ ABSL_GUARDED_BY(mutex_) = false;
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;  // A Hello was accepted.
  std::string worker_ ABSL_GUARDED_BY(mutex_);   // "name/instance"
  std::string sdk_ ABSL_GUARDED_BY(mutex_);      // Of Hello.
  std::vector<uint64_t> oversized_ ABSL_GUARDED_BY(mutex_);

  Window window_ ABSL_GUARDED_BY(mutex_);
  Window told_window_ ABSL_GUARDED_BY(mutex_);  // What the dispatcher knows.
  bool telling_window_ ABSL_GUARDED_BY(mutex_) = false;
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;  // The worker does not read: its window counts as 0.

  SteadyTime last_received_ ABSL_GUARDED_BY(mutex_);
  SteadyTime last_sent_ ABSL_GUARDED_BY(mutex_);
  SteadyTime write_started_ ABSL_GUARDED_BY(mutex_);
  SteadyTime last_ping_ ABSL_GUARDED_BY(mutex_);
  uint64_t pings_ ABSL_GUARDED_BY(mutex_) = 0;
  SteadyTime age_limit_ ABSL_GUARDED_BY(mutex_);
  SteadyTime expiry_drain_ ABSL_GUARDED_BY(mutex_);                  // When the worker is told of the expiry.
  SteadyTime read_from_ ABSL_GUARDED_BY(mutex_){};                   // By the principal's rate.
  bool paced_ ABSL_GUARDED_BY(mutex_) = false;                       // Nothing is read until read_from_.
  Millis longest_lease_ ABSL_GUARDED_BY(mutex_){0};                  // Of the accepted chains.
  std::vector<std::string> unknown_chains_ ABSL_GUARDED_BY(mutex_);  // Of Hello, that nothing named.
  SteadyTime drain_deadline_ ABSL_GUARDED_BY(mutex_) = kNever;
  SteadyTime cancel_at_ ABSL_GUARDED_BY(mutex_) = kNever;  // While closing.

  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  EndReason end_reason_ ABSL_GUARDED_BY(mutex_) = EndReason::kDone;
  bool flush_ ABSL_GUARDED_BY(mutex_) = false;
  size_t owed_ ABSL_GUARDED_BY(mutex_) = 0;                   // Results of replies that asked for one.
  SteadyTime linger_until_ ABSL_GUARDED_BY(mutex_) = kNever;  // kClosing: the end waits for owed_ until then.
  uint64_t delivered_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t settled_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
