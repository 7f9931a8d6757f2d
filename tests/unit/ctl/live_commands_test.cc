// What sluicectl shows of a running gateway, and what it asks of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cpp/ctl/commands.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FakeLiveClient final : public LiveClient {
 public:
  absl::StatusOr<v1::ListWorkersResponse> Workers(const v1::ListWorkersRequest& request) override {
    asked_worker = request.worker();
    ++looks;
    return workers;
  }
  absl::StatusOr<v1::ListChainsResponse> Chains(const v1::ListChainsRequest& /*request*/) override { return chains; }
  absl::StatusOr<v1::ListConnectionsResponse> Connections(const v1::ListConnectionsRequest& /*request*/) override {
    return connections;
  }
  absl::StatusOr<v1::DrainWorkerResponse> DrainWorker(const v1::DrainWorkerRequest& request) override {
    drain = request;
    v1::DrainWorkerResponse response;
    response.mutable_worker()->set_worker("w/1");
    response.mutable_worker()->set_in_flight(1);
    return response;
  }
  absl::StatusOr<v1::DisconnectWorkerResponse> DisconnectWorker(const v1::DisconnectWorkerRequest& request) override {
    return absl::NotFoundError("no worker stream is open that is called '" + request.worker() + "'");
  }
  absl::StatusOr<v1::PauseChainResponse> PauseChain(const v1::PauseChainRequest& request) override {
    v1::PauseChainResponse response;
    response.mutable_chain()->set_name(request.chain());
    response.mutable_chain()->set_waiting(3);
    return response;
  }
  absl::StatusOr<v1::ResumeChainResponse> ResumeChain(const v1::ResumeChainRequest& request) override {
    v1::ResumeChainResponse response;
    response.mutable_chain()->set_name(request.chain());
    response.set_unchanged(true);
    return response;
  }
  absl::StatusOr<v1::DrainGatewayResponse> DrainGateway(const v1::DrainGatewayRequest& /*request*/) override {
    return v1::DrainGatewayResponse();
  }
  absl::StatusOr<v1::ResumeGatewayResponse> ResumeGateway() override { return v1::ResumeGatewayResponse(); }
  absl::Status Tail(const v1::TailRequest& request, const std::function<bool(const v1::TailResponse&)>& take) override {
    tailed = request;
    for (const v1::TailResponse& response : passing) {
      if (!take(response)) break;
    }
    return absl::OkStatus();
  }

  v1::ListWorkersResponse workers;
  v1::ListChainsResponse chains;
  v1::ListConnectionsResponse connections;
  v1::DrainWorkerRequest drain;
  v1::TailRequest tailed;
  std::vector<v1::TailResponse> passing;
  std::string asked_worker;
  int looks = 0;
};

