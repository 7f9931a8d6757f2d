// What a worker of the SDK promises, against a gateway that does as the test says.
#include "sluice/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/support/fake_gateway.h"

namespace sluice::client {
namespace {

using ::sluice::testing::FakeGateway;
using Kind = Event::Kind;

// A gate that handlers wait at until the test opens it.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool AwaitArrivals(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// A worker in a thread of its own, and what it reported.
class RunningWorker {
 public:
  RunningWorker(Options options, Handler handler) : worker_(Prepare(std::move(options)), std::move(handler)) {
    thread_ = std::thread([this] { status_ = worker_.Run(); });
  }
  ~RunningWorker() {
    worker_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  Worker& worker() { return worker_; }
  Status Join() {
    thread_.join();
    return status_;
  }
  std::optional<Event> Await(Kind kind) {
    std::unique_lock lock(mutex_);
    std::optional<Event> found;
    changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      while (!events_.empty() && !found) {
        if (events_.front().kind == kind) found = events_.front();
        events_.pop_front();
      }
      return found.has_value();
    });
    return found;
  }

 private:
  Options Prepare(Options options) {
    options.on_event = [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      changed_.notify_all();
    };
    return options;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Event> events_;
  Worker worker_;
  Status status_;
  std::thread thread_;
};

Options For(const FakeGateway& gateway) {
  Options options;
  options.gateways = {gateway.address()};
  options.chains = {"test"};
  options.worker_name = "tester";
  options.instance = "one";
  options.concurrency = 2;
  options.security = Security::kPlaintext;
  options.reconnect_first = std::chrono::milliseconds(10);
  return options;
}

Reply Echo(const Message& message) { return {.topic = "reply", .payload = std::string(message.payload), .qos = 1}; }

v1::Delivery WithPayload(std::string payload) {
  v1::Delivery delivery;
  delivery.set_payload(std::move(payload));
  return delivery;
}

TEST(WorkerTest, IntroducesItself) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.chains = {"test", "other"};
  options.lease = std::chrono::seconds(7);
  const RunningWorker worker(options, Echo);
  const auto hello = gateway.ExpectHello();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->worker_name(), "tester");
  EXPECT_EQ(hello->instance(), "one");
  EXPECT_EQ(hello->max_protocol_version(), 1U);
  EXPECT_EQ(hello->window().messages(), options.window_messages);
  EXPECT_EQ(hello->window().bytes(), options.window_bytes);
  EXPECT_EQ(hello->lease_ms(), 7'000U);
  EXPECT_EQ(hello->chains_size(), 2);
}

class AnswersTest : public ::testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(InlineAndPooled, AnswersTest, ::testing::Values(0, 1, 4));

TEST_P(AnswersTest, SettlesEveryDeliveryWithItsReply) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.concurrency = GetParam();
  RunningWorker worker(options, Echo);
  gateway.Deliver(1, WithPayload("a"));
  gateway.Deliver(500, WithPayload(std::string("\0b", 2)));
  gateway.Deliver(3, WithPayload(std::string(300'000, 'c')));
  std::set<uint64_t> ids;
  for (const v1::Settle& settle : gateway.ExpectSettles(504)) {
    ids.insert(settle.delivery_id());
    EXPECT_EQ(settle.outcome(), v1::OUTCOME_ACK);
    ASSERT_EQ(settle.replies_size(), 1);
    EXPECT_EQ(settle.replies(0).topic(), "reply");
    EXPECT_EQ(settle.replies(0).qos(), 1U);
    const size_t size = settle.delivery_id() == 1 ? 1 : settle.delivery_id() <= 501 ? 2 : 300'000;
    EXPECT_EQ(settle.replies(0).payload().size(), size);
  }
  EXPECT_EQ(ids.size(), 504U);
  EXPECT_EQ(worker.worker().GetStats().received, 504U);
}

TEST(WorkerTest, GathersSettlesIntoFewFrames) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.concurrency = 0;
  const RunningWorker worker(options, Echo);
  gateway.Deliver(500, WithPayload("x"));
  EXPECT_EQ(gateway.ExpectSettles(500).size(), 500U);
  EXPECT_LE(gateway.frames(), 2U);
}

TEST(WorkerTest, GathersWhatComesWhileAWriteIsUnderWay) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.window_messages = 100'000;
  const RunningWorker worker(options, Echo);
  gateway.ExpectHello();
  gateway.StopReading();
  constexpr size_t kCount = 20'000;  // More than the sockets' and HTTP/2's buffers take.
  for (size_t sent = 0; sent < kCount; sent += 500) gateway.Deliver(500, WithPayload(std::string(500, 'x')));
  gateway.ReadAgain();
  EXPECT_EQ(gateway.ExpectSettles(kCount).size(), kCount);
  EXPECT_LT(gateway.frames(), kCount / 4);
}

TEST(WorkerTest, KeepsFramesBelowTheGatewaysLimit) {
  FakeGateway::Options limits;
  limits.max_frame_bytes = 50'000;
  FakeGateway gateway(limits);
  const RunningWorker worker(For(gateway), Echo);
  gateway.Deliver(20, WithPayload(std::string(30'000, 'x')));
  EXPECT_EQ(gateway.ExpectSettles(20).size(), 20U);
  EXPECT_GE(gateway.frames(), 20U);
}

TEST(WorkerTest, RejectsWhatItCannotSendBecauseTheReplyIsTooLarge) {
  FakeGateway::Options limits;
  limits.max_frame_bytes = 50'000;
  FakeGateway gateway(limits);
  RunningWorker worker(For(gateway), [](const Message&) { return Reply{.payload = std::string(60'000, 'x')}; });
  gateway.Deliver();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_REJECT);
  EXPECT_NE(settle->reason().find("50000"), std::string::npos);
  EXPECT_TRUE(worker.Await(Kind::kItemRefused));
}

TEST(WorkerTest, RetriesWithTheExceptionsText) {
  FakeGateway gateway;
  const RunningWorker worker(For(gateway),
                             [](const Message&) -> Settlement { throw std::runtime_error("no database"); });
  gateway.Deliver();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_RETRY);
  EXPECT_EQ(settle->reason(), "no database");
}

TEST(WorkerTest, SendsRepliesAheadOfTheSettleInOrder) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&, Context& context) {
    EXPECT_TRUE(context.Send({.topic = "first"}).ok());
    EXPECT_TRUE(context.Send({.topic = "second"}).ok());
    gate.Pass();
    return Settlement::Drop("done");
  });
  const uint64_t id = gateway.Deliver();
  const auto first = gateway.ExpectEarlyReply();
  const auto second = gateway.ExpectEarlyReply();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->delivery_id(), id);
  EXPECT_EQ(first->topic(), "first");
  EXPECT_EQ(second->topic(), "second");
  EXPECT_EQ(gateway.settles_waiting(), 0U);
  gate.Open();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->outcome(), v1::OUTCOME_DROP);
}

TEST(WorkerTest, ConnectsAgainAfterALostStream) {
  FakeGateway gateway;
  RunningWorker worker(For(gateway), Echo);
  ASSERT_TRUE(gateway.ExpectHello(1));
  gateway.DropStream({grpc::StatusCode::UNAVAILABLE, "going away"});
  const auto lost = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->status.code(), StatusCode::kUnavailable);
  EXPECT_EQ(lost->status.message(), "going away");
  ASSERT_TRUE(gateway.ExpectHello(2));
  gateway.Deliver();
  EXPECT_TRUE(gateway.ExpectSettle());
}

