#include "server/worker/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "sluice/v1/worker.pb.h"
#include "tests/support/manual_clock.h"
#include "tests/support/worker_fakes.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// The worker's end of a stream without a network: frames arrive when it reads.
class FakeWorker final : public Stream {
 public:
  FakeWorker(const SessionContext& context, SteadyTime age_limit)
      : session_(std::make_shared<Session>(context, *this, "s-1", "peer", age_limit)) {}
  ~FakeWorker() override {
    if (!done_) {
      Vanish();
      Done();
    }
  }

  // ---- verbs
  bool Say(const v1::WorkerFrame& frame) { return SayBytes(frame.SerializeAsString()); }
  bool SayBytes(const std::string& bytes) {
    grpc::Slice slice(bytes);
    grpc::ByteBuffer buffer(&slice, 1);
    return session_->OnRead(&buffer);
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
    if (!writing_) return std::nullopt;
    v1::GatewayFrame frame = std::move(written_);
    writing_ = false;
    session_->OnWriteDone(true);
    return frame;
  }
  void HalfClose() { session_->OnReadEnd(); }
  void Vanish() {
    session_->OnReadEnd();
    session_->OnCancel();
    if (writing_) {
      writing_ = false;
      session_->OnWriteDone(false);
    }
  }
  void Done() {
    done_ = true;
    session_->OnDone();
  }

  Session& session() { return *session_; }
  const std::shared_ptr<Session>& shared() { return session_; }
  const std::optional<absl::Status>& ended() const { return ended_; }
  const std::optional<absl::Status>& aborted() const { return aborted_; }
  int writes() const { return writes_; }

  // ---- Stream
  void WriteFrame(const grpc::ByteBuffer* frame) override {
    EXPECT_FALSE(writing_) << "one write at a time";
    EXPECT_FALSE(ended_.has_value()) << "no write after the end";
    writing_ = true;
    ++writes_;
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(frame->Dump(&slices).ok());
    std::string bytes;
    for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    EXPECT_TRUE(written_.ParseFromString(bytes));
  }
  void EndWith(const absl::Status& status) override {
    EXPECT_FALSE(ended_.has_value()) << "exactly one end";
    EXPECT_FALSE(writing_) << "no end while a write is under way";
    ended_ = status;
  }
  void Abort(const absl::Status& status) override { aborted_ = status; }

 private:
  std::shared_ptr<Session> session_;
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
  FakeDeliverySource source_;
  FakeSettleHandler settles_{source_};
  ChainDirectory chains_{ChainOptions{}};
  SteadyTime woken_ = kNever;
  SessionContext context_{.clock = clock_,
                          .source = source_,
                          .settles = settles_,
                          .admission = {.chains = chains_, .may_create = nullptr},
                          .metrics = WorkerMetrics(metrics_),
                          .limits = {.outgoing = {.max_frame_bytes = 1u << 20, .max_results = 5},
                                     .max_window = {.messages = 100, .bytes = 1'000'000}},
                          .gateway = "gw-0",
                          .wake_by = [this](SteadyTime at) { woken_ = std::min(woken_, at); }};
  FakeWorker worker_{context_, kNever};
};

TEST_F(SessionTest, WelcomesAndDeliversWithinTheWindow) {
  source_.Publish(NewMessage(), 3);
  EXPECT_TRUE(worker_.SayHello(2));
  std::optional<v1::GatewayFrame> first = worker_.Read();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->welcome().protocol_version(), 1);
  EXPECT_EQ(first->welcome().session_id(), "s-1");
  EXPECT_EQ(first->welcome().gateway(), "gw-0");
  EXPECT_EQ(first->welcome().accepted_chains(0), "temperature");
  EXPECT_EQ(first->welcome().max_window().messages(), 100);
  EXPECT_EQ(first->welcome().heartbeat_interval_ms(), 10'000);
  EXPECT_EQ(first->welcome().max_frame_bytes(), 1u << 20);
  std::optional<v1::GatewayFrame> second = worker_.Read();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->deliveries_size(), 2);
  EXPECT_FALSE(worker_.Read());

  worker_.Settle(second->deliveries(0).delivery_id());
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  EXPECT_EQ(source_.options(1).worker, "alarm/pod-1");
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_streams", "").value(), 1);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_window_messages", "").value(), 2);
}

