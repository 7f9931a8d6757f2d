#include "server/config/rulego.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/load.h"
#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> ErrorsOf(const std::string& json) {
  std::vector<std::string> lines;
  for (const Diagnostic& error : ImportRuleGo(json, "e.json").errors) lines.push_back(error.ToString());
  return lines;
}

// An endpoint with one router.
std::string Endpoint(const std::string& configuration, const std::string& router) {
  return R"({"id": "plant", "type": "endpoint/mqtt", "configuration": )" + configuration + R"(, "routers": [)" +
         router + "]}";
}

constexpr char kRouter[] = R"({"id": "r1", "from": {"path": "plant/+/temp"}, "to": {"path": "chain:temperature"}})";

class RuleGoImportTest : public testing::Test {
 protected:
  // What the gateway reads of it, which must be without errors.
  GatewayConfig Loaded(const std::string& json) {
    const RuleGoImport import = ImportRuleGo(json, "e.json");
    EXPECT_THAT(import.errors, IsEmpty());
    warnings_ = import.warnings;
    yaml_ = import.yaml;
    const LoadResult result = LoadConfig(import.yaml, "g.yaml", world_.surroundings());
    for (const Diagnostic& error : result.errors) ADD_FAILURE() << error.ToString() << "\n" << import.yaml;
    return result.config;
  }

  FakeWorld world_;
  std::vector<std::string> warnings_;
  std::string yaml_;
};

TEST_F(RuleGoImportTest, AnEndpointBecomesAConnectionAndItsRoutersRoutes) {
  const GatewayConfig config = Loaded(Endpoint(
      R"({"Server": "broker.example:1883", "qOS": 1, "clientID": "c$1", "maxReconnectInterval": 5, "username": "u"})",
      "\t"
      R"({"id": "r1", "from": {"path": "plant/+/temp", "processors": ["setTextDataType", "toHex"]},
          "to": {"path": "chain:temperature:n3", "wait": true, "processors": ["metadataToHeaders", "responseToBody"]}},
         {"from": {"path": "other/#"}, "to": {"path": "default"}})"));
  ASSERT_EQ(config.connections.size(), 1);
  EXPECT_EQ(config.connections.at("plant").client_id, "c$1");
  ASSERT_EQ(config.routes.size(), 2);
  EXPECT_EQ(config.routes[0].id, "r1");
  EXPECT_EQ(config.routes[0].filter, "plant/+/temp");
  EXPECT_EQ(config.routes[0].qos, Qos::kAtLeastOnce);
  EXPECT_EQ(config.routes[0].target, "temperature:n3");
  EXPECT_THAT(config.routes[0].from_processors, ElementsAre("setTextDataType", "toHex"));
  EXPECT_THAT(config.routes[0].to_processors, ElementsAre("metadataToHeaders", "responseToBody"));
  EXPECT_EQ(config.routes[1].id, "other/#");
  EXPECT_THAT(yaml_, HasSubstr("\"temperature\": {orderBy: topic}"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RuleGoImportTest, ListsAndTheEndpointsOfAChainAreTaken) {
  const std::string other = R"({"id": "two", "type": "mqtt", "configuration": {"server": "ref://plant"}, "routers": [
      {"from": {"path": "b/#"}, "to": {"path": "chain:b"}}]})";
  const std::string list = "[" + Endpoint(R"({"server": "x:1"})", kRouter) + "," + other + "]";
  for (const std::string& json :
       {list, R"({"ruleChain": {"id": "c"}, "metadata": {"nodes": [], "endpoints": )" + list + "}}"}) {
    const GatewayConfig config = Loaded(json);
    EXPECT_EQ(config.connections.size(), 1);  // The other borrows it.
    ASSERT_EQ(config.routes.size(), 2);
    EXPECT_EQ(config.routes[1].connection, "plant");
  }
}

TEST_F(RuleGoImportTest, EndpointsOfOneIdHaveConnectionsOfTheirOwn) {
  const std::string one =
      R"({"id": "a b", "type": "mqtt", "configuration": {"server": "x:1"}, "routers": [{"from": {"path": "a"}, "to": {"path": "c"}}]})";
  const std::string two =
      R"({"id": "a b", "type": "mqtt", "configuration": {"server": "y:1"}, "routers": [{"from": {"path": "b"}, "to": {"path": "c"}}]})";
  EXPECT_EQ(Loaded("[" + one + "," + two + "]").connections.size(), 2);
  EXPECT_THAT(yaml_, HasSubstr("  a-b-2:\n"));
}

TEST_F(RuleGoImportTest, APasswordIsNeverPrinted) {
  const RuleGoImport import = ImportRuleGo(Endpoint(R"({"server": "x:1", "password": "hunter2"})", kRouter), "e.json");
  EXPECT_THAT(import.yaml, Not(HasSubstr("hunter2")));
  EXPECT_THAT(import.yaml, HasSubstr("password: ${PLANT_PASSWORD}"));
}

TEST_F(RuleGoImportTest, WhatIsLeftOutIsSaid) {
  Loaded("[" + Endpoint(R"({"server": "x:1", "extra": 1})", kRouter) +
         R"(, {"type": "endpoint/http", "routers": []}])");
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("configuration.extra is left out"), HasSubstr("'endpoint/http' is left out")));
}

