#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "client/cpp/ctl/commands.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

// A gateway with so many dead letters.
class FakeAdminClient final : public AdminClient {
 public:
  absl::StatusOr<v1::GetStatusResponse> Status() override { return status; }
  absl::StatusOr<v1::ListDeadLettersResponse> List(const v1::ListDeadLettersRequest& request) override {
    v1::ListDeadLettersResponse response;
    const uint64_t from = request.page_token().empty() ? 0 : std::stoull(request.page_token());
    for (uint64_t i = from; i < letters && i < from + request.page_size(); ++i) {
      v1::DeadLetter& letter = *response.add_dead_letters();
      letter.set_id("id-" + std::to_string(i));
      letter.set_reason("because\x1b[2J");
    }
    if (response.dead_letters_size() > 0) {
      response.set_next_page_token(std::to_string(from + static_cast<uint64_t>(response.dead_letters_size())));
    }
    return response;
  }
  absl::StatusOr<v1::GetDeadLetterResponse> Get(const v1::GetDeadLetterRequest& request) override {
    return absl::NotFoundError("there is no dead letter of id " + request.id());
  }
  absl::StatusOr<v1::ReplayDeadLettersResponse> Replay(const v1::ReplayDeadLettersRequest& request) override {
    v1::ReplayDeadLettersResponse response = replay_response;
    response.set_replayed(letters);
    if (!request.dry_run()) ++acted;
    return response;
  }
  absl::StatusOr<v1::PurgeDeadLettersResponse> Purge(const v1::PurgeDeadLettersRequest& request) override {
    v1::PurgeDeadLettersResponse response;
    response.set_purged(letters);
    if (!request.dry_run()) ++acted;
    return response;
  }

