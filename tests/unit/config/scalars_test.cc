// The texts of single values: durations, sizes, references, addresses, targets, misspelt words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "server/config/address.h"
#include "server/config/byte_size.h"
#include "server/config/client_id.h"
#include "server/config/duration.h"
#include "server/config/nearest.h"
#include "server/config/references.h"
#include "server/config/target.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

TEST(Duration, TakesWholeNumbersWithUnits) {
  EXPECT_EQ(ParseDuration("0"), Millis(0));
  EXPECT_EQ(ParseDuration("500ms"), Millis(500));
  EXPECT_EQ(ParseDuration("30s"), seconds(30));
  EXPECT_EQ(ParseDuration("1m"), minutes(1));
  EXPECT_EQ(ParseDuration("24h"), hours(24));
  EXPECT_EQ(ParseDuration("1m30s"), seconds(90));
  EXPECT_EQ(ParseDuration("1h2m3s4ms"), hours(1) + minutes(2) + seconds(3) + Millis(4));
  EXPECT_EQ(ParseDuration("240000h"), hours(240'000));
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "1", "30", "s", "1.5s", "-1s", "+1s", "1 s", " 1s", "1s ", "1d", "1us", "1S", "1sec",
                           "1h30", "240001h", "99999999999999999999s", "18446744073709551615ms", "0x1s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Duration, IsSecondsWithoutAUnitWhereRuleGoSaysSo) {
  EXPECT_EQ(ParseDurationOrSeconds("10"), seconds(10));
  EXPECT_EQ(ParseDurationOrSeconds("10s"), seconds(10));
  EXPECT_EQ(ParseDurationOrSeconds("1m"), minutes(1));
  EXPECT_EQ(ParseDurationOrSeconds(""), std::nullopt);
  EXPECT_EQ(ParseDurationOrSeconds("10x"), std::nullopt);
  EXPECT_EQ(ParseDurationOrSeconds("-10"), std::nullopt);
}

TEST(Duration, IsFormattedAsItIsParsed) {
  for (const char* text : {"0", "1ms", "59s", "10m", "1m30s", "24h", "1h2m3s4ms"}) {
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  }
}

TEST(ByteSize, TakesPowersOf1000And1024) {
  EXPECT_EQ(ParseByteSize("0"), 0u);
  EXPECT_EQ(ParseByteSize("1048576"), 1'048'576u);
  EXPECT_EQ(ParseByteSize("12B"), 12u);
  EXPECT_EQ(ParseByteSize("10MB"), 10'000'000u);
  EXPECT_EQ(ParseByteSize("64MiB"), 64u << 20);
  EXPECT_EQ(ParseByteSize("64mib"), 64u << 20);
  EXPECT_EQ(ParseByteSize("1kB"), 1'000u);
  EXPECT_EQ(ParseByteSize("1KiB"), 1'024u);
  EXPECT_EQ(ParseByteSize("2GiB"), uint64_t{2} << 30);
  EXPECT_EQ(ParseByteSize("3GB"), 3'000'000'000u);
  EXPECT_EQ(ParseByteSize("9223372036854775807"), 9'223'372'036'854'775'807u);
}

TEST(ByteSize, RefusesEverythingElse) {
  for (const char* text : {"", "B", "-1", "1.5MiB", "1 MiB", "1M", "1TB", "1MiBs", "9223372036854775808",
                           "9007199254740992KiB", "99999999999999999999"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

TEST(Nearest, CountsInsertionsRemovalsReplacementsAndSwaps) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("pasword", "password"), 1u);
  EXPECT_EQ(EditDistance("sevrer", "server"), 1u);
  EXPECT_EQ(EditDistance("QOS", "qos"), 0u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(Nearest, AdvisesOnlyWhatIsNear) {
  const std::vector<std::string_view> words = {"server", "username", "password", "passwordFile", "warning"};
  EXPECT_EQ(Nearest("Server", words), "server");
  EXPECT_EQ(Nearest("pasword", words), "password");
  EXPECT_EQ(Nearest("passwordfil", words), "passwordFile");
  EXPECT_EQ(Nearest("user", words), "username");
  EXPECT_EQ(Nearest("warn", words), "warning");
  EXPECT_EQ(Nearest("file", words), "passwordFile");
  EXPECT_EQ(Nearest("se", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest("elephant", words), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'x'), words), "");
  EXPECT_EQ(DidYouMean("pasword", words), " (did you mean 'password'?)");
  EXPECT_EQ(DidYouMean("elephant", words), "");
}

class References : public testing::Test {
 protected:
  std::string Expand(std::string_view text, bool secret = false) {
    auto result = ExpandReferences(
        text,
        [this](const std::string& name) -> std::optional<std::string> {
          auto variable = variables_.find(name);
          return variable == variables_.end() ? std::nullopt : std::optional(variable->second);
        },
        secret);
    return result.ok() ? *result : "error: " + std::string(result.status().message());
  }

  const std::map<std::string, std::string> variables_ = {{"HOST", "broker"}, {"EMPTY", ""}, {"DOLLAR", "a${HOST}$$"}};
};

TEST_F(References, AreReplacedByTheEnvironment) {
  EXPECT_EQ(Expand(""), "");
  EXPECT_EQ(Expand("plain"), "plain");
  EXPECT_EQ(Expand("${HOST}"), "broker");
  EXPECT_EQ(Expand("tcp://${HOST}:${PORT:-1883}/"), "tcp://broker:1883/");
  EXPECT_EQ(Expand("${EMPTY}"), "");
  EXPECT_EQ(Expand("${EMPTY:-x}"), "x");
  EXPECT_EQ(Expand("${MISSING:-}"), "");
  EXPECT_EQ(Expand("${HOST:-x}"), "broker");
  EXPECT_EQ(Expand("${MISSING:-a:-b$c}"), "a:-b$c");
}

TEST_F(References, ValuesAreNotExpandedAgain) { EXPECT_EQ(Expand("${DOLLAR}"), "a${HOST}$$"); }

TEST_F(References, DollarsStandForThemselvesOrInPairs) {
  EXPECT_EQ(Expand("$share/g/a"), "$share/g/a");
  EXPECT_EQ(Expand("$$"), "$");
  EXPECT_EQ(Expand("$${HOST}"), "${HOST}");
  EXPECT_EQ(Expand("$$${HOST}"), "$broker");
  EXPECT_EQ(Expand("a$"), "a$");
  EXPECT_EQ(Expand("}{"), "}{");
}

TEST_F(References, ErrorsNameTheVariable) {
  EXPECT_EQ(Expand("x${MISSING}"),
            "error: environment variable MISSING is not set; set it, or write ${MISSING:-default}");
  constexpr const char* kBad =
      "error: holds a '${' that begins no reference; allowed: ${NAME} and ${NAME:-default} without '${' or '}' in the "
      "default, and $$ for a literal $";
  for (const char* text : {"${", "${HOST", "${}", "${1A}", "${A B}", "${:-x}", "${A-b}", "${MISSING:-${HOST}}"}) {
    EXPECT_EQ(Expand(text), kBad) << text;
  }
}

TEST_F(References, InASecretNameAVariableOnlyWhenItIsAllThereIs) {
  EXPECT_EQ(Expand("${MISSING}", true),
            "error: environment variable MISSING is not set; set it, or write ${MISSING:-default}");
  EXPECT_EQ(Expand("hunter${two}", true),
            "error: refers to an environment variable that is not set ($$ is a literal $)");
  EXPECT_EQ(Expand("${two}hunter", true),
            "error: refers to an environment variable that is not set ($$ is a literal $)");
}

TEST(ServerAddress, IsNormalisedToPahosSchemes) {
  auto uri = [](std::string_view text) {
    absl::StatusOr<ServerAddress> address = ParseServerAddress(text);
    if (!address.ok()) return "error: " + std::string(address.status().message());
    return address->Uri();
  };
  EXPECT_EQ(uri("tcp://h"), "tcp://h:1883");
  EXPECT_EQ(uri("mqtt://h:1"), "tcp://h:1");
  EXPECT_EQ(uri("MQTT://h"), "tcp://h:1883");
  EXPECT_EQ(uri("tcp://h/"), "tcp://h:1883");
  EXPECT_EQ(uri("ssl://h"), "ssl://h:8883");
  EXPECT_EQ(uri("tls://h"), "ssl://h:8883");
  EXPECT_EQ(uri("mqtts://broker.example:8884"), "ssl://broker.example:8884");
  EXPECT_EQ(uri("ws://h"), "ws://h:80");
  EXPECT_EQ(uri("ws://h:9001/mqtt?x=1"), "ws://h:9001/mqtt?x=1");
  EXPECT_EQ(uri("wss://h/mqtt"), "wss://h:443/mqtt");
  EXPECT_EQ(uri("tcp://[::1]"), "tcp://[::1]:1883");
  EXPECT_EQ(uri("wss://[fe80::1%eth0]:1/x"), "wss://[fe80::1%eth0]:1/x");
  EXPECT_EQ(uri("tcp://:1883"), "tcp://127.0.0.1:1883");
}

TEST(ServerAddress, WithoutASchemeLeavesItToTheCaller) {
  absl::StatusOr<ServerAddress> address = ParseServerAddress(":1884");
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->scheme, "");
  EXPECT_EQ(address->host, "127.0.0.1");
  EXPECT_EQ(address->port, 1884);
  EXPECT_EQ(ParseServerAddress("broker")->port, 0);
  EXPECT_EQ(ParseServerAddress("compose_broker-1:5")->host, "compose_broker-1");
}

TEST(ServerAddress, SaysWhatIsWrongWithoutTheText) {
  const std::map<std::string, std::string> cases = {
      {"", "the host is missing"},
      {"tcp://", "the host is missing"},
      {"ftp://h", "unknown scheme"},
      {"://h", "unknown scheme"},
      {"mqtt://user:secret@h", "user and password do not belong into the address: use username and password"},
      {"ref://plant",
       "ref:// borrows a connection in RuleGo; in Sluice a connection is named once, and routes share it by "
       "routes[].connection"},
      {"::1", "more than one ':' (an IPv6 address needs brackets: [::1]:1883)"},
      {"[::1", "the '[' of an IPv6 address has no ']'"},
      {"[::g]:1", "what stands in brackets is no IPv6 address"},
      {"[::1]1", "after the ']' of an IPv6 address only :PORT may follow"},
      {"h:", "the port must be a number up to 65535"},
      {"h:x", "the port must be a number up to 65535"},
      {"h:70000", "the port must be a number up to 65535"},
      {"h:1x", "the port must be a number up to 65535"},
      {"h:0", "the port must be from 1 to 65535"},
      {"h h:1", "the host may hold letters, digits, '.', '-' and '_' only"},
      {"tcp://h/mqtt", "only ws:// and wss:// have a path"},
      {"h:1/mqtt", "only ws:// and wss:// have a path"},
      {"ws://h/a b", "the path may hold printable ASCII without blanks and '#' only"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(std::string(ParseServerAddress(text).status().message()), error) << text;
  }
}

TEST(ListenAddress, NeedsHostAndPort) {
  auto check = [](std::string_view text, bool unix_allowed = true) {
    return std::string(CheckListenAddress(text, unix_allowed).message());
  };
  for (const char* text : {"127.0.0.1:0", "0.0.0.0:7443", "[::]:7443", "localhost:65535", "unix:/run/sluice.sock"}) {
    EXPECT_EQ(check(text), "") << text;
  }
  EXPECT_EQ(check(":7443"),
            "the host is missing; 0.0.0.0 is every address of this machine, 127.0.0.1 this machine only");
  EXPECT_EQ(check("localhost"), "the port is missing");
  EXPECT_EQ(check("localhost:99999"), "the port must be a number up to 65535");
  EXPECT_EQ(check("unix:"), "the path of a Unix socket must have 1 to 107 bytes");
  EXPECT_EQ(check("unix:/" + std::string(107, 'x')), "the path of a Unix socket must have 1 to 107 bytes");
  EXPECT_EQ(check("unix:/x", false), "a Unix socket is not possible here");
}

TEST(Target, IsTakenApart) {
  EXPECT_EQ(ParseTarget("chain:temperature")->chain, "temperature");
  EXPECT_EQ(ParseTarget("temperature")->text, "temperature");
  EXPECT_EQ(ParseTarget("chain:temperature:node3")->text, "temperature:node3");
  EXPECT_EQ(ParseTarget("temperature:node3")->start_node, "node3");
  EXPECT_FALSE(ParseTarget("temperature:node3")->is_template);
}

TEST(Target, MayBeATemplate) {
  absl::StatusOr<TargetParts> target = ParseTarget("chain:x-${topic}:${a:b}");
  ASSERT_TRUE(target.ok());
  EXPECT_TRUE(target->is_template);
  EXPECT_EQ(target->text, "x-${topic}:${a:b}");
  EXPECT_EQ(target->chain, "x-${topic}");
  EXPECT_EQ(target->start_node, "${a:b}");
  EXPECT_THAT(target->names, ElementsAre("topic", "a:b"));
}

TEST(Target, SaysWhatIsWrong) {
  const std::map<std::string, std::string> cases = {
      {"", "the chain's id is missing"},
      {"chain:", "the chain's id is missing"},
      {":node", "the chain's id is missing"},
      {"chain:a:", "the start node behind the ':' is missing"},
      {"a:b:c", "more than one ':' behind the chain's id"},
      {"a b", "it has a blank or control character"},
      {"${topic", "a '${' without its '}'"},
      {"${}", "a '${' without a name before its '}'"},
      {"${a${b}", "a '${' without a name before its '}'"},
      {std::string(257, 'x'), "the chain's id has more than 256 bytes"},
      {"c:${_debugMode}", "has '${_debugMode}': a name is not empty and does not begin with '_'"},
      {"${topic.0}", "has '${topic.0}': the level behind 'topic.' is a number from 1"},
      {"component:log",
       "component: runs a node inside RuleGo's own process; here everything runs in workers, so name a chain that one "
       "of them serves"},
  };
  for (const auto& [text, error] : cases) {
    EXPECT_EQ(std::string(ParseTarget(text).status().message()), error) << text;
  }
}

TEST(ClientId, IsMadeOfHostAndConnection) {
  EXPECT_EQ(DerivedClientId("edge-7.plant_b", "north"), "sluice-edge-7.plant_b-north");
  EXPECT_EQ(DerivedClientId("höst 1", "n"), "sluice-h--st-1-n");
}

}  // namespace
}  // namespace sluice
