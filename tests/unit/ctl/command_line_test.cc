#include "client/cpp/ctl/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class CtlCommandLineTest : public testing::Test {
 protected:
  CommandLine Parse(const std::vector<std::string>& arguments) { return ParseCommandLine(arguments, fake_.console()); }
  template <typename Command>
  Command ParseAs(const std::vector<std::string>& arguments) {
    const CommandLine line = Parse(arguments);
    EXPECT_EQ(line.exit, std::nullopt) << fake_.err.str();
    if (const auto* command = std::get_if<Command>(&line.command)) return *command;
    ADD_FAILURE() << "another command";
    return {};
  }
  // What a wrong command line is answered with.
  std::string Mistake(const std::vector<std::string>& arguments) {
    fake_.err.str("");
    EXPECT_EQ(Parse(arguments).exit, kUsage) << arguments.front();
    return fake_.err.str();
  }

  FakeConsole fake_;
};

TEST_F(CtlCommandLineTest, TheAddressIsAskedForThenInheritedThenTheUsualOne) {
  EXPECT_EQ(Parse({"status"}).target.address, "unix:/var/lib/sluice/admin.sock");
  fake_.environment["SLUICE_ADMIN"] = "127.0.0.1:1";
  EXPECT_EQ(Parse({"status"}).target.address, "127.0.0.1:1");
  EXPECT_EQ(Parse({"--address", "127.0.0.1:2", "status"}).target.address, "127.0.0.1:2");
  EXPECT_EQ(Parse({"dlq", "list", "--address", "127.0.0.1:2"}).target.address, "127.0.0.1:2") << "behind, too";
}

TEST_F(CtlCommandLineTest, AnAddressHasAPortOrIsASocket) {
  for (const char* wrong : {"sluice-0", "/run/sluice/admin.sock", "./admin.sock"}) {
    EXPECT_THAT(Mistake({"--address", wrong, "status"}),
                HasSubstr("'" + std::string(wrong) + "' is no address; allowed: unix:PATH or HOST:PORT"));
  }
  fake_.environment["SLUICE_ADMIN"] = "sluice-0";
  EXPECT_THAT(Mistake({"status"}), HasSubstr("'sluice-0' is no address"));
  for (const char* right : {"unix:admin.sock", "[::1]:7444", "dns:///sluice:7444"}) {
    EXPECT_EQ(Parse({"--address", right, "status"}).exit, std::nullopt) << right;
  }
}

TEST_F(CtlCommandLineTest, AnyTlsFileAsksForTls) {
  EXPECT_FALSE(Parse({"status"}).target.tls);
  EXPECT_TRUE(Parse({"status", "--ca-file", "ca.pem"}).target.tls);
  EXPECT_TRUE(Parse({"status", "--cert-file", "c.pem", "--key-file", "k.pem"}).target.tls);
}

TEST_F(CtlCommandLineTest, ATokenGoesToOtherMachinesOverTlsOnly) {
  for (const char* here : {"unix:/run/admin.sock", "127.0.0.1:7444", "localhost:7444", "[::1]:7444"}) {
    EXPECT_FALSE(Parse({"status", "--token-file", "t", "--address", here}).target.tls) << here;
  }
  for (const char* there : {"10.0.0.7:7444", "gateway.example:7444", "dns:///sluice:7444"}) {
    EXPECT_TRUE(Parse({"status", "--token-file", "t", "--address", there}).target.tls) << there;
    EXPECT_FALSE(Parse({"status", "--address", there}).target.tls) << there;
  }
}

TEST_F(CtlCommandLineTest, APermissionIsAskedForInTheProtocolsWords) {
  const auto command = ParseAs<PermissionsCommand>({"permissions", "test", "--as", "sub:w", "--as", "dns:w", "--claim",
                                                    "groups=a=b", "--chain", "c", "--reply", "out", "--message-topic",
                                                    "in", "--qos", "1", "--retain", "--config", "gateway.yaml"});
  EXPECT_THAT(command.request.names(), ElementsAre("sub:w", "dns:w"));
  EXPECT_EQ(command.request.claims(0).name(), "groups");
  EXPECT_EQ(command.request.claims(0).value(), "a=b");
  EXPECT_EQ(command.request.chain(), "c");
  EXPECT_EQ(command.request.reply_topic(), "out");
  EXPECT_EQ(command.request.message_topic(), "in");
  EXPECT_EQ(command.request.qos(), 1u);
  EXPECT_TRUE(command.request.retain());
  EXPECT_EQ(command.config, "gateway.yaml");
  EXPECT_THAT(Mistake({"permissions", "test", "--chain", "c"}), HasSubstr("--as is required"));
  EXPECT_THAT(Mistake({"permissions", "test", "--as", "sub:w", "--chain", "c", "--qos", "3"}), HasSubstr("--qos"));
}

