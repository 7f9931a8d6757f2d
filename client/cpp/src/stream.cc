#include "client/cpp/src/stream.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "client/cpp/src/auto_window.h"
#include "client/cpp/src/frame_encoder.h"

namespace sluice::client {
namespace {

constexpr char kMethod[] = "/sluice.v1.WorkerService/Work";
// A frame larger than this gains nothing, and keeps the gateway waiting for its first settle.
constexpr size_t kFrameBytes = size_t{1} << 20;
constexpr std::chrono::seconds kReportInterval{1};
// Since its last delivery a stream counts as one that has something to do.
constexpr std::chrono::seconds kActive{1};

Status FromGrpc(const grpc::Status& status) {
  const int code = status.error_code();
  std::string text = status.error_message();
  // All that gRPC says of an address that TLS cannot be prepared for.
  if (text.starts_with("empty address list")) {
    text = "gRPC cannot use the TLS files: tls.key_file must be the key of tls.cert_file, and all must be whole";
  }
  return {code >= 0 && code <= 16 ? static_cast<StatusCode>(code) : StatusCode::kUnknown, std::move(text)};
}

}  // namespace

Stream::Stream(Address address, const Options& options, std::string instance, uint32_t window, StreamListener& listener)
    : address_(std::move(address)),
      options_(options),
      instance_(std::move(instance)),
      most_messages_(options.window_messages == Options::kAutoWindow ? AutoWindow::kMost : options.window_messages),
      listener_(listener),
      window_(window) {}

v1::WorkerFrame Stream::Hello() const {
  v1::WorkerFrame frame;
  v1::Hello& hello = *frame.mutable_hello();
  hello.set_min_protocol_version(kProtocolVersion);
  hello.set_max_protocol_version(kProtocolVersion);
  hello.set_worker_name(options_.worker_name);
  hello.set_instance(instance_);
  for (const std::string& chain : options_.chains) hello.add_chains(chain);
  hello.mutable_window()->set_messages(window_);
  hello.mutable_window()->set_bytes(options_.window_bytes);
  hello.set_lease_ms(static_cast<uint32_t>(options_.lease.count()));
  hello.add_features(kBeganFeature);
  hello.set_sdk("sluice-cpp/" SLUICE_VERSION);
  return frame;
}

void Stream::Start(std::shared_ptr<grpc::Channel> channel, const std::string& authorization) {
  if (!authorization.empty()) context_.AddMetadata("authorization", authorization);
  self_ = shared_from_this();
  channel_ = std::move(channel);
  stub_ = std::make_unique<grpc::GenericStub>(channel_);
  Bytes hello;
  {
    MutexLock lock(mutex_);
    EncodeFrame(Hello(), hello);
  }
  const grpc::Slice slice(hello.view().data(), hello.size());
  writing_buffer_ = grpc::ByteBuffer(&slice, 1);
  {
    MutexLock lock(mutex_);
    started_ = sent_ = listened_ = Now();
    writing_ = reading_ = true;
  }
  stub_->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  AddHold();
  StartWrite(&writing_buffer_);
  StartRead(&read_buffer_);
  StartCall();
}

// ---- leaving

void Stream::Drain() {
  Next next;
  bool greeting = false;
  {
    MutexLock lock(mutex_);
    greeting = phase_ == Phase::kGreeting;
    if (phase_ == Phase::kServing) {
      phase_ = Phase::kLeaving;
      v1::WorkerFrame drain;
      drain.mutable_drain()->set_reason("the worker shuts down");
      AppendFrame(drain, true);
      // Its Pong is the proof that the gateway has read the Drain: no delivery follows it.
      v1::WorkerFrame ping;
      ping.mutable_ping()->set_nonce(kDrainNonce);
      AppendFrame(ping, false);
      next = Decide();
    }
  }
  Begin(next);
  if (greeting) Cancel({StatusCode::kCancelled, "the worker shuts down"});
}

void Stream::Cancel(Status why) {
  Next next;
  {
    MutexLock lock(mutex_);
    if (cancelled_ || read_failed_) return;
    cancelled_ = true;
    why_ = std::move(why);
    alive_ = false;
    next = Decide();
  }
  room_.NotifyAll();
  context_.TryCancel();
  Begin(next);
}

// ---- sending

void Stream::AppendFrame(const v1::WorkerFrame& frame, bool ends_frame) {
  Chunk chunk;
  EncodeFrame(frame, chunk.bytes);
  chunk.ends_frame = ends_frame;
  outbox_.Append(chunk);
}

bool Stream::OverWindow() const {
  return held_messages_ > most_messages_ ||
         (options_.window_bytes > 0 && held_bytes_ > options_.window_bytes && held_messages_ > 1);
}

Stream::Next Stream::Decide() {
  Next next;
  const bool may_write = phase_ == Phase::kServing || phase_ == Phase::kLeaving;
  if (may_write && !writing_ && !half_closed_ && !write_failed_ && !cancelled_) {
    if (!outbox_.empty()) {
      Outbox::Frame frame = outbox_.Take(std::min(kFrameBytes, max_item_bytes()));
      std::vector<grpc::Slice> slices;
      slices.reserve(frame.pieces.size());
      for (Bytes& piece : frame.pieces) {
        const size_t size = piece.size();
        slices.emplace_back(piece.Release(), size, &std::free);
      }
      writing_buffer_ = grpc::ByteBuffer(slices.data(), slices.size());
      held_messages_ -= frame.settled;
      held_bytes_ -= frame.settled_bytes;
      sent_ = Now();
      writing_ = next.write = true;
    } else if (phase_ == Phase::kLeaving && no_more_deliveries_ && held_messages_ == 0) {
      half_closed_ = writing_ = next.writes_done = true;
    }
  }
  // Once the stream is lost a read is wanted again: it fails, and that is how its end is seen.
  if (over_window_ && (!OverWindow() || cancelled_ || write_failed_)) {
    over_window_ = false;
    listened_ = Now();
    reading_ = next.read = true;
  }
  return next;
}

void Stream::Begin(Next next) {
  if (next.write) StartWrite(&writing_buffer_);
  if (next.writes_done) StartWritesDone();
  if (next.read) StartRead(&read_buffer_);
}

void Stream::Send(Chunk& chunk) {
  Next next;
  {
    MutexLock lock(mutex_);
    if (!alive()) {
      chunk.Clear();
      return;
    }
    outbox_.Append(chunk);
    next = Decide();
  }
  Begin(next);
}

Status Stream::SendEarly(Chunk& chunk, bool wait) {
  Next next;
  {
    MutexLock lock(mutex_);
    while (alive() && !outbox_.empty() && outbox_.size() + chunk.bytes.size() > options_.send_buffer_bytes) {
      if (!wait) return {StatusCode::kResourceExhausted, "too much is waiting to be sent"};
      room_.Wait(mutex_);
    }
    if (!alive()) return {StatusCode::kUnavailable, "the stream has ended"};
    outbox_.Append(chunk);
    next = Decide();
  }
  Begin(next);
  return {};
}

void Stream::SetWindow(uint32_t messages) {
  Next next;
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kServing || !AutoWindow::WorthTelling(window_, messages)) return;
    window_ = messages;
    v1::WorkerFrame frame;
    frame.mutable_window()->set_messages(messages);
    frame.mutable_window()->set_bytes(options_.window_bytes);
    AppendFrame(frame, false);
    next = Decide();
  }
  Begin(next);
}