class LiveCommands : public testing::Test {
 protected:
  LiveCommands() {
    for (const char* name : {"w/1", "much-longer/2"}) {
      v1::LiveWorker& worker = *client_.workers.add_workers();
      worker.set_session(std::string("s-") + name);
      worker.set_worker(name);
      worker.set_state("open");
      worker.set_sdk("sluice-go/1.2.3\x1b[2J");
      worker.add_chains("a");
      worker.add_chains("b\x1b[2J");
      worker.set_in_flight(3);
      worker.set_window_messages(10);
      worker.set_oldest_delivery_ms(65'000);
      worker.set_settle_rate(12.34);
      worker.mutable_counts()->set_acked(7);
    }
    client_.workers.set_streams(2);
    v1::LiveChain& chain = *client_.chains.add_chains();
    chain.set_name("a");
    chain.set_waiting(5);
    chain.mutable_pause()->set_by("unix:0");
    chain.mutable_pause()->set_reason("bad deploy");
    v1::LiveConnection& connection = *client_.connections.add_connections();
    connection.set_name("plant");
    v1::ConnectionStatus& link = *connection.add_links();
    link.set_name("plant");
    link.set_detail("connection refused");
  }
  int Look(LookCommand command, bool json = false) { return RunLook(client_, command, json, Show()); }
  Console Show() {
    Console console = console_.console();
    console.terminal = terminal_;
    console.colour = colour_;
    console.sleep = [this](std::chrono::milliseconds time) {
      slept_.push_back(time);
      return slept_.size() < 3;
    };
    return console;
  }
  std::string out() const { return console_.out.str(); }

  FakeLiveClient client_;
  FakeConsole console_;
  bool terminal_ = false;
  bool colour_ = false;
  std::vector<std::chrono::milliseconds> slept_;
};

TEST_F(LiveCommands, ListsWorkersInColumns) {
  EXPECT_EQ(Look({.what = LookCommand::What::kWorkers}), kOk);
  std::istringstream lines(out());
  std::string head, first, second;
  std::getline(lines, head);
  std::getline(lines, first);
  std::getline(lines, second);
  for (const char* value : {"3/10", "1m05s", "12.3"}) {
    EXPECT_EQ(first.find(value), second.find(value)) << value << " stands in one column";
  }
  EXPECT_EQ(head.find("IN FLIGHT"), first.find("3/10"));
  EXPECT_EQ(head.find("SDK"), first.find("sluice-go/1.2.3\\x1b"));
  EXPECT_THAT(first, HasSubstr("a,b\\x1b[2J")) << "a terminal does not obey what workers say";
  EXPECT_THAT(out(), Not(HasSubstr("\x1b"))) << "no colour that nobody asked for";
}

TEST_F(LiveCommands, ShowsAWorkerWithAllThatIsKnown) {
  client_.workers.mutable_workers()->RemoveLast();
  EXPECT_EQ(Look({.what = LookCommand::What::kWorker, .name = "w/1"}), kOk);
  EXPECT_EQ(client_.asked_worker, "w/1");
  EXPECT_THAT(out(),
              AllOf(HasSubstr("in flight       3 messages, 0 B; the oldest for 1m05s\n"), HasSubstr("nobody asked"),
                    HasSubstr("sdk             sluice-go/1.2.3"), HasSubstr("7 acked")));
}

TEST_F(LiveCommands, ColourStandsOutOnATerminalOnly) {
  colour_ = true;
  EXPECT_EQ(Look({.what = LookCommand::What::kChains}), kOk);
  EXPECT_THAT(out(), AllOf(StartsWith("\x1b[1mCHAIN"), HasSubstr("\x1b[33ma"), HasSubstr("by unix:0: bad deploy")));
}

TEST_F(LiveCommands, SaysWhyAConnectionIsNotReady) {
  EXPECT_EQ(Look({.what = LookCommand::What::kConnections}), kOk);
  EXPECT_THAT(out(), AllOf(HasSubstr("not ready"), HasSubstr("plant is not ready: connection refused\n")));
}

TEST_F(LiveCommands, JsonIsALineEach) {
  EXPECT_EQ(Look({.what = LookCommand::What::kWorkers}, /*json=*/true), kOk);
  std::istringstream lines(out());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_THAT(line, StartsWith("{\"session\":"));
  EXPECT_EQ(count, 2);
}

TEST_F(LiveCommands, WatchesUntilItIsToldNotTo) {
  EXPECT_EQ(Look({.what = LookCommand::What::kWorkers, .watch = std::chrono::milliseconds(500)}), kOk);
  EXPECT_EQ(client_.looks, 3);
  EXPECT_THAT(slept_, testing::Each(std::chrono::milliseconds(500)));
  EXPECT_THAT(out(), Not(HasSubstr("\x1b"))) << "a file is not redrawn";

  terminal_ = true;
  slept_.clear();
  EXPECT_EQ(Look({.what = LookCommand::What::kWorkers, .watch = std::chrono::milliseconds(500)}), kOk);
  EXPECT_THAT(out(), HasSubstr("\x1b[H\x1b[2J"));
}

TEST_F(LiveCommands, SaysWhatCameOfAnAct) {
  EXPECT_EQ(RunSteer(client_,
                     {.verb = SteerCommand::Verb::kDrainWorker,
                      .name = "w",
                      .reason = "upgrade",
                      .within = std::chrono::milliseconds(5'000)},
                     false, Show()),
            kOk);
  EXPECT_EQ(client_.drain.worker(), "w");
  EXPECT_EQ(client_.drain.reason(), "upgrade");
  EXPECT_EQ(client_.drain.within_ms(), 5'000u);
  EXPECT_THAT(out(), HasSubstr("w/1 (session ) drains"));
  EXPECT_EQ(RunSteer(client_, {.verb = SteerCommand::Verb::kPauseChain, .name = "a"}, false, Show()), kOk);
  EXPECT_THAT(out(),
              HasSubstr("chain 'a' is paused: 3 messages and what comes wait; 0 with workers go on. It lasts until "
                        "the gateway ends"));
  EXPECT_EQ(RunSteer(client_, {.verb = SteerCommand::Verb::kResumeChain, .name = "a"}, false, Show()), kOk);
  EXPECT_THAT(out(), HasSubstr("chain 'a' was not paused"));
  EXPECT_EQ(RunSteer(client_, {.verb = SteerCommand::Verb::kDisconnectWorker, .name = "x"}, false, Show()), kFailure);
  EXPECT_THAT(console_.err.str(), HasSubstr("called 'x'"));
}

TEST_F(LiveCommands, TailSaysWhatPassesAndWhatWasDropped) {
  v1::TailResponse& response = client_.passing.emplace_back();
  v1::PassingEvent& event = *response.add_events();
  event.set_step(v1::PASSING_STEP_SETTLED);
  event.set_at_unix_ms(1'700'000'000'123);
  event.set_message_id("01890a5d");
  event.set_topic("plant/7\x1b");
  event.set_outcome("reject");
  event.set_payload("21.5");
  event.set_payload_bytes(4);
  response.set_dropped(9);
  EXPECT_EQ(RunTail(client_, {}, false, Show()), kOk);
  EXPECT_EQ(out(), "22:13:20.123 settled     01890a5d topic=plant/7\\x1b outcome=reject qos=0 bytes=4\n21.5\n");
  EXPECT_THAT(console_.err.str(), HasSubstr("9 more passed and were dropped"));
}

TEST(LiveCommandLine, KnowsWhatToTailAndHowToSortTheTop) {
  FakeConsole console;
  const CommandLine tail =
      ParseCommandLine(std::vector<std::string>{"tail", "--topic", "plant/+/temp", "--chain", "c", "--worker", "w",
                                                "--outcome", "reject", "--step", "settled", "--rate", "7", "--payload"},
                       console.console());
  ASSERT_FALSE(tail.exit) << console.err.str();
  const v1::TailRequest& request = std::get<TailCommand>(tail.command).request;
  EXPECT_EQ(request.topic(), "plant/+/temp");
  EXPECT_EQ(request.chain(), "c");
  EXPECT_EQ(request.worker(), "w");
  EXPECT_EQ(request.outcome(), "reject");
  ASSERT_EQ(request.steps_size(), 1);
  EXPECT_EQ(request.steps(0), v1::PASSING_STEP_SETTLED);
  EXPECT_EQ(request.rate(), 7u);
  EXPECT_GT(request.payload_bytes(), 0u);

  const CommandLine top =
      ParseCommandLine(std::vector<std::string>{"top", "--every", "1s", "--sort", "oldest"}, console.console());
  ASSERT_FALSE(top.exit) << console.err.str();
  EXPECT_EQ(std::get<TopCommand>(top.command).every, std::chrono::milliseconds(1'000));
  EXPECT_EQ(std::get<TopCommand>(top.command).sort, TopSort::kOldest);
}

TEST(LiveCommandLine, TakesAWatchWithAndWithoutATime) {
  FakeConsole console;
  const auto watch = [&](std::vector<std::string> arguments) {
    const CommandLine line = ParseCommandLine(arguments, console.console());
    EXPECT_FALSE(line.exit) << console.err.str();
    return std::get<LookCommand>(line.command).watch;
  };
  EXPECT_EQ(watch({"workers", "list"}), std::nullopt);
  EXPECT_EQ(watch({"workers", "list", "--watch"}), std::chrono::milliseconds(2'000));
  EXPECT_EQ(watch({"chains", "status", "--watch", "500ms"}), std::chrono::milliseconds(500));
  EXPECT_EQ(watch({"connections", "status", "--watch=1m", "--json"}), std::chrono::milliseconds(60'000));
  EXPECT_EQ(ParseCommandLine(std::vector<std::string>{"workers", "list", "--watch", "soon"}, console.console()).exit,
            kUsage);
}

TEST(LiveCommandLine, KnowsWhomToSteer) {
  FakeConsole console;
  const auto steer = [&](std::vector<std::string> arguments) {
    const CommandLine line = ParseCommandLine(arguments, console.console());
    EXPECT_FALSE(line.exit) << console.err.str();
    return std::get<SteerCommand>(line.command);
  };
  const SteerCommand drain = steer({"worker", "drain", "w/1", "--within", "5s", "--reason", "upgrade"});
  EXPECT_EQ(drain.verb, SteerCommand::Verb::kDrainWorker);
  EXPECT_EQ(drain.name, "w/1");
  EXPECT_EQ(drain.within, std::chrono::milliseconds(5'000));
  EXPECT_EQ(steer({"worker", "disconnect", "w"}).verb, SteerCommand::Verb::kDisconnectWorker);
  EXPECT_EQ(steer({"chain", "pause", "c"}).verb, SteerCommand::Verb::kPauseChain);
  EXPECT_EQ(steer({"chain", "resume", "c"}).name, "c");
  EXPECT_EQ(steer({"gateway", "drain"}).verb, SteerCommand::Verb::kDrainGateway);
  EXPECT_EQ(steer({"gateway", "resume"}).verb, SteerCommand::Verb::kResumeGateway);
}

}  // namespace
}  // namespace sluice::ctl
