#include "server/reload/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

RouteConfig RouteTo(std::string id, std::string filter, std::string chain, std::string connection = "plant") {
  RouteConfig route;
  route.id = std::move(id);
  route.filter = std::move(filter);
  route.target = std::move(chain);
  route.connection = std::move(connection);
  route.qos = Qos::kAtLeastOnce;
  return route;
}

// Two connections, of which one speaks MQTT 3.1.1, three routes, one chain.
GatewayConfig Running() {
  GatewayConfig config;
  config.connections["plant"] = {.name = "plant", .uri = "tcp://broker:1883", .password = "swordfish"};
  config.connections["old"] = {.name = "old", .uri = "tcp://other:1883", .mqtt5 = false};
  config.routes = {RouteTo("temp", "plant/+/temp", "temperature"), RouteTo("hall", "hall/#", "hall"),
                   RouteTo("past", "past/#", "hall", "old")};
  config.chains["temperature"] = {.lease = Millis(30'000)};
  return config;
}

// "+ route 'x'", "~ chain 'y' (lease)", and "!" behind what needs a restart.
std::vector<std::string> Told(const ReloadPlan& plan) {
  std::vector<std::string> lines;
  for (const PlannedChange& change : plan.changes) {
    using Kind = PlannedChange::Kind;
    std::string line = change.kind == Kind::kAdded ? "+ " : change.kind == Kind::kRemoved ? "- " : "~ ";
    line += change.subject;
    if (!change.keys.empty()) line += " (" + change.keys + ")";
    lines.push_back(line + (change.restart ? "!" : ""));
  }
  return lines;
}

struct Case {
  const char* name;
  std::function<void(GatewayConfig&)> change;
  std::vector<std::string> told;
};

class PlanTest : public testing::TestWithParam<Case> {};

TEST_P(PlanTest, TellsWhatChangesAndWhatNeedsARestart) {
  GatewayConfig wanted = Running();
  GetParam().change(wanted);
  const ReloadPlan plan = PlanReload(Running(), wanted);
  EXPECT_EQ(Told(plan), GetParam().told);
  for (const PlannedChange& change : plan.changes) {
    EXPECT_THAT(change.effect, testing::Not(IsEmpty()));
    EXPECT_EQ(change.restart, change.effect.find("restart") != std::string::npos) << change.effect;
    EXPECT_THAT(change.effect, testing::Not(HasSubstr("swordfish")));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, PlanTest,
    testing::Values(
        Case{"Nothing", [](GatewayConfig&) {}, {}},
        Case{"WarningsAreNoDifference", [](GatewayConfig& c) { c.warnings = {"a warning"}; }, {}},
        Case{"RouteAdded", [](GatewayConfig& c) { c.routes.push_back(RouteTo("new", "new", "c")); }, {"+ route 'new'"}},
        Case{"RouteRemoved", [](GatewayConfig& c) { c.routes.erase(c.routes.begin()); }, {"- route 'temp'"}},
        Case{"FilterChanged", [](GatewayConfig& c) { c.routes[0].filter = "x"; }, {"~ route 'temp' (from.path)"}},
        Case{"ShareChanged", [](GatewayConfig& c) { c.routes[0].share = "g"; }, {"~ route 'temp' (from.share)"}},
        Case{
            "QosChanged", [](GatewayConfig& c) { c.routes[0].qos = Qos::kExactlyOnce; }, {"~ route 'temp' (from.qos)"}},
        Case{"TargetChanged", [](GatewayConfig& c) { c.routes[0].target = "other"; }, {"~ route 'temp' (to.path)"}},
        Case{"SeveralKeys",
             [](GatewayConfig& c) {
               c.routes[0].target = "other";
               c.routes[0].from_processors = {"toHex"};
             },
             {"~ route 'temp' (from.processors, to.path)"}},
        Case{"RoutesInAnotherOrder", [](GatewayConfig& c) { std::swap(c.routes[0], c.routes[1]); }, {}},
        Case{"TargetChangedWithMqtt311",
             [](GatewayConfig& c) { c.routes[2].target = "x"; },
             {"~ route 'past' (to.path)"}},
        Case{"FilterChangedWithMqtt311",
             [](GatewayConfig& c) { c.routes[2].filter = "x"; },
             {"~ route 'past' (from.path)"}},
        Case{"MovedToAConnectionOfMqtt311",
             [](GatewayConfig& c) { c.routes[0].connection = "old"; },
             {"~ route 'temp' (connection)"}},
        Case{"LastRouteOfAConnection",
             [](GatewayConfig& c) { c.routes.erase(c.routes.begin(), c.routes.begin() + 2); },
             {"- route 'hall'", "- route 'temp'"}},
        Case{"ConnectionAdded",
             [](GatewayConfig& c) { c.connections["third"] = {.name = "third"}; },
             {"+ connection third"}},
        Case{"ConnectionRemoved",
             [](GatewayConfig& c) {
               c.connections.erase("old");
               c.routes.pop_back();
             },
             {"- connection old", "- route 'past'"}},
        Case{"ServerAndPassword",
             [](GatewayConfig& c) {
               c.connections["plant"].uri = "ssl://broker:8883";
               c.connections["plant"].password = "swordfish2";
             },
             {"~ connection plant (server, password)"}},
        Case{"LeaseOfAChain",
             [](GatewayConfig& c) { c.chains["temperature"].lease = Millis(1'000); },
             {"~ chain 'temperature' (lease)"}},
        Case{"ChainAdded", [](GatewayConfig& c) { c.chains["hall"] = {.max_attempts = 9}; }, {"+ chain 'hall'"}},
        Case{"ChainRemoved", [](GatewayConfig& c) { c.chains.clear(); }, {"- chain 'temperature'"}},
        Case{"OrderBegins",
             [](GatewayConfig& c) { c.chains["temperature"].order_by.kind = OrderBy::Kind::kTopic; },
             {"~ chain 'temperature' (orderBy)"}},
        Case{"DefaultsOfChains",
             [](GatewayConfig& c) { c.chain_defaults.max_messages = 7; },
             {"~ chainDefaults (queue.maxMessages)"}},
        Case{"RepliesAllowed", [](GatewayConfig& c) { c.replies.allow = {"out/#"}; }, {"~ replies (allow)"}},
        Case{"RepliesRefused",
             [](GatewayConfig& c) {
               c.replies.allow = {"out/#"};
               c.replies.on_refused = OnRefused::kDrop;
             },
             {"~ replies (allow, onRefused)!"}},
        Case{"DeadLetters", [](GatewayConfig& c) { c.dead_letters.max_messages = 1; }, {"~ deadLetters"}},
        Case{"Otlp", [](GatewayConfig& c) { c.otlp.sample_ratio = 0.5; }, {"~ telemetry (otlp)!"}},
        Case{"Tracing", [](GatewayConfig& c) { c.tracing.max_steps = 1; }, {"~ tracing"}},
        Case{"Pressure", [](GatewayConfig& c) { c.pressure.high = 80; }, {"~ pressure"}},
        Case{"LogLevel", [](GatewayConfig& c) { c.log.level = "debug"; }, {"~ log (level)"}},
        Case{"LogFormat", [](GatewayConfig& c) { c.log.format = "json"; }, {"~ log (format)!"}},
        Case{"Drain", [](GatewayConfig& c) { c.shutdown_drain = Millis(1); }, {"~ shutdown (drain)"}},
        Case{"JournalPath", [](GatewayConfig& c) { c.journal.path = "/elsewhere"; }, {"~ journal (path)!"}},
        Case{"Listeners",
             [](GatewayConfig& c) {
               c.workers.listen = "0.0.0.0:1";
               c.http.listen = "0.0.0.0:2";
               c.admin.listen = "0.0.0.0:3";
             },
             {"~ workers!", "~ http!", "~ admin!"}},
        Case{"FirstPermissions", [](GatewayConfig& c) { c.permissions.emplace_back(); }, {"~ permissions!"}},
        Case{"Name", [](GatewayConfig& c) { c.name = "other"; }, {"~ gateway (name)!"}}),
    [](const auto& tested) { return tested.param.name; });

TEST(Plan, TwoOrdersThatBothPromiseSomethingNeedARestart) {
  GatewayConfig running = Running();
  running.chains["temperature"].order_by = {.kind = OrderBy::Kind::kTopic};
  GatewayConfig wanted = running;
  wanted.chains["temperature"].order_by = {.kind = OrderBy::Kind::kLevel, .level = 2};
  EXPECT_THAT(Told(PlanReload(running, wanted)), ElementsAre("~ chain 'temperature' (orderBy)!"));
  wanted.chains["temperature"].order_by = {};
  EXPECT_THAT(Told(PlanReload(running, wanted)), ElementsAre("~ chain 'temperature' (orderBy)"));
  wanted.chains.clear();
  wanted.chain_defaults.order_by = {.kind = OrderBy::Kind::kLevel, .level = 2};
  EXPECT_THAT(Told(PlanReload(running, wanted)), ElementsAre("~ chainDefaults (orderBy)", "- chain 'temperature'!"));
}

TEST(Plan, RulesChangeInPlaceUnlessTheyAreTheFirstOrStandInAFileOfTheirOwn) {
  GatewayConfig running = Running();
  running.permissions = {{.name = "a"}};
  GatewayConfig wanted = running;
  wanted.permissions = {{.name = "b"}};
  EXPECT_THAT(Told(PlanReload(running, wanted)), ElementsAre("~ permissions"));
  EXPECT_TRUE(PlanReload(running, wanted).permissions);
  running.permissions_file = wanted.permissions_file = "/etc/sluice/rules.yaml";
  EXPECT_TRUE(PlanReload(running, wanted).empty()) << "the file is watched by itself";
  wanted.permissions_file = "/etc/sluice/other.yaml";
  EXPECT_THAT(Told(PlanReload(running, wanted)), ElementsAre("~ permissionsFile!"));
}

TEST(Plan, TouchesOnlyTheConnectionsWhoseRoutesDiffer) {
  GatewayConfig wanted = Running();
  wanted.routes[2].target = "other";
  ReloadPlan plan = PlanReload(Running(), wanted);
  EXPECT_THAT(plan.rerouted, ElementsAre("old"));
  EXPECT_THAT(plan.resubscribed, IsEmpty());
  EXPECT_EQ(plan.kept, "2 connections, 2 routes, 1 chain");
  wanted = Running();
  wanted.routes[1].filter = "hall/+";
  plan = PlanReload(Running(), wanted);
  EXPECT_THAT(plan.rerouted, IsEmpty());
  EXPECT_THAT(plan.resubscribed, ElementsAre("plant"));
}

TEST(Plan, MakesAConnectionAnewWhoseOptionsDifferOrThatCannotTakeOtherFiltersInPlace) {
  GatewayConfig wanted = Running();
  wanted.connections["plant"].uri = "ssl://broker:8883";
  wanted.routes[0].filter = "x";
  ReloadPlan plan = PlanReload(Running(), wanted);
  EXPECT_THAT(plan.remade, ElementsAre("plant"));
  EXPECT_THAT(plan.reconnected, ElementsAre("plant"));

  wanted = Running();
  wanted.routes[2].filter = "x";
  plan = PlanReload(Running(), wanted);
  EXPECT_THAT(plan.remade, ElementsAre("old")) << "MQTT 3.1.1";
  EXPECT_THAT(plan.reconnected, IsEmpty()) << "replies have nothing to do with it";
  EXPECT_THAT(plan.changes[0].effect, HasSubstr("intake of connection old is made anew: with MQTT 3.1.1"));

  wanted.connections["old"].share_connection = true;
  GatewayConfig running = Running();
  running.connections["old"].share_connection = true;
  EXPECT_THAT(PlanReload(running, wanted).reconnected, ElementsAre("old")) << "both are one connection";

  wanted = Running();
  wanted.routes.erase(wanted.routes.begin(), wanted.routes.begin() + 2);
  plan = PlanReload(Running(), wanted);
  EXPECT_THAT(plan.remade, ElementsAre("plant")) << "it takes nothing in any more";
  EXPECT_THAT(plan.resubscribed, IsEmpty());
}

TEST(Plan, ASubscriptionThatAnotherRouteHasIsAskedForOnlyIfItIsToBeDifferent) {
  GatewayConfig wanted = Running();
  wanted.routes.push_back(RouteTo("second", "hall/#", "other"));
  EXPECT_THAT(PlanReload(Running(), wanted).rerouted, ElementsAre("plant"));
  wanted.routes.back().qos = Qos::kExactlyOnce;
  EXPECT_THAT(PlanReload(Running(), wanted).resubscribed, ElementsAre("plant"));
}

TEST(Plan, SaysWhatHappensToTheMessagesAndWhyARestartIsNeeded) {
  GatewayConfig wanted = Running();
  wanted.routes[0].filter = "plant/#";
  wanted.journal.path = "/elsewhere";
  wanted.log.format = "text";
  const ReloadPlan plan = PlanReload(Running(), wanted);
  ASSERT_THAT(plan.changes, SizeIs(3));
  EXPECT_THAT(plan.changes[0].effect, HasSubstr("'plant/#' is subscribed to before 'plant/+/temp' is left"));
  EXPECT_TRUE(plan.needs_restart());
  EXPECT_EQ(plan.RestartReasons(),
            "log (format): is read at the start only: restart the gateway\n"
            "journal (path): is read at the start only: restart the gateway");
}

}  // namespace
}  // namespace sluice
