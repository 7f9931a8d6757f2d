// One stream to one gateway replica.
//
//   Start()             Welcome             Drain(), or the gateway's Drain
//   ──────▶ kGreeting ──────────▶ kServing ───────────────────────────────▶ kLeaving
//               │                    │                                         │ nothing held: half-close
//               └───── Cancel(), stream lost ─────────▶ kEnded ◀───────────────┘
//
// A gRPC reactor: at most one read and one write under way. What to do is decided under mutex_, Start* is called
// outside of it. Handler threads, the thread in Run() and gRPC's threads all call in; the hold keeps OnDone away until
// the last read has failed and no write is under way. Lives until OnDone and the last batch are gone.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "client/cpp/src/address.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/frame_decoder.h"
#include "client/cpp/src/lease_keeper.h"
#include "client/cpp/src/mutex.h"
#include "client/cpp/src/outbox.h"
#include "client/cpp/src/time.h"
#include "sluice/options.h"

namespace sluice::client {

// Whom a stream serves and tells. Called without the stream's lock, from any thread; must not block.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  virtual void OnConnected(Stream& stream, const v1::Welcome& welcome) = 0;
  // The gateway wants the stream to go elsewhere; it ends by itself when what it holds is settled.
  virtual void OnGatewayDrains(Stream& stream, const v1::Drain& drain) = 0;
  virtual void OnItemRefused(Stream& stream, const std::string& what) = 0;
  virtual void OnEnded(std::shared_ptr<Stream> stream, Status status) = 0;
  // Runs the handlers of a batch, at once or on other threads.
  virtual void OnBatch(const std::shared_ptr<Batch>& batch) = 0;
  // Tick() is to be called at `when` at the latest.
  virtual void WakeBy(SteadyTime when) = 0;
};

// Thread-safe, save where a method says otherwise.
class Stream final : public std::enable_shared_from_this<Stream>,
                     private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // `options` and `listener` outlive it.
  // `window`: its messages, to begin with.
  Stream(Address address, const Options& options, std::string instance, uint32_t window, StreamListener& listener);
  ~Stream() override = default;

  // Once. `authorization`: the call's metadata of that name; empty: none.
  void Start(std::shared_ptr<grpc::Channel> channel, const std::string& authorization = {});
  // Leaves when all that is held is settled.
  void Drain();
  // Ends at once; OnEnded hears `why`.
  void Cancel(Status why);
  // Does what is due: extensions, heartbeat, timeouts. Returns when it wants to be called next. Run()'s thread.
  SteadyTime Tick(SteadyTime now);

  // The gateway is told if it is worth it.
  void SetWindow(uint32_t messages);
  // Something was delivered lately, or is held.
  bool Active(SteadyTime now) const;
  LeaseKeeper::Running GetRunning() const;

  const Address& address() const { return address_; }
  const Options& options() const { return options_; }
  // False once settles can no longer reach the gateway.
  bool alive() const { return alive_.load(std::memory_order_relaxed); }
  // The largest item that may be sent.
  size_t max_item_bytes() const { return max_frame_bytes_.load(std::memory_order_relaxed); }

  // ---- for handlers
  // Takes what `chunk` holds and leaves it empty; sends at once if nothing is being sent.
  void Send(Chunk& chunk);
  // The same for replies ahead of their settle, under the bound on unsent bytes. RESOURCE_EXHAUSTED: full, and `wait`
  // is false. UNAVAILABLE: ended.
  Status SendEarly(Chunk& chunk, bool wait);
  // All messages of the batch are through.
  void FinishBatch(const Batch& batch);
  // Raises an event at most once a second.
  void ReportRefused(const std::string& what);

 private:
  static constexpr uint32_t kProtocolVersion = 1;
  // Nonces tell the Pong that answers our Drain from those of heartbeats.
  static constexpr uint64_t kHeartbeatNonce = 1;
  static constexpr uint64_t kDrainNonce = 2;

  static constexpr char kBeganFeature[] = "began";
  // Handlers that take less are never told of: their settle says it. So a message costs no frame more, and one that
  // takes longer shares one with all others of its kind.
  static constexpr Millis kTellBegunEvery{50};

  enum class Phase : uint8_t { kGreeting, kServing, kLeaving, kEnded };

  // What to start once mutex_ is released.
  struct Next {
    bool write = false;
    bool writes_done = false;
    bool read = false;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  void HandleFrame();
  // Checks that a Welcome comes first and only first.
  Status Greet(const GatewayParts& parts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Hold(GatewayParts& parts, const std::shared_ptr<Batch>& batch, SteadyTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleControl(const GatewayParts& parts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleResults(const std::vector<ItemResult>& results);
  // Another worker has it.
  void Lose(uint64_t delivery_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::WorkerFrame Hello() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void AppendFrame(const v1::WorkerFrame& frame, bool ends_frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What can be started now; takes the next frame out of the outbox into writing_buffer_.
  Next Decide() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Begin(Next next);
  bool OverWindow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayRelease() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return read_failed_ && !writing_; }

  const Address address_;
  const Options& options_;
  const std::string instance_;
  const uint32_t most_messages_;  // Of windows: what comes beyond is not read.
  StreamListener& listener_;

  // Set in Start().
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::ClientContext context_;
  std::shared_ptr<Stream> self_;  // Until OnDone.

  std::atomic<bool> alive_ = true;
  std::atomic<size_t> max_frame_bytes_ = 0;

  grpc::ByteBuffer read_buffer_;     // Owned by the read under way, then by OnReadDone.
  grpc::ByteBuffer writing_buffer_;  // Owned by the write under way (writing_).

  mutable Mutex mutex_;
  CondVar room_;  // Fewer unsent bytes, or the end.
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kGreeting;
  Status why_ ABSL_GUARDED_BY(mutex_);  // Of Cancel.
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;  // False: the frame is being handled, or over_window_.
  bool over_window_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool no_more_deliveries_ ABSL_GUARDED_BY(mutex_) = false;
  Outbox outbox_ ABSL_GUARDED_BY(mutex_);
  LeaseKeeper leases_ ABSL_GUARDED_BY(mutex_);
  uint64_t held_messages_ ABSL_GUARDED_BY(mutex_) = 0;  // Received, and their settle not yet handed to gRPC.
  uint64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t window_ ABSL_GUARDED_BY(mutex_);  // As the gateway was told.
  bool tells_began_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyTime delivered_ ABSL_GUARDED_BY(mutex_);  // The last delivery.
  SteadyTime looked_ ABSL_GUARDED_BY(mutex_);     // For what has begun.
  Millis heartbeat_ ABSL_GUARDED_BY(mutex_){0};
  SteadyTime sent_ ABSL_GUARDED_BY(mutex_);      // The last frame.
  SteadyTime listened_ ABSL_GUARDED_BY(mutex_);  // The last frame received, or since when we read again.
  SteadyTime started_ ABSL_GUARDED_BY(mutex_);
  SteadyTime reported_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::client