bool Stream::Active(SteadyTime now) const {
  MutexLock lock(mutex_);
  return held_messages_ > 0 || now < delivered_ + kActive;
}

LeaseKeeper::Running Stream::GetRunning() const {
  MutexLock lock(mutex_);
  return leases_.GetRunning();
}

void Stream::FinishBatch(const Batch& batch) {
  MutexLock lock(mutex_);
  leases_.Remove(&batch);
}

void Stream::ReportRefused(const std::string& what) {
  {
    MutexLock lock(mutex_);
    const SteadyTime now = Now();
    if (now - reported_ < kReportInterval) return;
    reported_ = now;
  }
  listener_.OnItemRefused(*this, what);
}

SteadyTime Stream::Tick(SteadyTime now) {
  Next next;
  SteadyTime wake = kNever;
  Status lost;
  {
    MutexLock lock(mutex_);
    if (cancelled_ || read_failed_) return kNever;
    if (phase_ == Phase::kGreeting) {
      wake = started_ + options_.connect_timeout;
      if (now >= wake) lost = {StatusCode::kDeadlineExceeded, "no connection and Welcome in time"};
    } else {
      if (now >= sent_ + heartbeat_ / 2 && !writing_ && outbox_.empty()) {
        v1::WorkerFrame ping;
        ping.mutable_ping()->set_nonce(kHeartbeatNonce);
        AppendFrame(ping, false);
      }
      SteadyTime look_at = kNever;
      if (tells_began_ && !leases_.empty()) {
        look_at = looked_ + kTellBegunEvery;
        if (now >= look_at) {
          looked_ = now;
          look_at = now + kTellBegunEvery;
          if (const std::vector<uint64_t> begun = leases_.TakeBegun(now); !begun.empty()) {
            Chunk chunk;
            EncodeBegan(begun, chunk.bytes);
            chunk.items = begun.size();
            outbox_.Append(chunk);
          }
        }
      }
      const std::vector<LeaseKeeper::Extension> extensions = leases_.TakeDue(now);
      if (!extensions.empty()) {
        Chunk chunk;
        EncodeExtends(extensions, chunk.bytes);
        chunk.items = extensions.size();
        outbox_.Append(chunk);
      }
      next = Decide();
      // While nothing is read the gateway cannot be heard, and is not to blame.
      const SteadyTime silent = reading_ ? listened_ + 2 * heartbeat_ : now + heartbeat_;
      if (now >= silent) lost = {StatusCode::kDeadlineExceeded, "the gateway was silent for two heartbeat intervals"};
      const SteadyTime ping_at = writing_ ? now + heartbeat_ / 2 : sent_ + heartbeat_ / 2;
      wake = std::min({silent, ping_at, look_at, leases_.Next()});
    }
  }
  Begin(next);
  if (!lost.ok()) Cancel(std::move(lost));
  return wake;
}