TEST(WorkerTest, ConnectsWhenTheGatewayComesUpLater) {
  std::string address;
  int port = 0;
  {
    const FakeGateway gone;
    port = gone.port();
    address = gone.address();
  }
  Options options;
  options.gateways = {address};
  options.chains = {"test"};
  options.security = Security::kPlaintext;
  options.reconnect_first = options.reconnect_longest = std::chrono::milliseconds(20);
  RunningWorker worker(options, Echo);
  const auto failed = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status.code(), StatusCode::kUnavailable);
  EXPECT_NE(failed->text.find("refused"), std::string::npos) << failed->text;
  EXPECT_GE(failed->retry_in.count(), 10);
  FakeGateway gateway({.port = port});
  EXPECT_TRUE(gateway.ExpectHello());
  EXPECT_TRUE(worker.Await(Kind::kConnected));
}

TEST(WorkerTest, ServesEveryAddress) {
  FakeGateway first;
  FakeGateway second({.ip = "127.0.0.2"});
  Options options = For(first);
  options.gateways.push_back(second.address());
  RunningWorker worker(options, Echo);
  first.Deliver(10);
  second.Deliver(10);
  EXPECT_EQ(first.ExpectSettles(10).size(), 10U);
  EXPECT_EQ(second.ExpectSettles(10).size(), 10U);
  EXPECT_EQ(worker.worker().GetStats().streams, 2U);
  first.DropStream();
  second.Deliver(10);
  EXPECT_EQ(second.ExpectSettles(10).size(), 10U);
}

TEST(WorkerTest, FindsAGatewayByItsName) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.gateways = {"localhost:" + std::to_string(gateway.port())};
  const RunningWorker worker(options, Echo);
  EXPECT_TRUE(gateway.ExpectHello());
}

TEST(WorkerTest, ReportsANameThatNobodyKnows) {
  Options options;
  options.gateways = {"nobody.invalid"};
  options.chains = {"test"};
  RunningWorker worker(options, Echo);
  const auto event = worker.Await(Kind::kResolveFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->address, "nobody.invalid");
}