TEST_F(CtlCommandLineTest, FiltersBecomeTheProtocols) {
  const auto list = ParseAs<ListCommand>({"dlq", "list", "--chain", "c", "--topic", "a/#", "--reason", "lease",
                                          "--older-than", "1h30m", "--newer-than", "24h", "--kind", "reply"});
  EXPECT_EQ(list.filter.chain(), "c");
  EXPECT_EQ(list.filter.topic(), "a/#");
  EXPECT_EQ(list.filter.reason(), "lease");
  EXPECT_EQ(list.filter.older_than_ms(), 5'400'000u);
  EXPECT_EQ(list.filter.newer_than_ms(), 86'400'000u);
  EXPECT_EQ(list.filter.kind(), v1::DEAD_LETTER_KIND_REPLY);
  EXPECT_EQ(list.limit, 100u);
}

TEST_F(CtlCommandLineTest, ActsOnIdsOrAFilterOrAll) {
  EXPECT_THAT(ParseAs<ActCommand>({"dlq", "replay", "a", "b"}).selection.ids(), ElementsAre("a", "b"));
  const auto purge = ParseAs<ActCommand>({"dlq", "purge", "--chain", "c", "--yes"});
  EXPECT_EQ(purge.verb, ActCommand::Verb::kPurge);
  EXPECT_TRUE(purge.yes);
  EXPECT_EQ(purge.selection.filter().chain(), "c");
  EXPECT_TRUE(ParseAs<ActCommand>({"dlq", "purge", "--all"}).selection.has_filter());
  EXPECT_THAT(Mistake({"dlq", "purge"}), HasSubstr("give ids, or a filter such as --chain, or --all"));
  EXPECT_THAT(Mistake({"dlq", "purge", "--all", "--chain", "c"}), HasSubstr("give ids"));
  EXPECT_THAT(Mistake({"dlq", "replay", "a", "--all"}), HasSubstr("give ids"));
}

TEST_F(CtlCommandLineTest, MistakesAreSaid) {
  EXPECT_THAT(Mistake({"dlq", "list", "--older-than", "7 days"}), HasSubstr("'7 days' is no time"));
  EXPECT_THAT(Mistake({"dlq", "list", "--older-than", "0"}), HasSubstr("'0' is no time"));
  EXPECT_THAT(Mistake({"dlq", "list", "--kind", "letter"}), HasSubstr("--kind"));
  EXPECT_THAT(Mistake({"dlq", "show"}), HasSubstr("id is required"));
  EXPECT_THAT(Mistake({"status", "--adress", "x"}), HasSubstr("--adress"));
}

TEST_F(CtlCommandLineTest, AMistypedCommandIsAnsweredWithTheNearest) {
  EXPECT_THAT(Mistake({"stauts"}),
              HasSubstr("'stauts' is no command (did you mean 'status'?); there are: status, dlq, "));
  EXPECT_THAT(Mistake({"--address", "unix:/status", "--json", "dql", "list"}), HasSubstr("did you mean 'dlq'?"));
  EXPECT_THAT(Mistake({"chains", "pause", "x"}), HasSubstr("of chains (did you mean 'chain pause'?); there are: list"));
  EXPECT_THAT(Mistake({"chains", "resum", "x"}), HasSubstr("(did you mean 'chain resume'?)"));
  EXPECT_THAT(Mistake({"worker", "list"}), HasSubstr("(did you mean 'workers list'?)"));
  EXPECT_THAT(Mistake({"workers", "drain", "x"}), HasSubstr("(did you mean 'worker drain'?)"));
  EXPECT_THAT(Mistake({"connection", "list"}), HasSubstr("(did you mean 'connections list'?)"));
  EXPECT_THAT(Mistake({"chains", "frobnicate"}), Not(HasSubstr("did you mean")));
  EXPECT_THAT(Mistake({"dlq", "lits"}), HasSubstr("'lits' is no command of dlq (did you mean 'list'?)"));
  EXPECT_THAT(Mistake({"nothing-like-it"}), HasSubstr("'nothing-like-it' is no command; there are: "));
  EXPECT_EQ(ParseAs<ShowCommand>({"dlq", "show", "lits"}).id, "lits") << "no command, but an id";
}

