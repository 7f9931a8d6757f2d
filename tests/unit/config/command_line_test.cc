#include "server/config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

CommandLine ParseLine(const std::vector<std::string>& arguments) { return ParseCommandLine(arguments); }

std::string MistakeIn(const std::vector<std::string>& arguments) {
  const CommandLine line = ParseLine(arguments);
  if (!line.exit) return "no mistake";
  EXPECT_EQ(line.exit->code, 2);
  EXPECT_EQ(line.exit->out, "");
  return line.exit->err.substr(0, line.exit->err.find('\n'));
}

class BrokerWithoutAFile : public testing::Test {
 protected:
  LoadResult Load(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"--broker", "mqtt://b", "--subscribe", "plant/+/temp=temperature",
                                          "--insecure"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandLine line = ParseLine(arguments);
    EXPECT_FALSE(line.exit) << line.exit->err;
    return LoadFor(line, world_.surroundings());
  }

  FakeWorld world_;
};

TEST_F(BrokerWithoutAFile, IsAWholeConfiguration) {
  const LoadResult result = Load({});
  EXPECT_EQ(Lines(result), "");
  const MqttOptions& broker = result.config.connections.at("broker");
  EXPECT_EQ(broker.uri, "tcp://b:1883");
  EXPECT_EQ(broker.client_id, "sluice-edge-7-broker");
  EXPECT_FALSE(broker.clean_session);
  ASSERT_EQ(result.config.routes.size(), 1u);
  EXPECT_EQ(result.config.routes[0].filter, "plant/+/temp");
  EXPECT_EQ(result.config.routes[0].target, "temperature");
  EXPECT_EQ(result.config.routes[0].qos, Qos::kAtLeastOnce);
  EXPECT_EQ(result.config.routes[0].connection, "broker");
  EXPECT_TRUE(result.config.workers.insecure);
  EXPECT_EQ(result.config.workers.listen, "127.0.0.1:7443");
  EXPECT_EQ(result.config.http.listen, "127.0.0.1:9090");
  EXPECT_EQ(
      WarningLines(result),
      "command line: workers.insecure: workers connect to 127.0.0.1:7443 in plain text, and whoever reaches it reads "
      "messages and publishes replies\n");
}

TEST_F(BrokerWithoutAFile, TakesEveryFlag) {
  const LoadResult result = Load({"--subscribe", "$share/g/a=b=c", "--subscribe=plant/+/temp=other:n", "--qos", "2",
                                  "--reply-allow", "r/#", "--reply-allow=s", "--workers-listen", "unix:/run/w",
                                  "--http-listen", "", "--log-level", "debug", "--log-format", "json"});
  EXPECT_EQ(Lines(result), "");
  ASSERT_EQ(result.config.routes.size(), 3u);
  EXPECT_EQ(result.config.routes[1].filter, "a=b") << "the last '=' counts";
  EXPECT_EQ(result.config.routes[1].share, "g");
  EXPECT_EQ(result.config.routes[1].target, "c");
  EXPECT_EQ(result.config.routes[1].qos, Qos::kExactlyOnce);
  EXPECT_EQ(result.config.routes[2].target, "other:n") << "one filter may lead to two chains";
  EXPECT_THAT(result.config.replies.allow, ElementsAre("r/#", "s"));
  EXPECT_EQ(result.config.workers.listen, "unix:/run/w");
  EXPECT_EQ(result.config.http.listen, "");
  EXPECT_EQ(result.config.log, (LogConfig{.level = "debug", .format = "json"}));
}

TEST_F(BrokerWithoutAFile, ChecksValuesLikeAFile) {
  EXPECT_EQ(
      Lines(Load({"--qos", "3", "--subscribe", "a/#/b=component:x", "--http-listen", "x"})),
      "command line: connections.broker.qos: found '3'; allowed: 0, 1 or 2\n"
      "command line: routes[1].from.path: found 'a/#/b' (has a '#' that is not its last level at byte 3); allowed: a "
      "topic filter such as plant/+/temp, or $share/GROUP/FILTER\n"
      "command line: routes[1].to.path: found 'component:x' (component: runs a node inside RuleGo's own process; here "
      "everything runs in workers, so name a chain that one of them serves); allowed: chain:ID, ID, or ID:START_NODE; "
      "${topic} and other metadata names are replaced per message\n"
      "command line: http.listen: found 'x' (the port is missing); allowed: HOST:PORT, or \"\" for none\n");
}

TEST(CommandLine, ReadsAFileAndOverridesIt) {
  FakeWorld world;
  world.files["gw.yaml"] =
      "connections: {plant: {server: b, clientId: gw}}\nroutes: [{from: {path: a}, to: {path: c}}]\n"
      "workers: {listen: '0.0.0.0:1', insecure: true}\n";
  const CommandLine line =
      ParseLine({"--config", "gw.yaml", "--check", "--workers-listen", "unix:/run/w", "--http-listen=127.0.0.1:0"});
  ASSERT_FALSE(line.exit);
  EXPECT_TRUE(line.check);
  const LoadResult result = LoadFor(line, world.surroundings());
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.workers.listen, "unix:/run/w");
  EXPECT_EQ(result.config.http.listen, "127.0.0.1:0");
}