TEST(WorkerTest, ReportsTheCauseOfARefusalAndWaitsLongBeforeTheNextTry) {
  FakeGateway gateway;
  gateway.RefuseStreams({grpc::StatusCode::PERMISSION_DENIED, "chain test is not for tester"});
  RunningWorker worker(For(gateway), Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kPermissionDenied);
  EXPECT_NE(event->text.find("chain test is not for tester"), std::string::npos);
  EXPECT_GE(event->retry_in.count(), 15'000);
}

TEST(WorkerTest, ReportsARefusedChainAndServesTheOthers) {
  FakeGateway gateway;
  gateway.RefuseChain("other", "no such chain");
  Options options = For(gateway);
  options.chains.emplace_back("other");
  RunningWorker worker(options, Echo);
  const auto event = worker.Await(Kind::kChainRefused);
  ASSERT_TRUE(event);
  EXPECT_NE(event->text.find("other: no such chain"), std::string::npos);
  gateway.Deliver();
  EXPECT_TRUE(gateway.ExpectSettle());
}

TEST(WorkerTest, ExtendsTheLeaseOfALongHandlerAtItsHalf) {
  FakeGateway gateway;
  Gate gate;
  const RunningWorker worker(For(gateway), [&gate](const Message&) { gate.Pass(); });
  v1::Delivery delivery;
  delivery.set_lease_ms(100);
  const uint64_t id = gateway.Deliver(1, delivery);
  for (int i = 0; i < 3; ++i) {
    const auto extend = gateway.ExpectExtend();
    ASSERT_TRUE(extend);
    EXPECT_EQ(extend->delivery_id(), id);
    EXPECT_EQ(extend->lease_ms(), 100U);
  }
  gate.Open();
  EXPECT_TRUE(gateway.ExpectSettle());
}

TEST(WorkerTest, TellsALongHandlerThatItsLeaseIsLost) {
  FakeGateway gateway;
  Gate gate;
  std::atomic<bool> abandoned = false;
  const RunningWorker worker(For(gateway), [&](const Message&, Context& context) {
    gate.Pass();
    abandoned = context.Abandoned();
  });
  const uint64_t id = gateway.Deliver();
  ASSERT_TRUE(gate.AwaitArrivals(1));
  v1::GatewayFrame frame;
  v1::Result& result = *frame.add_results();
  result.set_delivery_id(id);
  result.set_code(v1::Result::CODE_STALE);
  frame.mutable_ping()->set_nonce(1);
  gateway.Send(frame);
  // The answer to a later ping proves that the result was read.
  gateway.Deliver(1, {});
  ASSERT_TRUE(gate.AwaitArrivals(2));
  gate.Open();
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->delivery_id(), id + 1);
}

TEST(WorkerTest, HandsResultsToTheUserAndLivesOn) {
  FakeGateway gateway;
  std::mutex mutex;
  std::vector<ItemResult> results;
  Options options = For(gateway);
  options.on_result = [&](const ItemResult& result) {
    const std::lock_guard lock(mutex);
    results.push_back(result);
  };
  const RunningWorker worker(options, Echo);
  v1::GatewayFrame frame;
  v1::Result& stale = *frame.add_results();
  stale.set_delivery_id(77);
  stale.set_code(v1::Result::CODE_STALE);
  v1::Result& denied = *frame.add_results();
  denied.set_reply_id(5);
  denied.set_code(v1::Result::CODE_DENIED);
  denied.set_message("not in replies.allow");
  gateway.Send(frame);
  gateway.Deliver();
  EXPECT_TRUE(gateway.ExpectSettle());
  EXPECT_EQ(gateway.streams(), 1);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].code, ItemResult::Code::kStale);
  EXPECT_EQ(results[1].reply_id, 5U);
  EXPECT_EQ(results[1].message, "not in replies.allow");
}

