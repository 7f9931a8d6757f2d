// sluicectl against the admin listener.
#include <gmock/gmock.h>

#include "tests/integration/admin/fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class SluicectlTest : public AdminTest {
 protected:
  SluicectlTest() {
    const absl::Status started = Start(Socket());
    EXPECT_TRUE(started.ok()) << started;
    Put({.id = 1, .chain = "a", .topic = "plant/1/temp", .payload = "21.5", .reason = "lease expired"});
    Put({.id = 2, .chain = "a", .topic = "plant/2/temp", .payload = std::string("\0\1", 2), .reason = "rejected"});
    Put({.id = 3, .chain = "b", .topic = "plant/3/temp", .payload = "x", .reason = "rejected"});
  }
  void Put(LetterSpec spec) {
    spec.died_unix_ms = clock_.UnixMillis() - 60'000 + static_cast<int64_t>(spec.id) * 1'000;
    ASSERT_TRUE(PutOne(*store_, std::move(spec)).ok());
  }
  static std::string Id(uint64_t id) { return MakeLetter({.id = id}).id.ToString(); }
};

TEST_F(SluicectlTest, StatusTellsHowTheGatewayStands) {
  clock_.Advance(Millis(192'000));
  status_.status.gateway = "gw-0";
  status_.status.readiness = {{"gateway", true, ""}, {"connection plant", false, "connection refused"}};
  status_.status.journal_persistent = true;
  status_.status.journal = {.ingress_messages = 7, .outbox_messages = 1, .disk_bytes = 64u << 20};
  status_.status.chains = {{"b", 1, 2, 3}, {"a", 4, 5, 6}};
  status_.status.worker_streams = 2;
  status_.status.workers_address = "127.0.0.1:7443";
  ASSERT_EQ(Ctl({"status"}), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("gw-0, Sluice 0.1.0, up 3m12s: not ready\n"));
  EXPECT_THAT(out_, HasSubstr("[-] connection plant: connection refused\n"));
  EXPECT_THAT(out_, HasSubstr("journal: 7 messages, 1 reply, 0 B alive, 64.0 MiB on disk\n"));
  EXPECT_THAT(out_, HasSubstr("workers: 2 streams at 127.0.0.1:7443\n"));
  EXPECT_THAT(out_, HasSubstr("dead letters: 3, "));
  EXPECT_THAT(out_, HasSubstr("CHAIN  WAITING  ON DISK  IN FLIGHT\na      4        5        6\nb      1        2"));
  ASSERT_EQ(Ctl({"status", "--json"}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("\"in_flight\": 6"));
}

TEST_F(SluicectlTest, StatusTellsWhoWorkersAre) {
  status_.status.workers = {
      {.session = "5f02-1",
       .worker = "alarm/pod-1",
       .principal = "sub:w",
       .peer = "10.0.0.7:4711",
       .age = Millis(192'000)},
      {.session = "5f02-2", .worker = "e\x1b[2J/pod-2", .principal = "", .peer = "unix", .age = Millis(1'000)}};
  ASSERT_EQ(Ctl({"status"}), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("WORKER          PRINCIPAL  FROM           SINCE\n"
                              "alarm/pod-1     sub:w      10.0.0.7:4711  3m12s\n"));
  EXPECT_THAT(out_, HasSubstr("-          unix           1s\n"));
  EXPECT_THAT(out_, Not(HasSubstr("\x1b")));
  status_.status.workers.resize(53, status_.status.workers.front());
  ASSERT_EQ(Ctl({"status"}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("and 3 more\n"));
  ASSERT_EQ(Ctl({"status", "--json"}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("\"principal\": \"sub:w\""));
}

TEST_F(SluicectlTest, StatusOfAllAsksEveryAddressOfTheName) {
  admin_->Stop(Clock::Real().Now());
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  status_.status.gateway = "gw-0";
  status_.status.journal = {.ingress_messages = 7};
  ASSERT_EQ(Ctl({"status", "--all"}), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr(admin_->address() + ": gw-0, Sluice 0.1.0"));
  EXPECT_THAT(out_,
              HasSubstr("1 replica: 1 ready, 0 not ready, 0 without an answer; in their journals 7 messages and 0 "
                        "replies; 3 dead letters\n"));
  ASSERT_EQ(Ctl({"status", "--all", "--json"}), ctl::kOk);
  EXPECT_EQ(std::ranges::count(out_, '\n'), 1) << "a line each";
  EXPECT_EQ(Ctl({"status", "--all", "--address", Socket()}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("give --address HOST:PORT"));
  EXPECT_EQ(Ctl({"status", "--all", "--address", "nowhere.invalid:7444"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("'nowhere.invalid' has no address"));
}

TEST_F(SluicectlTest, ListsWhatTheFiltersLeave) {
  ASSERT_EQ(Ctl({"dlq", "list"}), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("ID "));
  for (uint64_t id : {1u, 2u, 3u}) EXPECT_THAT(out_, HasSubstr(Id(id)));
  Ctl({"dlq", "list", "--topic", "plant/+/temp", "--chain", "a", "--reason", "REJECT"});
  EXPECT_THAT(out_, HasSubstr(Id(2)));
  EXPECT_THAT(out_, Not(HasSubstr(Id(1))));
  Ctl({"dlq", "list", "--older-than", "58s"});
  EXPECT_THAT(out_, HasSubstr(Id(1)));
  EXPECT_THAT(out_, Not(HasSubstr(Id(3))));
  Ctl({"dlq", "list", "--newer-than", "58s"});
  EXPECT_THAT(out_, Not(HasSubstr(Id(1))));
  EXPECT_THAT(out_, HasSubstr(Id(3)));
  status_.status.chains = {{.name = "c"}};
  EXPECT_EQ(Ctl({"dlq", "list", "--chain", "c"}), ctl::kOk);
  EXPECT_EQ(out_, "there is none\n");
  EXPECT_EQ(Ctl({"dlq", "list", "--chain", "d"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("there is no chain 'd'"));
}

TEST_F(SluicectlTest, AWrongFilterSaysWhatIsWrong) {
  EXPECT_EQ(Ctl({"dlq", "list", "--topic", "a/#/b"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("the topic filter 'a/#/b' "));
  EXPECT_EQ(Ctl({"dlq", "show", "7"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("'7' is no id"));
}

TEST_F(SluicectlTest, ShowsOneWithItsPayload) {
  ASSERT_EQ(Ctl({"dlq", "show", Id(1)}), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("reason           lease expired\n"));
  EXPECT_THAT(out_, HasSubstr("worker           alarm/1\n"));
  EXPECT_THAT(out_, HasSubstr("payload          4 B\n21.5\n"));
  ASSERT_EQ(Ctl({"dlq", "show", Id(2)}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("00000000  00 01"));
  ASSERT_EQ(Ctl({"dlq", "show", Id(1), "--json"}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("\"payload\": \"MjEuNQ==\""));
}

TEST_F(SluicectlTest, ALargePayloadIsCutUnlessAllIsAskedFor) {
  Put({.id = 4, .payload = std::string(6u << 20, 'y')});
  ASSERT_EQ(Ctl({"dlq", "show", Id(4)}), ctl::kOk) << err_;
  EXPECT_LT(out_.size(), 10'000u);
  EXPECT_THAT(out_, HasSubstr("more bytes: --full)"));
  ASSERT_EQ(Ctl({"dlq", "show", Id(4), "--full"}), ctl::kOk) << err_;
  EXPECT_GT(out_.size(), 6u << 20);
}

TEST_F(SluicectlTest, ReplaysWhatIsConfirmed) {
  ASSERT_EQ(Ctl({"dlq", "replay", "--chain", "a"}, "y"), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("replay 2 dead letters? [y/N] 2 dead letters replayed\n"));
  EXPECT_THAT(replays_.taken, ElementsAre("21.5", std::string("\0\1", 2)));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("x"));
}

TEST_F(SluicectlTest, AReplayThatCannotBeIsItemisedAndStays) {
  StoredLetter letter = MakeLetter({.id = 9, .payload = "stays"});
  letter.route = "gone";
  ASSERT_TRUE(store_->Put({&letter, 1}).ok());
  EXPECT_EQ(Ctl({"dlq", "replay", Id(9), Id(1)}), ctl::kFailure);
  EXPECT_EQ(out_, "1 dead letter replayed\n");
  EXPECT_EQ(err_, Id(9) + ": the route 'gone' is not configured any more\n");
  EXPECT_EQ(store_->totals().messages, 3u);
}

TEST_F(SluicectlTest, PurgesWhatIsConfirmedAndNothingElse) {
  EXPECT_EQ(Ctl({"dlq", "purge", "--all"}, "n"), ctl::kFailure);
  EXPECT_EQ(store_->totals().messages, 3u);
  EXPECT_EQ(Ctl({"dlq", "purge", "--all"}), ctl::kUsage) << "nobody to ask";
  EXPECT_EQ(store_->totals().messages, 3u);
  EXPECT_EQ(Ctl({"dlq", "purge", "--reason", "rejected"}, "yes"), ctl::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("remove 2 dead letters for good? [y/N] 2 dead letters removed\n"));
  EXPECT_THAT(PayloadsOf(*store_), ElementsAre("21.5"));
  EXPECT_EQ(Ctl({"dlq", "purge", Id(1), Id(7)}), ctl::kFailure);
  EXPECT_THAT(out_, HasSubstr("1 dead letter removed"));
}

TEST_F(SluicectlTest, ABackupPutsBackWhatWasThereAndOnlyThat) {
  Put({.id = 5, .chain = "a", .payload = std::string(5u << 20, '\x01')});
  const std::string file = folder_ / "letters.jsonl";
  ASSERT_EQ(Ctl({"dlq", "export", file}), ctl::kOk) << err_;
  EXPECT_EQ(out_, "4 dead letters written to " + file + "\n");
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::vector<std::string> payloads = PayloadsOf(*store_);
  ASSERT_EQ(Ctl({"dlq", "import", file}), ctl::kOk) << err_;
  EXPECT_EQ(out_, "0 dead letters imported, 4 there already\n");
  ASSERT_EQ(Ctl({"dlq", "purge", "--reason", "rejected", "--yes"}), ctl::kOk);
  ASSERT_EQ(Ctl({"dlq", "import", file}), ctl::kOk) << err_;
  EXPECT_EQ(out_, "3 dead letters imported, 1 there already\n");
  EXPECT_EQ(PayloadsOf(*store_), payloads);
  ASSERT_EQ(Ctl({"dlq", "show", Id(2)}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("reason           rejected\n"));
}

TEST_F(SluicectlTest, AFileThatIsNoBackupImportsNothingAndNamesTheLine) {
  const std::string file = folder_ / "letters.jsonl";
  ASSERT_EQ(Ctl({"dlq", "export", file, "--chain", "a"}), ctl::kOk) << err_;
  ASSERT_EQ(Ctl({"dlq", "purge", "--all", "--yes"}), ctl::kOk);
  std::ofstream(file, std::ios::app) << "\n{\"id\": \"hunter2\", \"topics\": 1}\n";
  EXPECT_EQ(Ctl({"dlq", "import", file}), ctl::kFailure);
  EXPECT_EQ(err_, "sluicectl: " + file + ":4: no dead letter as dlq export writes it: a key that is not known\n");
  EXPECT_EQ(store_->totals().messages, 0u);
  EXPECT_EQ(Ctl({"dlq", "import", folder_ / "none"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("none: cannot be read: No such file or directory"));
}

TEST_F(SluicectlTest, AnExportThatFailsLeavesTheFileOfBefore) {
  const std::string file = folder_.Write("letters.jsonl", "before");
  admin_->Stop(Clock::Real().Now());
  EXPECT_EQ(Ctl({"dlq", "export", file}), ctl::kFailure);
  EXPECT_EQ(std::filesystem::file_size(file), 6u);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_THAT(entry.path().string(), Not(HasSubstr(".part"))) << "nothing is left behind";
  }
}

TEST_F(SluicectlTest, EndsTheSessionsOfAReplica) {
  ASSERT_EQ(Ctl({"session", "end", "sluice-2", "--yes"}), ctl::kOk) << err_;
  EXPECT_EQ(out_, "plant: gw-sluice-2: ended\n");
  EXPECT_EQ(Ctl({"session", "end", "sluice-0", "--yes"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("the replica that was asked"));
}

TEST_F(SluicectlTest, APermissionIsExplainedByTheGatewaysRules) {
  const std::vector<std::string> question = {"permissions", "test", "--as", "sub:w", "--chain", "temperature"};
  ASSERT_EQ(Ctl(question), ctl::kOk) << err_;
  EXPECT_EQ(out_, "permitted\n  there are no rules: everything is permitted to everybody who is let in\n");
  permissions_ = *Permissions::Compile({{.name = "temp",
                                         .who = {"sub:w"},
                                         .chains = {"temperature"},
                                         .allow_replies = {"plant/${topic.2}/#"},
                                         .reply_qos = Qos::kAtLeastOnce,
                                         .deny_replies = {"plant/+/admin"}}});
  const auto ask = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = question;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Ctl(arguments);
  };
  EXPECT_EQ(ask({"--reply", "plant/7/x", "--message-topic", "plant/7/temp", "--qos", "1"}), ctl::kOk) << out_ << err_;
  EXPECT_EQ(ask({"--reply", "plant/7/x", "--message-topic", "plant/8/temp"}), ctl::kFailure);
  EXPECT_THAT(out_, HasSubstr("NOT permitted\n  to sub:w apply: temp\n"));
  EXPECT_EQ(ask({"--reply", "plant/7/admin", "--message-topic", "plant/7/temp"}), ctl::kFailure);
  EXPECT_THAT(out_, HasSubstr("the rule 'temp' denies replies to 'plant/+/admin'\n"));
  EXPECT_EQ(ask({"--reply", "a/#"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("sluicectl: the reply topic has the wildcard '#'"));
  ASSERT_EQ(ask({"--json"}), ctl::kOk);
  EXPECT_THAT(out_, HasSubstr("\"permitted\": true"));
}

TEST_F(SluicectlTest, AGatewayThatIsNotThereIsSaid) {
  EXPECT_EQ(Ctl({"status", "--address", "unix:" + (folder_ / "nowhere.sock")}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("there is no such socket; is the gateway running"));
}

}  // namespace
}  // namespace sluice