  absl::StatusOr<v1::ImportDeadLettersResponse> Import(const NextLetter& next) override {
    v1::ImportDeadLettersResponse response;
    for (v1::DeadLetter letter; next(letter);) imported.push_back(letter.id());
    response.set_imported(imported.size());
    return response;
  }
  absl::StatusOr<v1::ExplainPermissionResponse> ExplainPermission(
      const v1::ExplainPermissionRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::EndSessionResponse> EndSession(const v1::EndSessionRequest& request) override {
    ++acted;
    v1::EndSessionResponse response;
    for (const char* connection : {"plant", "office"}) {
      v1::EndedSession& session = *response.add_sessions();
      session.set_connection(connection);
      session.set_client_id("sluice-" + request.gateway() + request.client_id());
      session.set_ended(connection != broken);
      if (connection == broken) session.set_detail("not authorized");
    }
    return response;
  }

  absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration() override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::PlanConfigurationResponse> PlanConfiguration(
      const v1::PlanConfigurationRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::ReconnectConnectionResponse> ReconnectConnection(
      const v1::ReconnectConnectionRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::ApplyConfigurationResponse> ApplyConfiguration(
      const v1::ApplyConfigurationRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::ListConfigurationItemsResponse> ListItems(
      const v1::ListConfigurationItemsRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::GetConfigurationItemResponse> GetItem(
      const v1::GetConfigurationItemRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::PutConfigurationItemsResponse> PutItems(
      const v1::PutConfigurationItemsRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::DeleteConfigurationItemResponse> DeleteItem(
      const v1::DeleteConfigurationItemRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }
  absl::StatusOr<v1::TestRoutesResponse> TestRoutes(const v1::TestRoutesRequest& /*request*/) override {
    return absl::UnimplementedError("not asked here");
  }

  uint64_t letters = 3;
  std::vector<std::string> imported;
  std::string broken;
  int acted = 0;
  absl::StatusOr<v1::GetStatusResponse> status = v1::GetStatusResponse();
  v1::ReplayDeadLettersResponse replay_response;
};

class DlqCommandsTest : public testing::Test {
 protected:
  static ActCommand Filtered(ActCommand::Verb verb) {
    ActCommand act{.verb = verb};
    act.selection.mutable_filter()->set_chain("c");
    return act;
  }
  int Act(const ActCommand& command) { return RunAct(client_, command, false, fake_.console()); }

  DlqCommandsTest() { client_.status->add_chains()->set_name("c"); }

  FakeAdminClient client_;
  FakeConsole fake_;
};

TEST_F(DlqCommandsTest, APurgeAsksHowManyAreToGoAndActsOnYes) {
  fake_.WillAnswer("y");
  EXPECT_EQ(Act(Filtered(ActCommand::Verb::kPurge)), kOk);
  EXPECT_THAT(fake_.out.str(), HasSubstr("remove 3 dead letters for good? [y/N]"));
  EXPECT_EQ(client_.acted, 1);
}

TEST_F(DlqCommandsTest, AnythingElseIsNo) {
  for (const char* answer : {"", "n", "sure", "Yes please"}) {
    fake_.WillAnswer(answer);
    EXPECT_EQ(Act(Filtered(ActCommand::Verb::kReplay)), kFailure);
  }
  EXPECT_THAT(fake_.out.str(), HasSubstr("replay 3 dead letters? [y/N] nothing done"));
  EXPECT_EQ(client_.acted, 0);
}

TEST_F(DlqCommandsTest, WithNobodyToAskItRefuses) {
  EXPECT_EQ(Act(Filtered(ActCommand::Verb::kPurge)), kUsage);
  EXPECT_THAT(fake_.err.str(), HasSubstr("say --yes"));
  EXPECT_EQ(client_.acted, 0);
}

TEST_F(DlqCommandsTest, NamedIdsAndYesAskNothing) {
  ActCommand yes = Filtered(ActCommand::Verb::kPurge);
  yes.yes = true;
  EXPECT_EQ(Act(yes), kOk);
  ActCommand named{.verb = ActCommand::Verb::kReplay};
  named.selection.add_ids("x");
  EXPECT_EQ(Act(named), kOk);
  EXPECT_EQ(client_.acted, 2);
}

TEST_F(DlqCommandsTest, WhereThereIsNoneNobodyIsAsked) {
  client_.letters = 0;
  fake_.WillAnswer("y");
  EXPECT_EQ(Act(Filtered(ActCommand::Verb::kPurge)), kOk);
  EXPECT_EQ(fake_.out.str(), "there is none\n");
  EXPECT_EQ(client_.acted, 0);
}

TEST_F(DlqCommandsTest, AChainThatIsNotThereIsSaidWhereNothingIsFound) {
  client_.letters = 0;
  client_.status->mutable_chains(0)->set_name("temperature");
  const std::string expected = "sluicectl: there is no chain 'temprature' (did you mean 'temperature'?)\n";
  ListCommand list;
  list.filter.set_chain("temprature");
  for (const bool json : {false, true}) {
    fake_.err.str("");
    EXPECT_EQ(RunList(client_, list, json, fake_.console()), kFailure);
    EXPECT_EQ(fake_.err.str(), expected);
  }
  ActCommand act{.verb = ActCommand::Verb::kPurge, .selection = {}, .yes = true};
  act.selection.mutable_filter()->set_chain("temprature");
  fake_.err.str("");
  EXPECT_EQ(Act(act), kFailure);
  EXPECT_EQ(fake_.err.str(), expected);
  list.filter.set_chain("temperature");
  EXPECT_EQ(RunList(client_, list, false, fake_.console()), kOk);
  EXPECT_EQ(fake_.out.str(), "there is none\n");
}

TEST_F(DlqCommandsTest, AnExportReplacesFilesAndWritesToWhatIsNone) {
  const std::filesystem::path dir = testing::TempDir() + "/export";
  std::filesystem::remove_all(dir);
  std::filesystem::create_directory(dir);
  const auto read = [](const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::ofstream(dir / "kept") << "an earlier backup";
  std::filesystem::create_symlink("kept", dir / "link");
  EXPECT_EQ(RunExport(client_, {.filter = {}, .path = dir / "link"}, true, fake_.console()), kOk);
  EXPECT_EQ(fake_.out.str(), "{\"exported\":3}\n");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_THAT(read(dir / "kept"), HasSubstr("id-2"));

  // As /dev/null and /dev/stdout: to replace them would be to break the machine.
  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);
  const int reader = open((dir / "pipe").c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(RunExport(client_, {.filter = {}, .path = dir / "pipe"}, false, fake_.console()), kOk);
  EXPECT_TRUE(std::filesystem::is_fifo(dir / "pipe"));
  std::string written(4096, '\0');
  written.resize(static_cast<size_t>(std::max<ssize_t>(0, ::read(reader, written.data(), written.size()))));
  EXPECT_EQ(written, read(dir / "kept"));
  close(reader);

  EXPECT_EQ(RunExport(client_, {.filter = {}, .path = dir}, false, fake_.console()), kFailure);
  EXPECT_THAT(fake_.err.str(), HasSubstr("cannot be opened: Is a directory"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir), {}), 3) << "nothing else is left";
}

TEST_F(DlqCommandsTest, WhatIsWrongInAFileIsToldWithLineAndFieldBeforeAnythingIsSent) {
  const std::string file = testing::TempDir() + "/letters.jsonl";
  const auto line = [](const std::string& topic, const std::string& more) {
    return R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","kind":"message","topic":")" + topic + "\"" + more + "}\n";
  };
  const auto import = [&](const std::string& second) {
    std::ofstream(file) << line("a", "") << second;
    fake_.err.str("");
    return RunImport(client_, {.path = file}, false, fake_.console());
  };
  const std::string told = "sluicectl: " + file + ":2: no dead letter as dlq export writes it: ";
  EXPECT_EQ(import(line("a", R"(,"qos":3)")), kFailure);
  EXPECT_EQ(fake_.err.str(), told + "'qos' is 3; allowed: 0, 1 or 2\n");
  EXPECT_EQ(import(line(R"(a\u0000b)", "")), kFailure);
  EXPECT_EQ(fake_.err.str(), told + "'topic' has U+0000 at byte 2\n");
  EXPECT_EQ(import(line("a/+", "")), kFailure);
  EXPECT_THAT(fake_.err.str(), HasSubstr(told + "'topic' has the wildcard"));
  EXPECT_EQ(import(line("", R"(,"route":"r")")), kFailure);
  EXPECT_EQ(fake_.err.str(), told + "'topic' is missing\n");
  EXPECT_EQ(import(line("a", R"(,"answers":"me")")), kFailure);
  EXPECT_THAT(fake_.err.str(), HasSubstr(told + "'answers' is no id"));
  EXPECT_TRUE(client_.imported.empty());
  EXPECT_EQ(import(line("", "")), kOk) << "a malformed packet has no topic: " << fake_.err.str();
  EXPECT_EQ(client_.imported.size(), 2);
}

TEST_F(DlqCommandsTest, EndingSessionsAsksFirstAndSaysWhatBecameOfEach) {
  EndSessionCommand command;
  command.request.set_gateway("2");
  EXPECT_EQ(RunEndSession(client_, command, false, fake_.console()), kUsage) << "nobody to ask";
  fake_.WillAnswer("n");
  EXPECT_EQ(RunEndSession(client_, command, false, fake_.console()), kFailure);
  EXPECT_EQ(client_.acted, 0);
  fake_.out.str("");
  command.yes = true;
  EXPECT_EQ(RunEndSession(client_, command, false, fake_.console()), kOk);
  EXPECT_EQ(fake_.out.str(), "plant: sluice-2: ended\noffice: sluice-2: ended\n");
  client_.broken = "office";
  fake_.err.str("");
  EXPECT_EQ(RunEndSession(client_, command, false, fake_.console()), kFailure);
  EXPECT_EQ(fake_.err.str(), "office: sluice-2: NOT ENDED: not authorized\n");
}

TEST_F(DlqCommandsTest, AReplayThatFailedInPartSaysWhatAndFails) {
  v1::DeadLetterFailure& failure = *client_.replay_response.add_failures();
  failure.set_id("id-1");
  failure.set_message("the route 'r' is not configured any more");
  client_.replay_response.set_failed(5);
  client_.replay_response.set_stopped("the journal is full");
  ActCommand act{.verb = ActCommand::Verb::kReplay};
  act.selection.add_ids("x");
  EXPECT_EQ(Act(act), kFailure);
  EXPECT_EQ(fake_.err.str(),
            "id-1: the route 'r' is not configured any more\n… and 4 more\nstopped: the journal is full\n");
}

TEST_F(DlqCommandsTest, AListIsHeldToItsLimitAndSaysThatThereIsMore) {
  client_.letters = 1'200;
  EXPECT_EQ(RunList(client_, {.limit = 700}, true, fake_.console()), kOk);
  const std::string lines = fake_.out.str();
  EXPECT_EQ(std::ranges::count(lines, '\n'), 700);
  fake_.out.str("");
  EXPECT_EQ(RunList(client_, {.limit = 2}, false, fake_.console()), kOk);
  EXPECT_THAT(fake_.err.str(), HasSubstr("--limit 0"));
  fake_.err.str("");
  fake_.out.str("");
  EXPECT_EQ(RunList(client_, {.limit = 0}, true, fake_.console()), kOk);
  const std::string all = fake_.out.str();
  EXPECT_EQ(std::ranges::count(all, '\n'), 1'200);
  EXPECT_EQ(RunList(client_, {.limit = 1'200}, false, fake_.console()), kOk);
  EXPECT_EQ(fake_.err.str(), "");
}

TEST_F(DlqCommandsTest, WhatWorkersWroteDoesNotSteerTheTerminal) {
  EXPECT_EQ(RunList(client_, {}, false, fake_.console()), kOk);
  EXPECT_THAT(fake_.out.str(), HasSubstr("because\\x1b[2J"));
  EXPECT_THAT(fake_.out.str(), Not(HasSubstr("\x1b")));
}

TEST_F(DlqCommandsTest, AnIdThatIsNotThereFails) {
  EXPECT_EQ(RunShow(client_, {.id = "x"}, false, fake_.console()), kFailure);
  EXPECT_EQ(fake_.err.str(), "sluicectl: there is no dead letter of id x\n");
}

TEST_F(DlqCommandsTest, StatusSaysWhatIsNotReadyAndWhy) {
  v1::ReadinessItem& item = *client_.status->add_readiness();
  item.set_name("connection plant");
  item.set_detail("connection refused");
  client_.status->mutable_dead_letters()->set_trouble("no space left");
  EXPECT_EQ(RunStatus(client_, false, fake_.console()), kOk);
  EXPECT_THAT(fake_.out.str(), HasSubstr(": not ready\n  [-] connection plant: connection refused\n"));
  EXPECT_THAT(fake_.out.str(), HasSubstr("CANNOT BE WRITTEN: no space left"));
}

TEST(StatusOfAll, SaysWhoDoesNotAnswerAndSumsUpTheRest) {
  std::vector<Replica> replicas;
  for (const char* address : {"10.0.0.1:7444", "10.0.0.2:7444", "10.0.0.3:7444"}) {
    auto client = std::make_unique<FakeAdminClient>();
    v1::GetStatusResponse status;
    status.set_gateway(address);
    status.mutable_journal()->set_messages(5);
    status.mutable_dead_letters()->set_messages(1);
    v1::ReadinessItem& item = *status.add_readiness();
    item.set_name("connection plant");
    item.set_ready(replicas.empty());
    client->status = status;
    if (replicas.size() == 2) client->status = absl::UnavailableError("cannot reach the gateway at 10.0.0.3:7444");
    replicas.push_back({.address = address, .client = std::move(client)});
  }
  FakeConsole fake;
  EXPECT_EQ(RunStatusOfAll(replicas, /*json=*/false, fake.console()), kFailure);
  EXPECT_THAT(fake.out.str(), HasSubstr("10.0.0.2:7444: 10.0.0.2:7444, Sluice"));
  EXPECT_THAT(fake.out.str(), HasSubstr("3 replicas: 1 ready, 1 not ready, 1 without an answer; in their journals 10 "
                                        "messages and 0 replies; 2 dead letters\n"));
  EXPECT_EQ(fake.err.str(), "sluicectl: cannot reach the gateway at 10.0.0.3:7444\n");
  replicas.pop_back();
  EXPECT_EQ(RunStatusOfAll(replicas, /*json=*/true, fake.console()), kOk);
}

}  // namespace
}  // namespace sluice::ctl
