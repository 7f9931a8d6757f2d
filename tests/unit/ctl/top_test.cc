// What sluicectl top shows, and the keys it takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/terminal.h"
#include "client/cpp/ctl/top_screen.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TopView ViewOf(int chains) {
  TopView view;
  for (int i = 0; i < chains; ++i) {
    v1::LiveChain& chain = *view.chains.add_chains();
    chain.set_name("chain-" + std::to_string(i));
    chain.set_settle_rate(i);
    chain.set_waiting(static_cast<uint64_t>(100 - i));
  }
  for (const char* name : {"w/1", "w/2"}) {
    v1::LiveWorker& worker = *view.workers.add_workers();
    worker.set_worker(name);
    worker.set_in_flight(name == std::string("w/2") ? 5 : 1);
  }
  view.workers.set_streams(2);
  view.connections.add_connections()->set_name("plant");
  return view;
}

size_t LinesOf(const std::string& text) { return static_cast<size_t>(std::ranges::count(text, '\n')); }

TEST(TopScreen, SortsByTheKeyAndSumsUp) {
  const std::string by_rate = TopScreen(ViewOf(3), TopSort::kRate, 40, "here", false);
  EXPECT_LT(by_rate.find("chain-2"), by_rate.find("chain-0"));
  EXPECT_THAT(by_rate, AllOf(HasSubstr("here: 3 chains, 2 workers, 1 connection\n"), HasSubstr("3.0 settled"),
                             HasSubstr("297 wait"), HasSubstr("sorted by rate")));
  const std::string by_waiting = TopScreen(ViewOf(3), TopSort::kWaiting, 40, "here", false);
  EXPECT_LT(by_waiting.find("chain-0"), by_waiting.find("chain-2"));
  EXPECT_LT(by_waiting.find("w/2"), by_waiting.find("w/1"));
  const std::string by_name = TopScreen(ViewOf(3), TopSort::kName, 40, "here", false);
  EXPECT_LT(by_name.find("chain-0"), by_name.find("chain-1"));
}

TEST(TopScreen, FitsTheScreenAndLeavesEachKindItsPart) {
  const std::string screen = TopScreen(ViewOf(100), TopSort::kRate, 24, "here", false);
  EXPECT_LE(LinesOf(screen), 24u);
  EXPECT_THAT(screen, AllOf(HasSubstr("chain-99"), Not(HasSubstr("chain-0 ")), HasSubstr("w/1"), HasSubstr("w/2"),
                            HasSubstr("plant")));
}

TEST(ClipToScreen, CutsLinesButNoEscapes) {
  EXPECT_EQ(ClipToScreen("abcdef\nxy\nz\n", {.columns = 3, .rows = 2}), "abc\nxy");
  EXPECT_EQ(ClipToScreen("\x1b[1mabcdef\x1b[0m\n", {.columns = 3, .rows = 2}), "\x1b[1mabc\x1b[0m\n");
  EXPECT_EQ(ClipToScreen("\xc3\xa4\xc3\xa4\xc3\xa4", {.columns = 2, .rows = 1}), "\xc3\xa4\xc3\xa4");
}

class FakeTerminal final : public Terminal {
 public:
  Size size() const override { return {.columns = 200, .rows = 40}; }
  void Draw(const std::string& text) override { drawn.push_back(text); }
  std::optional<char> Key(std::chrono::milliseconds /*time*/) override {
    if (keys.empty()) return 'q';
    const std::optional<char> key = keys.front();
    keys.erase(keys.begin());
    return key;
  }

  std::vector<std::optional<char>> keys;
  std::vector<std::string> drawn;
};

// Answers the first looks with an error, or the later ones.
class TopClient final : public LiveClient {
 public:
  absl::StatusOr<v1::ListWorkersResponse> Workers(const v1::ListWorkersRequest& /*request*/) override {
    return ViewOf(1).workers;
  }
  absl::StatusOr<v1::ListChainsResponse> Chains(const v1::ListChainsRequest& /*request*/) override {
    if (fails_from == looks++) return absl::UnavailableError("cannot reach the gateway");
    return ViewOf(1).chains;
  }
  absl::StatusOr<v1::ListConnectionsResponse> Connections(const v1::ListConnectionsRequest& /*request*/) override {
    return ViewOf(1).connections;
  }
  absl::StatusOr<v1::DrainWorkerResponse> DrainWorker(const v1::DrainWorkerRequest& /*request*/) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::DisconnectWorkerResponse> DisconnectWorker(
      const v1::DisconnectWorkerRequest& /*request*/) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::PauseChainResponse> PauseChain(const v1::PauseChainRequest& /*request*/) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::ResumeChainResponse> ResumeChain(const v1::ResumeChainRequest& /*request*/) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::DrainGatewayResponse> DrainGateway(const v1::DrainGatewayRequest& /*request*/) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<v1::ResumeGatewayResponse> ResumeGateway() override { return absl::UnimplementedError(""); }
  absl::Status Tail(const v1::TailRequest& /*request*/,
                    const std::function<bool(const v1::TailResponse&)>& /*take*/) override {
    return absl::UnimplementedError("");
  }

  int fails_from = -1;
  int looks = 0;
};

TEST(Top, ChangesTheOrderAndEnds) {
  TopClient client;
  FakeTerminal terminal;
  FakeConsole console;
  terminal.keys = {'s', 's', 'x', 'q'};
  EXPECT_EQ(RunTop(client, {.every = std::chrono::milliseconds(60'000)}, terminal, "here", console.console()), kOk);
  ASSERT_EQ(terminal.drawn.size(), 4u);
  EXPECT_THAT(terminal.drawn[0], HasSubstr("sorted by rate"));
  EXPECT_THAT(terminal.drawn[1], HasSubstr("sorted by in-flight"));
  EXPECT_THAT(terminal.drawn[3], HasSubstr("sorted by oldest"));
  EXPECT_EQ(client.looks, 1) << "a key asks the gateway nothing";
}

TEST(Top, AGatewayThatIsAwayForAWhileIsWaitedFor) {
  TopClient client;
  FakeTerminal terminal;
  FakeConsole console;
  client.fails_from = 1;
  terminal.keys = {std::nullopt, std::nullopt, 'q'};
  EXPECT_EQ(RunTop(client, {.every = std::chrono::milliseconds(1)}, terminal, "here", console.console()), kOk);
  ASSERT_EQ(terminal.drawn.size(), 3u);
  EXPECT_THAT(terminal.drawn[1], HasSubstr("here: cannot reach the gateway"));
  EXPECT_THAT(terminal.drawn[2], HasSubstr("chain-0"));

  TopClient away;
  away.fails_from = 0;
  EXPECT_EQ(RunTop(away, {}, terminal, "here", console.console()), kFailure) << "one that never was there";
}

}  // namespace
}  // namespace sluice::ctl