TEST_F(RuleGoImportTest, WhatHasNoMeaningHereIsRefusedWithItsPlace) {
  const auto router = [](const std::string& text) { return ErrorsOf(Endpoint(R"({"server": "x:1"})", "\n" + text)); };
  EXPECT_THAT(
      router(R"({"from": {"path": "a"}, "to": {"path": "component:log"}})"),
      ElementsAre(HasSubstr("e.json:2:40: to.path: found 'component:log': a component runs in RuleGo's own process")));
  EXPECT_THAT(router(R"({"from": {"path": "a/#/b"}, "to": {"path": "c"}})"),
              ElementsAre(HasSubstr("e.json:2:19: from.path")));
  EXPECT_THAT(router(R"({"to": {"path": "c"}})"), ElementsAre(HasSubstr("no from.path")));
  EXPECT_THAT(router(R"({"from": {"path": "a"}})"), ElementsAre(HasSubstr("no to.path")));
  EXPECT_THAT(router(R"({"from": {"path": "a", "processors": ["toHexx"]}, "to": {"path": "c"}})"),
              ElementsAre(HasSubstr("found 'toHexx' (did you mean 'toHex'?), which is a program's own")));
  EXPECT_THAT(router(R"({"from": {"path": "a"}, "to": {"path": "c"}}, {"from": {"path": "a"}, "to": {"path": "d"}})"),
              ElementsAre(HasSubstr("the id 'a' is another router's")));
  EXPECT_THAT(
      router(
          R"({"id": "1", "from": {"path": "a"}, "to": {"path": "c"}}, {"id": "2", "from": {"path": "a"}, "to": {"path": "d"}})"),
      ElementsAre(HasSubstr("is the filter of router '1'")));
  EXPECT_THAT(ErrorsOf(Endpoint(R"({"server": "ref://pool"})", kRouter)),
              ElementsAre(HasSubstr("no endpoint in this file")));
  EXPECT_THAT(ErrorsOf(Endpoint(R"({"server": "x:1", "qos": 3})", kRouter)),
              ElementsAre(HasSubstr("allowed: 0, 1 or 2")));
  EXPECT_THAT(ErrorsOf(Endpoint(R"({"server": "ftp://x"})", kRouter)), ElementsAre(HasSubstr("server ")));
}

TEST_F(RuleGoImportTest, WhatIsNoEndpointIsRefused) {
  EXPECT_THAT(ErrorsOf("{\n\"id\": oops"), ElementsAre(HasSubstr("e.json:")));
  for (const char* json : {"", "7", "[]", "[7]", "{}", R"({"type": "endpoint/http"})"})
    EXPECT_EQ(ErrorsOf(json).size(), 1) << json;
}

// ------------------------------------------------------------------------------- for a gateway that runs

std::string PutErrors(const RuleGoTarget& target, const std::string& json) {
  std::string all;
  for (const Diagnostic& error : ImportRuleGoFor(target, json, "e.json").errors) all += error.ToString() + "\n";
  return all;
}

TEST(RuleGoPutTest, HasOnlyWhatIsPutAndNoReferences) {
  const RuleGoImport import =
      ImportRuleGoFor({},
                      Endpoint(R"({"server": "b:1883", "clientId": "c$1"})",
                               R"({"id": "r", "from": {"path": "a"}, "to": {"path": "chain:c", "wait": true}})"),
                      "e.json");
  EXPECT_THAT(import.errors, IsEmpty());
  EXPECT_THAT(import.yaml, HasSubstr("clientId: \"c$1\""));
  EXPECT_THAT(import.yaml, HasSubstr("\"c\": {orderBy: topic}"));
  EXPECT_THAT(import.yaml, Not(HasSubstr("journal")));
}

TEST(RuleGoPutTest, UsesTheConnectionOfTheGatewayIfItIsToTheSameServer) {
  RuleGoTarget target;
  target.connections = {{"plant", "tcp://a:1883, tcp://b:1883"}};
  const std::string same = Endpoint(R"({"server": "b:1883", "password": "hunter2"})", kRouter);
  const RuleGoImport import = ImportRuleGoFor(target, same, "e.json");
  EXPECT_THAT(import.errors, IsEmpty());
  EXPECT_THAT(import.yaml, Not(HasSubstr("connections")));
  EXPECT_THAT(import.yaml, HasSubstr("connection: plant"));
  EXPECT_THAT(PutErrors(target, Endpoint(R"({"server": "other:1883"})", kRouter)), HasSubstr("--connection"));
  target.connection = "hall";
  const RuleGoImport named = ImportRuleGoFor(target, Endpoint(R"({"server": "other:1883"})", kRouter), "e.json");
  EXPECT_THAT(named.errors, IsEmpty());
  EXPECT_THAT(named.yaml, HasSubstr("connection: hall"));
}

TEST(RuleGoPutTest, APasswordNeedsAFileOfTheGateway) {
  const std::string json = Endpoint(R"({"server": "b:1883", "password": "hunter2"})", kRouter);
  EXPECT_THAT(PutErrors({}, json), HasSubstr("--password-file"));
  EXPECT_THAT(PutErrors({}, json), Not(HasSubstr("hunter2")));
  RuleGoTarget target;
  target.password_file = "/etc/secret";
  const RuleGoImport import = ImportRuleGoFor(target, json, "e.json");
  EXPECT_THAT(import.yaml, HasSubstr("passwordFile: \"/etc/secret\""));
  EXPECT_THAT(import.yaml, Not(HasSubstr("hunter2")));
}

TEST(RuleGoPutTest, AChainOfTheFileKeepsItsOrder) {
  RuleGoTarget target;
  target.chains = {"c"};
  const RuleGoImport import = ImportRuleGoFor(
      target,
      Endpoint(R"({"server": "b:1883"})", R"({"from": {"path": "a"}, "to": {"path": "chain:c", "wait": true}})"),
      "e.json");
  EXPECT_THAT(import.warnings, ElementsAre(HasSubstr("orderBy")));
  EXPECT_THAT(import.yaml, Not(HasSubstr("chains:")));
}

}  // namespace
}  // namespace sluice