TEST(WorkerTest, SendsAHeartbeatWhenThereIsNothingElse) {
  FakeGateway gateway({.heartbeat_ms = 1'000});
  const RunningWorker worker(For(gateway), Echo);
  ASSERT_TRUE(gateway.ExpectHello());
  EXPECT_TRUE(gateway.ExpectPing());
}

TEST(WorkerTest, LeavesAGatewayThatFellSilent) {
  FakeGateway gateway({.heartbeat_ms = 1'000});
  RunningWorker worker(For(gateway), Echo);
  ASSERT_TRUE(gateway.ExpectHello());
  gateway.GoSilent();
  const auto event = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(gateway.ExpectHello(2));
}

TEST(WorkerTest, GivesUpOnAGatewayThatNeverWelcomes) {
  FakeGateway gateway;
  gateway.WithholdWelcome();
  Options options = For(gateway);
  options.connect_timeout = std::chrono::milliseconds(200);
  RunningWorker worker(options, Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kDeadlineExceeded);
}

TEST(WorkerTest, FinishesWhatIsInWorkBeforeItLeaves) {
  FakeGateway gateway;
  Gate gate;
  RunningWorker worker(For(gateway), [&gate](const Message& message) {
    gate.Pass();
    return Echo(message);
  });
  gateway.Deliver(5);
  ASSERT_TRUE(gate.AwaitArrivals(2));
  worker.worker().Drain();
  EXPECT_TRUE(gateway.ExpectDrain());
  gate.Open();
  EXPECT_EQ(gateway.ExpectSettles(5).size(), 5U);
  EXPECT_TRUE(gateway.ExpectEnd());
  EXPECT_EQ(worker.Join().code(), StatusCode::kOk);
  EXPECT_EQ(gateway.streams(), 1);
}

TEST(WorkerTest, SaysSoWhenTheDrainTimeoutPasses) {
  FakeGateway gateway;
  Gate gate;
  Options options = For(gateway);
  options.drain_timeout = std::chrono::milliseconds(50);
  RunningWorker worker(options, [&gate](const Message&) { gate.Pass(); });
  gateway.Deliver();
  ASSERT_TRUE(gate.AwaitArrivals(1));
  worker.worker().Drain();
  EXPECT_TRUE(gateway.ExpectEnd());
  gate.Open();
  EXPECT_EQ(worker.Join().code(), StatusCode::kDeadlineExceeded);
}

TEST(WorkerTest, ReturnsFromDrainWithoutAGateway) {
  Options options;
  options.gateways = {"127.0.0.1:1"};
  options.chains = {"test"};
  options.security = Security::kPlaintext;
  RunningWorker worker(options, Echo);
  ASSERT_TRUE(worker.Await(Kind::kConnectFailed));
  worker.worker().Drain();
  EXPECT_TRUE(worker.Join().ok());
}

TEST(WorkerTest, ConnectsAgainWhileItSettlesForAGatewayThatDrains) {
  FakeGateway gateway;
  Gate gate;
  RunningWorker worker(For(gateway), [&gate](const Message& message) {
    gate.Pass();
    return Echo(message);
  });
  gateway.Deliver();
  ASSERT_TRUE(gate.AwaitArrivals(1));
  gateway.SendDrain(10'000, "spreading");
  EXPECT_TRUE(worker.Await(Kind::kDraining));
  EXPECT_TRUE(gateway.ExpectHello(2));
  gate.Open();
  EXPECT_TRUE(gateway.ExpectSettle());
  EXPECT_TRUE(gateway.ExpectEnd(1));
  const auto event = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->status.ok());
}

TEST(WorkerTest, StopsReadingWhenTheGatewayIgnoresTheWindow) {
  FakeGateway gateway;
  Gate gate;
  Options options = For(gateway);
  options.window_messages = 4;
  RunningWorker worker(options, [&gate](const Message&) { gate.Pass(); });
  for (int i = 0; i < 50; ++i) gateway.Deliver(1, WithPayload(std::string(100'000, 'x')));
  ASSERT_TRUE(gate.AwaitArrivals(2));
  // The fifth makes it too many; what follows stays with the gateway and in the sockets' buffers.
  EXPECT_LE(worker.worker().GetStats().received, 5U);
  gate.Open();
  EXPECT_EQ(gateway.ExpectSettles(50).size(), 50U);
}

TEST(WorkerTest, LetsNoHandlerRunForAStreamThatIsLost) {
  FakeGateway gateway;
  Gate gate;
  std::atomic<int> ran = 0;
  Options options = For(gateway);
  options.concurrency = 1;
  RunningWorker worker(options, [&](const Message&) {
    ++ran;
    gate.Pass();
  });
  gateway.Deliver(10);
  ASSERT_TRUE(gate.AwaitArrivals(1));
  gateway.DropStream();
  ASSERT_TRUE(worker.Await(Kind::kDisconnected));
  gate.Open();
  ASSERT_TRUE(gateway.ExpectHello(2));
  gateway.Deliver(1);
  const auto settle = gateway.ExpectSettle();
  ASSERT_TRUE(settle);
  EXPECT_EQ(settle->delivery_id(), 11U);
  EXPECT_EQ(ran, 2);
}

TEST(WorkerTest, EndsAStreamWhoseFramesAreMalformed) {
  FakeGateway gateway;
  RunningWorker worker(For(gateway), Echo);
  v1::GatewayFrame frame;
  frame.add_deliveries();  // Without an id.
  gateway.Send(frame);
  const auto event = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kInvalidArgument);
}

TEST(WorkerTest, RefusesWrongOptionsAtOnce) {
  Worker worker({}, Echo);
  EXPECT_EQ(worker.Run().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::client