TEST_F(SessionTest, WhatComesDuringAWriteLeavesInOneFrame) {
  OpenAndReadWelcome();
  source_.Publish(NewMessage());
  for (int i = 0; i < 5; ++i) source_.Publish(NewMessage());
  worker_.session().SendResults({{.reply_id = 9, .message = ""}});
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  std::optional<v1::GatewayFrame> second = worker_.Read();
  EXPECT_EQ(second->deliveries_size(), 5);
  EXPECT_EQ(second->results_size(), 1);
}

TEST_F(SessionTest, WhatAFrameCausesLeavesInOneFrame) {
  source_.Publish(NewMessage(), 4);
  OpenAndReadWelcome(2);
  v1::GatewayFrame deliveries = *worker_.Read();
  v1::WorkerFrame frame;
  for (const v1::Delivery& delivery : deliveries.deliveries()) {
    frame.add_settles()->set_delivery_id(delivery.delivery_id());
    frame.mutable_settles()->rbegin()->add_replies()->set_reply_id(delivery.delivery_id());
  }
  frame.mutable_ping()->set_nonce(4);
  int writes = worker_.writes();
  worker_.Say(frame);
  v1::GatewayFrame answer = *worker_.Read();
  EXPECT_EQ(worker_.writes(), writes + 1);
  EXPECT_EQ(answer.deliveries_size(), 2);
  EXPECT_EQ(answer.results_size(), 2);
  EXPECT_EQ(answer.pong().nonce(), 4);
}

TEST_F(SessionTest, EndsWhenNoHelloComesInTime) {
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kDeadlineExceeded);
  worker_.Done();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_refused_total", "").value(), 1);
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_opened_total", "").value(), 0);
}

TEST_F(SessionTest, TheFirstFrameMustBeHelloAndNoOther) {
  v1::WorkerFrame ping;
  ping.mutable_ping();
  EXPECT_FALSE(worker_.Say(ping));
  EXPECT_EQ(EndCode(), absl::StatusCode::kInvalidArgument);

  FakeWorker second(context_, kNever);
  EXPECT_TRUE(second.SayHello());
  second.Read();
  EXPECT_FALSE(second.SayHello());
  EXPECT_EQ(second.ended()->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(second.ended()->message()), HasSubstr("hello came a second time"));
}

TEST_F(SessionTest, GarbageEndsTheStream) {
  OpenAndReadWelcome();
  EXPECT_FALSE(worker_.SayBytes("\xFF\xFF\xFF"));
  EXPECT_EQ(EndCode(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(source_.removed().size(), 1);
}

TEST_F(SessionTest, RefusesAWorkerWhoseChainsAreAllUnknown) {
  EXPECT_FALSE(worker_.SayHello(10, "humidity"));
  EXPECT_EQ(EndCode(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(source_.removed().empty());
}

TEST_F(SessionTest, HoldsTheWindowToItsMaximum) {
  v1::WorkerFrame frame;
  OpenAndReadWelcome(UINT32_MAX);
  EXPECT_EQ(source_.window(1).messages, 100);
  EXPECT_EQ(source_.window(1).bytes, 1'000'000) << "no limit of its own is the gateway's";
  frame.mutable_window()->set_messages(3);
  frame.mutable_window()->set_bytes(500);
  worker_.Say(frame);
  EXPECT_EQ(source_.window(1).messages, 3);
  EXPECT_EQ(source_.window(1).bytes, 500);
  frame.mutable_window()->set_messages(0);
  worker_.Say(frame);
  EXPECT_EQ(source_.window(1).messages, 0);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_window_messages", "").value(), 0);
}

TEST_F(SessionTest, AHalfCloseAfterEverythingIsSettledEndsWithOk) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Settle(worker_.Read()->deliveries(0).delivery_id());
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  EXPECT_EQ(source_.removed()[1].in_flight, 0);
  worker_.Done();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "done"}}).value(), 1);
}

TEST_F(SessionTest, AHalfCloseGivesBackWhatIsInFlight) {
  source_.Publish(NewMessage(), 2);
  OpenAndReadWelcome();
  worker_.Read();
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  EXPECT_EQ(source_.removed()[1].in_flight, 2);
  EXPECT_TRUE(source_.removed()[1].counts);
}

TEST_F(SessionTest, ResultsThatWaitAreWrittenBeforeTheEndAfterAHalfClose) {
  OpenAndReadWelcome();
  worker_.session().SendResults({{.reply_id = 1, .message = ""}});
  worker_.session().SendResults({{.reply_id = 2, .message = ""}});
  worker_.HalfClose();
  EXPECT_FALSE(worker_.ended());
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 1);
  EXPECT_EQ(worker_.Read()->results(0).reply_id(), 2);
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
}