// ---- gRPC's reactions

void Stream::OnWriteDone(bool ok) {
  writing_buffer_.Clear();
  Next next;
  bool release = false;
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) {
      write_failed_ = true;
      alive_ = false;
    }
    next = Decide();
    release = MayRelease();
  }
  room_.NotifyAll();
  Begin(next);
  if (release) RemoveHold();
}

void Stream::OnWritesDoneDone(bool /*ok*/) {
  bool release = false;
  {
    MutexLock lock(mutex_);
    writing_ = false;
    release = MayRelease();
  }
  if (release) RemoveHold();
}

void Stream::OnReadDone(bool ok) {
  if (ok) {
    HandleFrame();
    return;
  }
  bool release = false;
  {
    MutexLock lock(mutex_);
    phase_ = Phase::kEnded;
    reading_ = false;
    read_failed_ = true;
    alive_ = false;
    release = MayRelease();
  }
  room_.NotifyAll();
  if (release) RemoveHold();
}

void Stream::OnDone(const grpc::Status& status) {
  Status why = FromGrpc(status);
  {
    MutexLock lock(mutex_);
    phase_ = Phase::kEnded;
    alive_ = false;
    outbox_.Clear();
    if (cancelled_) why = why_;
  }
  listener_.OnEnded(std::move(self_), std::move(why));
}

}  // namespace sluice::client