TEST_F(CtlCommandLineTest, AMistypedOptionIsAnsweredWithTheNearest) {
  EXPECT_THAT(Mistake({"--jsn", "status"}), HasSubstr("'--jsn' is no option (did you mean '--json'?)"));
  EXPECT_THAT(Mistake({"dlq", "list", "--chian", "c"}),
              HasSubstr("'--chian' is no option of dlq list (did you mean '--chain'?)"));
  EXPECT_THAT(Mistake({"dlq", "list", "--chian=c"}), HasSubstr("'--chian' is no option of dlq list (did you"));
  EXPECT_THAT(Mistake({"dlq", "show", "id", "--ful"}), HasSubstr("did you mean '--full'?"));
  EXPECT_THAT(Mistake({"status", "--chain", "c"}), HasSubstr("'--chain' is no option of status\n"));
  EXPECT_THAT(Mistake({"--chain", "c", "dlq", "list"}), HasSubstr("'--chain' is no option\n"))
      << "it stands behind its command";
  EXPECT_EQ(ParseAs<ListCommand>({"dlq", "list", "--chain=c"}).filter.chain(), "c");
  EXPECT_EQ(ParseAs<ListCommand>({"dlq", "list", "--reason", "--chian"}).filter.reason(), "--chian") << "a value";
}

TEST_F(CtlCommandLineTest, AMissingCommandIsAnsweredWithThoseThereAre) {
  EXPECT_THAT(Mistake({"--json"}), HasSubstr("a command is missing; there are: status, dlq, session, journal"));
  EXPECT_THAT(Mistake({"dlq"}), HasSubstr("a command of dlq is missing; there are: list, show, "));
  EXPECT_EQ(Parse({"dlq", "--help"}).exit, kOk);
}

TEST_F(CtlCommandLineTest, Backups) {
  const auto file = ParseAs<ExportCommand>({"dlq", "export", "x.jsonl", "--chain", "c"});
  EXPECT_EQ(file.path, "x.jsonl");
  EXPECT_EQ(file.filter.chain(), "c");
  EXPECT_EQ(ParseAs<ImportCommand>({"dlq", "import", "x.jsonl"}).path, "x.jsonl");
}

TEST_F(CtlCommandLineTest, SessionsAreNamedByReplicaOrClientId) {
  const auto end = ParseAs<EndSessionCommand>({"session", "end", "sluice-2", "--connection", "plant", "--yes"});
  EXPECT_EQ(end.request.gateway(), "sluice-2");
  EXPECT_EQ(end.request.client_id(), "");
  EXPECT_EQ(end.request.connection(), "plant");
  EXPECT_TRUE(end.yes);
  EXPECT_EQ(ParseAs<EndSessionCommand>({"session", "end", "x", "--client-id"}).request.client_id(), "x");
}

TEST_F(CtlCommandLineTest, HelpAndVersionAreNoMistakes) {
  EXPECT_EQ(Parse({"--version"}).exit, kOk);
  EXPECT_THAT(fake_.out.str(), HasSubstr(" (commit "));
  EXPECT_EQ(Parse({"dlq", "purge", "--help"}).exit, kOk);
  EXPECT_THAT(fake_.out.str(), HasSubstr("--older-than"));
}

TEST_F(CtlCommandLineTest, Journal) {
  EXPECT_TRUE(ParseAs<JournalCommand>({"journal", "verify", "/x"}).verify);
  EXPECT_EQ(ParseAs<JournalCommand>({"journal", "inspect", "/x"}).path, "/x");
}

TEST_F(CtlCommandLineTest, AConfigurationIsShownComparedAndApplied) {
  EXPECT_EQ(ParseAs<ConfigCommand>({"config", "show"}).verb, ConfigCommand::Verb::kShow);
  const auto diff = ParseAs<ConfigCommand>({"config", "diff", "gw.yaml"});
  EXPECT_EQ(diff.verb, ConfigCommand::Verb::kDiff);
  EXPECT_EQ(diff.path, "gw.yaml");
  EXPECT_EQ(ParseAs<ConfigCommand>({"config", "apply"}).path, "");
  const auto apply = ParseAs<ConfigCommand>({"config", "apply", "gw.yaml", "--expect", "3fa9c1d2e4b5"});
  EXPECT_EQ(apply.verb, ConfigCommand::Verb::kApply);
  EXPECT_EQ(apply.path, "gw.yaml");
  EXPECT_EQ(apply.expected_hash, "3fa9c1d2e4b5");
  EXPECT_THAT(Mistake({"config", "diff"}), HasSubstr("file is required"));
}

}  // namespace
}  // namespace sluice::ctl