TEST(CommandLine, AnOverrideDoesNotHideWhatTheFileLacks) {
  FakeWorld world;
  world.files["gw.yaml"] =
      "connections: {plant: {server: b, clientId: gw}}\nroutes: [{from: {path: a}, to: {path: c}}]\n";
  const CommandLine line = ParseLine({"--config", "gw.yaml", "--workers-listen", "unix:/run/w"});
  EXPECT_THAT(Lines(LoadFor(line, world.surroundings())), HasSubstr("gw.yaml:1:1: workers: neither tls nor insecure"));
}

TEST(CommandLine, ReportsEveryErrorWithStatus1) {
  LoadResult result;
  result.errors = {{"gw.yaml", 1, 2, "first"}, {"gw.yaml", 3, 4, "second"}};
  const Exit exit = Report(ParseLine({"--config", "gw.yaml", "--check"}), result);
  EXPECT_EQ(exit.code, 1);
  EXPECT_EQ(exit.err, "gw.yaml:1:2: first\ngw.yaml:3:4: second\n");
  EXPECT_EQ(exit.out, "");
}

TEST(CommandLine, ReportsARightFileWithItsWarningsAndStatus0) {
  LoadResult result;
  result.config.warnings = {"gw.yaml:1:2: careful"};
  const Exit exit = Report(ParseLine({"--config", "gw.yaml", "--check"}), result);
  EXPECT_EQ(exit.code, 0);
  EXPECT_EQ(exit.out, "gw.yaml:1:2: careful (warning)\ngw.yaml: ok\n");
  EXPECT_EQ(exit.err, "");
}

TEST(CommandLine, HelpShowsEveryOptionAndVersionTheVersion) {
  for (const char* flag : {"--help", "-h"}) {
    const CommandLine help = ParseLine({flag});
    ASSERT_TRUE(help.exit);
    EXPECT_EQ(help.exit->code, 0);
    for (const char* option : {"--config FILE", "--check", "--broker URL", "--subscribe FILTER=CHAIN", "--insecure",
                               "--qos N", "--reply-allow FILTER", "--workers-listen ADDR", "--http-listen ADDR",
                               "--log-level LEVEL", "--log-format FORMAT", "--version", "--help"}) {
      EXPECT_THAT(help.exit->out, HasSubstr(option));
    }
  }
  const CommandLine version = ParseLine({"--version"});
  EXPECT_FALSE(version.exit);
  EXPECT_TRUE(version.version);
}

TEST(CommandLine, MistakesSayWhatToWrite) {
  EXPECT_EQ(MistakeIn({}),
            "sluice-gateway: nothing to run: give --config FILE, or for a first try --broker HOST:PORT --subscribe "
            "'FILTER=CHAIN' --insecure");
  EXPECT_EQ(MistakeIn({"--check"}),
            "sluice-gateway: nothing to run: give --config FILE, or for a first try --broker HOST:PORT --subscribe "
            "'FILTER=CHAIN' --insecure");
  EXPECT_EQ(MistakeIn({"--cofnig", "x"}), "sluice-gateway: unknown option '--cofnig' (did you mean '--config'?)");
  EXPECT_EQ(MistakeIn({"--password=hunter2"}), "sluice-gateway: unknown option '--password'");
  EXPECT_EQ(MistakeIn({"gw.yaml"}),
            "sluice-gateway: 'gw.yaml' belongs to no option (a configuration file is given as --config FILE)");
  EXPECT_EQ(MistakeIn({"--config"}), "sluice-gateway: --config must be given once, with one value");
  EXPECT_EQ(MistakeIn({"--config", ""}), "sluice-gateway: --config needs the name of a file");
  EXPECT_EQ(MistakeIn({"--config", "a", "--config", "b"}),
            "sluice-gateway: --config must be given once, with one value");
  EXPECT_EQ(MistakeIn({"--config", "a", "--broker", "b"}),
            "sluice-gateway: --broker stands instead of a file, and --config is given too");
  EXPECT_EQ(MistakeIn({"--config", "a", "--insecure"}),
            "sluice-gateway: --insecure stands instead of a file, and --config is given too");
  EXPECT_EQ(MistakeIn({"--broker", "b", "--insecure"}),
            "sluice-gateway: --broker needs at least one --subscribe 'FILTER=CHAIN'");
  EXPECT_EQ(MistakeIn({"--broker", "b", "--insecure", "--subscribe", "a"}),
            "sluice-gateway: --subscribe a: found no '='; allowed: FILTER=CHAIN, such as 'plant/+/temp=temperature'");
  EXPECT_EQ(
      MistakeIn({"--broker", "b", "--subscribe", "a=b"}),
      "sluice-gateway: --broker needs --insecure, which says that workers connect in plain text; for TLS write a file "
      "(docs/configuration.md) and give --config FILE");
}

}  // namespace
}  // namespace sluice