TEST_F(SessionTest, AVanishedWorkersDeliveriesGoBackAtOnceAndOnlyThoseItMayHaveSeenCount) {
  OpenAndReadWelcome();
  source_.Publish(NewMessage());  // Its write is started.
  source_.Publish(NewMessage(), 2);
  worker_.session().OnCancel();
  FakeDeliverySource::Removed removed = source_.removed()[1];
  EXPECT_EQ(removed.in_flight, 3);
  EXPECT_EQ(removed.began, 1) << "the other two waited for the write";
  EXPECT_TRUE(removed.counts);
  EXPECT_FALSE(worker_.ended()) << "the write is still under way";
  worker_.Vanish();
  EXPECT_EQ(EndCode(), absl::StatusCode::kCancelled);
  worker_.Done();
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_ended_total", "", {{"reason", "lost"}}).value(), 1);
  EXPECT_EQ(metrics_.GetGauge("sluice_worker_streams", "").value(), 0);
}

TEST_F(SessionTest, ForgetsWhatComesAfterTheEnd) {
  OpenAndReadWelcome();
  std::shared_ptr<Session> kept = worker_.shared();
  worker_.Vanish();
  worker_.Done();
  kept->SendResults({{.reply_id = 1, .message = ""}});
  kept->Deliver(std::vector<Delivery>(1));
  EXPECT_EQ(worker_.writes(), 1);
}

