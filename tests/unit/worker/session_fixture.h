// A session with hand-moved time, and the worker's end of its stream without a network.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/worker/session.h"
#include "sluice/v1/worker.pb.h"
#include "tests/support/manual_clock.h"
#include "tests/support/worker_fakes.h"

namespace sluice {

// The worker's end of a stream without a network: frames arrive when it reads. What the session asks to be woken for
// happens when somebody looks at the stream, or at Turn().
class FakeStream final : public Stream {
 public:
  FakeStream(const SessionContext& context, SteadyTime age_limit, StreamIdentity identity = {})
      : session_(std::make_shared<Session>(context, *this, "s-1", "peer", age_limit, std::move(identity))) {}
  ~FakeStream() override {
    if (!done_) {
      Vanish();
      Done();
    }
  }

  // ---- verbs
  bool Say(const v1::WorkerFrame& frame) { return SayBytes(frame.SerializeAsString()); }
  bool SayBytes(const std::string& bytes) {
    const bool more = session_->OnRead(bytes);
    Turn();
    return more;
  }
  bool SayHello(uint32_t messages = 10, const std::string& chain = "temperature") {
    v1::WorkerFrame frame;
    frame.mutable_hello()->set_worker_name("alarm");
    frame.mutable_hello()->set_instance("pod-1");
    frame.mutable_hello()->add_chains(chain);
    frame.mutable_hello()->mutable_window()->set_messages(messages);
    return Say(frame);
  }
  void Settle(uint64_t delivery_id) {
    v1::WorkerFrame frame;
    frame.add_settles()->set_delivery_id(delivery_id);
    Say(frame);
  }
  // Reads the frame that is being written; nullopt: none is.
  std::optional<v1::GatewayFrame> Read() {
    Turn();
    if (!writing_) return std::nullopt;
    v1::GatewayFrame frame = std::move(written_);
    writing_ = false;
    session_->OnWritten();
    return frame;
  }
  // The loop's turn: does what the session was woken for.
  void Turn() {
    if (std::exchange(woken_, false)) session_->OnWake();
  }
  void ReadFrame() override { ++reads_asked; }
  void HalfClose() { session_->OnReadEnd(); }
  void Vanish() { session_->OnCancel(absl::CancelledError("reset")); }
  void Done() {
    done_ = true;
    session_->OnDone();
  }

  int reads_asked = 0;  // Of ReadFrame().

  Session& session() { return *session_; }
  const std::shared_ptr<Session>& shared() { return session_; }
  const std::optional<absl::Status>& ended() {
    Turn();
    return ended_;
  }
  const std::optional<absl::Status>& aborted() const { return aborted_; }
  int writes() {
    Turn();
    return writes_;
  }

  // ---- Stream
  void Wake() override { woken_ = true; }
  void WriteFrame(rpc::Payload frame) override {
    EXPECT_FALSE(writing_) << "one write at a time";
    EXPECT_FALSE(ended_.has_value()) << "no write after the end";
    writing_ = true;
    ++writes_;
    EXPECT_TRUE(written_.ParseFromString(frame.Flatten()));
  }
  void EndWith(const absl::Status& status) override {
    EXPECT_FALSE(ended_.has_value()) << "exactly one end";
    EXPECT_FALSE(writing_) << "no end while a write is under way";
    ended_ = status;
  }
  void Abort(const absl::Status& status) override { aborted_ = status; }

 private:
  std::shared_ptr<Session> session_;
  bool woken_ = false;
  bool writing_ = false;
  bool done_ = false;
  int writes_ = 0;
  v1::GatewayFrame written_;
  std::optional<absl::Status> ended_;
  std::optional<absl::Status> aborted_;
};

class SessionTest : public testing::Test {
 protected:
  SessionTest() { chains_.Define("temperature", {}); }

  void Tick() { worker_.session().Tick(clock_.Now()); }
  void Advance(Millis by) {
    clock_.Advance(by);
    Tick();
  }
  MessagePtr NewMessage() { return MakeMessage("plant/1", "21.5", nullptr, clock_.Now()); }
  void OpenAndReadWelcome(uint32_t messages = 10) {
    worker_.SayHello(messages);
    ASSERT_TRUE(worker_.Read()->has_welcome());
  }
  absl::StatusCode EndCode() { return worker_.ended() ? worker_.ended()->code() : absl::StatusCode(-1); }

  ManualClock clock_;
  MetricsRegistry metrics_;
  log::Limiter log_limit_{clock_};
  FakeDeliverySource source_;
  FakeSettleHandler settles_{source_};
  ReadGate gate_;
  ChainDirectory chains_{ChainOptions{}};
  SteadyTime woken_ = kNever;
  SessionContext context_{.clock = clock_,
                          .source = source_,
                          .settles = settles_,
                          .gate = gate_,
                          .log_limit = log_limit_,
                          .admission = {.chains = chains_, .may_create = nullptr},
                          .metrics = WorkerMetrics(metrics_),
                          .limits = {.outgoing = {.max_frame_bytes = 1u << 20, .max_results = 5},
                                     .max_window = {.messages = 100, .bytes = 1'000'000}},
                          .gateway = "gw-0",
                          .wake_by = [this](SteadyTime at) { woken_ = std::min(woken_, at); }};
  FakeStream worker_{context_, kNever};
};

}  // namespace sluice
