// How a worker of the SDK finds its gateways, keeps its streams and leaves them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/integration/client/running_worker.h"
#include "tests/support/temp_dir.h"

namespace sluice::client {
namespace {

// A worker whose token stands in a file.
struct WorkerWithToken {
  explicit WorkerWithToken(const std::string& token) : file(directory.Write("token", token)) {}
  Options ItsOptions() const {
    Options options = For(gateway);
    options.token_file = file;
    return options;
  }

  FakeGateway gateway;
  const TempDir directory;
  const std::string file;
  RunningWorker worker{ItsOptions(), Echo};
};

TEST(ConnectionTest, IntroducesItself) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.chains = {"test", "other"};
  options.lease = std::chrono::seconds(7);
  options.window_messages = 77;
  const RunningWorker worker(options, Echo);
  const auto hello = gateway.ExpectHello();
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->worker_name(), "tester");
  EXPECT_EQ(hello->instance(), "one");
  EXPECT_THAT(hello->sdk(), ::testing::MatchesRegex("sluice-cpp/[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_EQ(hello->max_protocol_version(), 1U);
  EXPECT_EQ(hello->window().messages(), 77U);
  EXPECT_EQ(hello->window().bytes(), options.window_bytes);
  EXPECT_EQ(hello->lease_ms(), 7'000U);
  EXPECT_EQ(hello->chains_size(), 2);
}

TEST(ConnectionTest, ConnectsAgainAfterALostStream) {
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

TEST(ConnectionTest, ShowsItsTokenAndReadsItAnewForEachConnection) {
  WorkerWithToken with_token("first.a.b\n");
  auto& [gateway, directory, file, worker] = with_token;
  ASSERT_TRUE(gateway.ExpectHello(1));
  EXPECT_EQ(gateway.authorization(), "Bearer first.a.b");
  directory.Write("token", "second.a.b");
  gateway.DropStream();
  ASSERT_TRUE(gateway.ExpectHello(2));
  EXPECT_EQ(gateway.authorization(), "Bearer second.a.b");
}

TEST(ConnectionTest, SaysWhatIsWrongWithATokensFileWithoutShowingIt) {
  WorkerWithToken with_token("secret\nmore");
  auto& [gateway, directory, file, worker] = with_token;
  const auto failed = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status.message(), file + " holds no token, or more than one");
}

TEST(ConnectionTest, SaysWhyATokensFileCannotBeRead) {
  const TempDir directory;
  FakeGateway gateway;
  Options options = For(gateway);
  options.token_file = directory.path();
  RunningWorker worker(options, Echo);
  const auto failed = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status.message(), "token_file: cannot read " + options.token_file + ": Is a directory");
}

TEST(ConnectionTest, AsksForATokenForEachConnection) {
  FakeGateway gateway;
  Options options = For(gateway);
  int asked = 0;
  options.token = [&asked](std::string& token) {
    if (++asked == 2) return Status(StatusCode::kUnavailable, "the issuer is down");
    token = "token." + std::to_string(asked);
    return Status();
  };
  RunningWorker worker(options, Echo);
  ASSERT_TRUE(gateway.ExpectHello(1));
  EXPECT_EQ(gateway.authorization(), "Bearer token.1");
  gateway.DropStream();
  const auto failed = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->status.message(), "the issuer is down");
  ASSERT_TRUE(gateway.ExpectHello(2));
  EXPECT_EQ(gateway.authorization(), "Bearer token.3");
}

TEST(ConnectionTest, ConnectsWhenTheGatewayComesUpLater) {
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

TEST(ConnectionTest, ServesEveryAddress) {
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

TEST(ConnectionTest, FindsAGatewayByItsName) {
  FakeGateway gateway;
  Options options = For(gateway);
  options.gateways = {"localhost:" + std::to_string(gateway.port())};
  const RunningWorker worker(options, Echo);
  EXPECT_TRUE(gateway.ExpectHello());
}

TEST(ConnectionTest, ReportsANameThatNobodyKnows) {
  Options options;
  options.gateways = {"nobody.invalid"};
  options.chains = {"test"};
  RunningWorker worker(options, Echo);
  const auto event = worker.Await(Kind::kResolveFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->address, "nobody.invalid");
}

TEST(ConnectionTest, ReportsTheCauseOfARefusalAndWaitsLongBeforeTheNextTry) {
  FakeGateway gateway;
  gateway.RefuseStreams({grpc::StatusCode::PERMISSION_DENIED, "chain test is not for tester"});
  RunningWorker worker(For(gateway), Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kPermissionDenied);
  EXPECT_NE(event->text.find("chain test is not for tester"), std::string::npos);
  EXPECT_GE(event->retry_in.count(), 15'000);
}

TEST(ConnectionTest, ReportsARefusedChainAndServesTheOthers) {
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

TEST(ConnectionTest, SendsAHeartbeatWhenThereIsNothingElse) {
  FakeGateway gateway({.heartbeat_ms = 1'000});
  const RunningWorker worker(For(gateway), Echo);
  ASSERT_TRUE(gateway.ExpectHello());
  EXPECT_TRUE(gateway.ExpectPing());
}

TEST(ConnectionTest, LeavesAGatewayThatFellSilent) {
  FakeGateway gateway({.heartbeat_ms = 1'000});
  RunningWorker worker(For(gateway), Echo);
  ASSERT_TRUE(gateway.ExpectHello());
  gateway.GoSilent();
  const auto event = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(gateway.ExpectHello(2));
}

TEST(ConnectionTest, GivesUpOnAGatewayThatNeverWelcomes) {
  FakeGateway gateway;
  gateway.WithholdWelcome();
  Options options = For(gateway);
  options.connect_timeout = std::chrono::milliseconds(200);
  RunningWorker worker(options, Echo);
  const auto event = worker.Await(Kind::kConnectFailed);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kDeadlineExceeded);
}

TEST(ConnectionTest, FinishesWhatIsInWorkBeforeItLeaves) {
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

TEST(ConnectionTest, ComesBackSoonAfterAnyNumberOfDrains) {
  FakeGateway gateway;
  RunningWorker worker(For(gateway), Echo);
  for (int i = 1; i <= 8; ++i) {
    ASSERT_TRUE(gateway.ExpectHello(i));
    ASSERT_TRUE(worker.Await(Kind::kConnected));
    gateway.SendDrain(10'000, "restarting");
  }
  ASSERT_TRUE(gateway.ExpectHello(9));
  ASSERT_TRUE(worker.Await(Kind::kConnected));
  gateway.DropStream();
  std::optional<Event> lost;
  do {
    lost = worker.Await(Kind::kDisconnected);
    ASSERT_TRUE(lost);
  } while (lost->status.ok());
  EXPECT_LE(lost->retry_in, std::chrono::milliseconds(20)) << "two failures at most, from 10 ms on";
}

TEST(ConnectionTest, SaysSoWhenTheDrainTimeoutPasses) {
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

TEST(ConnectionTest, ReturnsFromDrainWithoutAGateway) {
  Options options;
  options.gateways = {"127.0.0.1:1"};
  options.chains = {"test"};
  options.security = Security::kPlaintext;
  RunningWorker worker(options, Echo);
  ASSERT_TRUE(worker.Await(Kind::kConnectFailed));
  worker.worker().Drain();
  EXPECT_TRUE(worker.Join().ok());
}

TEST(ConnectionTest, ConnectsAgainWhileItSettlesForAGatewayThatDrains) {
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

TEST(ConnectionTest, LetsNoHandlerRunForAStreamThatIsLost) {
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

TEST(ConnectionTest, EndsAStreamWhoseFramesAreMalformed) {
  FakeGateway gateway;
  RunningWorker worker(For(gateway), Echo);
  v1::GatewayFrame frame;
  frame.add_deliveries();  // Without an id.
  gateway.Send(frame);
  const auto event = worker.Await(Kind::kDisconnected);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->status.code(), StatusCode::kInvalidArgument);
}

TEST(ConnectionTest, RefusesWrongOptionsAtOnce) {
  Worker worker({}, Echo);
  EXPECT_EQ(worker.Run().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::client