TEST_F(SessionTest, PingsWhenNothingWasSentAndEndsWhenNothingIsReceived) {
  OpenAndReadWelcome();
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.Read());
  Advance(Millis(1));
  EXPECT_TRUE(worker_.Read()->has_ping());
  v1::WorkerFrame pong;
  pong.mutable_pong()->set_nonce(1);
  worker_.Say(pong);
  Advance(Millis(10'000));
  EXPECT_TRUE(worker_.Read()->has_ping());
  Advance(Millis(9'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(source_.removed().size(), 1);
}

TEST_F(SessionTest, AWorkerThatSendsAndNeverReadsIsEndedWhenItsResultsPileUp) {
  OpenAndReadWelcome();
  v1::WorkerFrame frame;
  frame.add_settles()->set_delivery_id(999);
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(worker_.Say(frame)) << i;
  EXPECT_FALSE(worker_.Say(frame));
  EXPECT_FALSE(worker_.ended()) << "the write that nobody reads is still under way";
  Advance(Millis(1'000));
  ASSERT_TRUE(worker_.aborted());
  EXPECT_EQ(worker_.aborted()->code(), absl::StatusCode::kResourceExhausted);
  worker_.Vanish();
  EXPECT_EQ(EndCode(), absl::StatusCode::kResourceExhausted);
}

TEST_F(SessionTest, AWorkerThatDoesNotReadGetsNothingNewUntilItDoes) {
  OpenAndReadWelcome(3);
  source_.Publish(NewMessage());
  clock_.Advance(Millis(1'001));
  source_.Publish(NewMessage());
  EXPECT_EQ(source_.window(1).messages, 0);
  source_.Publish(NewMessage());
  EXPECT_EQ(source_.waiting(), 1) << "for another worker";
  EXPECT_EQ(worker_.Read()->deliveries_size(), 1);
  EXPECT_EQ(source_.window(1).messages, 3);
  EXPECT_EQ(source_.waiting(), 0);
  EXPECT_EQ(worker_.Read()->deliveries_size(), 2);
}

TEST_F(SessionTest, LeavesOutDeliveriesWhoseLeaseEndedWhileItWaited) {
  source_.set_lease(Millis(5'000));
  OpenAndReadWelcome();
  source_.Publish(NewMessage());
  source_.Publish(NewMessage());
  clock_.Advance(Millis(4'000));
  source_.Publish(NewMessage());
  clock_.Advance(Millis(1'000));
  EXPECT_EQ(worker_.Read()->deliveries(0).delivery_id(), 1);
  v1::GatewayFrame second = *worker_.Read();
  ASSERT_EQ(second.deliveries_size(), 1);
  EXPECT_EQ(second.deliveries(0).delivery_id(), 3);
  EXPECT_EQ(second.deliveries(0).lease_ms(), 4'000);
}

TEST_F(SessionTest, ExtendsLeasesAndAnswersTheStaleOnes) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  uint64_t id = worker_.Read()->deliveries(0).delivery_id();
  v1::WorkerFrame frame;
  v1::Extend* extend = frame.add_extends();
  extend->set_delivery_id(id);
  extend->set_lease_ms(60'000);
  *frame.add_extends() = *extend;
  frame.mutable_extends(1)->set_delivery_id(999);
  frame.add_extends()->set_delivery_id(id);
  worker_.Say(frame);
  EXPECT_THAT(source_.extends(), testing::ElementsAre(std::pair(id, Millis(60'000))));
  v1::GatewayFrame answer = *worker_.Read();
  ASSERT_EQ(answer.results_size(), 2);
  EXPECT_EQ(answer.results(0).code(), v1::Result::CODE_STALE);
  EXPECT_EQ(answer.results(0).delivery_id(), 999);
  EXPECT_EQ(answer.results(1).code(), v1::Result::CODE_INVALID);
}

TEST_F(SessionTest, AWorkersDrainStopsDeliveriesAndTakesSettles) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  uint64_t id = worker_.Read()->deliveries(0).delivery_id();
  v1::WorkerFrame drain;
  drain.mutable_drain()->set_reason("SIGTERM");
  EXPECT_TRUE(worker_.Say(drain));
  EXPECT_TRUE(source_.draining(1));
  source_.Publish(NewMessage());
  EXPECT_FALSE(worker_.Read());
  worker_.Settle(id);
  EXPECT_EQ(settles_.TakeSettles().size(), 1);
  worker_.HalfClose();
  EXPECT_EQ(EndCode(), absl::StatusCode::kOk);
  EXPECT_FALSE(source_.removed()[1].counts);
}

TEST_F(SessionTest, TheGatewaysDrainEndsAtItsDeadlineWithoutCountingAttempts) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Read();
  worker_.session().Drain(clock_.Now() + Millis(5'000), "the gateway is shutting down");
  EXPECT_TRUE(source_.draining(1));
  v1::GatewayFrame notice = *worker_.Read();
  EXPECT_EQ(notice.drain().deadline_ms(), 5'000);
  EXPECT_EQ(notice.drain().reason(), "the gateway is shutting down");
  Advance(Millis(4'999));
  EXPECT_FALSE(worker_.ended());
  Advance(Millis(1));
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(source_.removed()[1].counts);
}

TEST_F(SessionTest, ADrainBeforeHelloEndsTheStream) {
  worker_.session().Drain(clock_.Now() + Millis(5'000), "the gateway is shutting down");
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionTest, DrainsAtItsAgeWithTimeForTheLongestLease) {
  FakeWorker worker(context_, clock_.Now() + Millis(8'000));
  worker.SayHello();
  worker.Read();
  clock_.Advance(Millis(8'000));
  worker.session().Tick(clock_.Now());
  std::optional<v1::GatewayFrame> frame = worker.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_EQ(frame->drain().deadline_ms(), ChainOptions{}.max_lease.count());
}

TEST_F(SessionTest, ShutdownEndsWithUnavailableAndDoesNotCount) {
  source_.Publish(NewMessage());
  OpenAndReadWelcome();
  worker_.Read();
  worker_.session().Shutdown("bye");
  EXPECT_EQ(EndCode(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(source_.removed()[1].counts);
}

TEST_F(SessionTest, AMessageThatFitsNoFrameIsRejectedInsteadOfEndingTheStream) {
  OpenAndReadWelcome();
  source_.Publish(MakeMessage("t", std::string(2u << 20, 'x')));
  source_.Publish(NewMessage());
  EXPECT_LE(woken_, clock_.Now());
  Tick();
  std::vector<WorkerSettle> settles = settles_.TakeSettles();
  ASSERT_EQ(settles.size(), 1);
  EXPECT_EQ(settles[0].verdict, Verdict::kReject);
  EXPECT_THAT(settles[0].reason, HasSubstr("workers.maxFrameBytes"));
  EXPECT_EQ(worker_.Read()->deliveries(0).topic(), "plant/1");
}

TEST_F(SessionTest, AStreamThatDoesNotFinishIsAborted) {
  OpenAndReadWelcome();
  worker_.HalfClose();
  ASSERT_TRUE(worker_.ended());
  Advance(Millis(4'999));
  EXPECT_FALSE(worker_.aborted());
  Advance(Millis(1));
  EXPECT_TRUE(worker_.aborted());
}

}  // namespace
}  // namespace sluice
