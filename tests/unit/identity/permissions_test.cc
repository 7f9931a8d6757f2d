#include "server/identity/permissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/route/route.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Permissions Compile(const std::vector<PermissionRule>& rules) {
  absl::StatusOr<Permissions> permissions = Permissions::Compile(rules);
  EXPECT_TRUE(permissions.ok()) << permissions.status();
  return *std::move(permissions);
}

Principal Worker(const std::string& name, Claims claims = {}) { return {.names = {name}, .claims = std::move(claims)}; }

// "ok", or why not.
std::string Reply(const Permissions& permissions, const Principal& principal, const std::string& chain,
                  ReplyAct reply) {
  reply.message_topic = "plant/7/temp";
  const Chain of{chain};
  std::string why = "ok";
  static_cast<void>(StreamGrants(permissions.For(principal), {&of}).Permits(of, reply, why));
  return why;
}

TEST(Permissions, GiveChainsToThoseThatARuleNames) {
  const Permissions permissions =
      Compile({{.name = "a", .who = {"spiffe://plant/worker/*"}, .chains = {"temp", "alarm-*"}},
               {.name = "b", .who = {"dns:x.plant"}, .chains = {"*"}}});
  const auto grants = permissions.For(Worker("spiffe://plant/worker/7"));
  EXPECT_TRUE(grants->MayServe("temp"));
  EXPECT_TRUE(grants->MayServe("alarm-"));
  EXPECT_FALSE(grants->MayServe("temperature"));
  EXPECT_FALSE(permissions.For(Worker("spiffe://plant/other"))->MayServe("temp"));
  EXPECT_TRUE(permissions.For(Worker("dns:x.plant"))->MayServe("anything"));
  EXPECT_FALSE(permissions.For(Worker("sub:dns:x.plant"))->MayServe("anything"));
}

TEST(Permissions, AnyVerifiedNameOfThePrincipalWillDo) {
  const Permissions permissions = Compile({{.name = "a", .who = {"sub:x"}, .chains = {"c"}}});
  EXPECT_TRUE(permissions.For({.names = {"spiffe://plant/w", "sub:x"}})->MayServe("c"));
}

TEST(Permissions, ClaimsMustAllBeThere) {
  const Permissions permissions =
      Compile({{.name = "a",
                .who = {"sub:*"},
                .claims = {{"groups", {"operators", "admins"}}, {"/kubernetes.io/namespace", {"plant-*"}}},
                .chains = {"c"}}});
  const Claims both = {{"/groups", {"x", "operators"}}, {"/kubernetes.io/namespace", {"plant-1"}}};
  EXPECT_TRUE(permissions.For(Worker("sub:a", both))->MayServe("c"));
  EXPECT_FALSE(permissions.For(Worker("sub:a", {{"/groups", {"operators"}}}))->MayServe("c"));
  EXPECT_FALSE(permissions.For(Worker("sub:a"))->MayServe("c"));
  Claims wrong = both;
  wrong["/groups"] = {"operators "};
  EXPECT_FALSE(permissions.For(Worker("sub:a", wrong))->MayServe("c"));
  EXPECT_FALSE(permissions.For(Worker("dns:a", both))->MayServe("c")) << "who and claims, not one of them";
}

TEST(Permissions, ANestedClaimIsNotATopClaimOfThatName) {
  const Permissions permissions =
      Compile({{.name = "a", .claims = {{"kubernetes.io/namespace", {"plant"}}}, .chains = {"c"}}});
  // Without a '/' in front a name is what it is; only a pointer leads into an object.
  EXPECT_FALSE(permissions.For(Worker("sub:a", {{"/kubernetes.io~1namespace", {"plant"}}}))->MayServe("d"));
  EXPECT_TRUE(permissions.For(Worker("sub:a", {{"/kubernetes.io~1namespace", {"plant"}}}))->MayServe("c"));
  EXPECT_FALSE(permissions.For(Worker("sub:a", {{"/kubernetes.io/namespace", {"plant"}}}))->MayServe("c"));
}

TEST(Permissions, RepliesGoOnlyWhereTheChainsRuleLetsThem) {
  const Permissions permissions =
      Compile({{.name = "temp", .who = {"**"}, .chains = {"temp"}, .allow_replies = {"plant/${topic.2}/reply/#"}},
               {.name = "alarm", .who = {"**"}, .chains = {"alarm"}, .allow_replies = {"alarms/#"}},
               {.name = "sink", .who = {"**"}, .chains = {"sink"}}});
  const Principal worker = Worker("sub:w");
  EXPECT_EQ(Reply(permissions, worker, "temp", {.topic = "plant/7/reply/x"}), "ok");
  EXPECT_THAT(Reply(permissions, worker, "temp", {.topic = "plant/8/reply/x"}), HasSubstr("no rule permits"));
  EXPECT_THAT(Reply(permissions, worker, "temp", {.topic = "alarms/x"}), HasSubstr("no rule permits"))
      << "that is the other chain's";
  EXPECT_EQ(Reply(permissions, worker, "alarm", {.topic = "alarms/x"}), "ok");
  EXPECT_THAT(Reply(permissions, worker, "sink", {.topic = "plant/7/reply/x"}), HasSubstr("no rule permits"));
}

TEST(Permissions, DenyWinsWhicheverRuleSaysSo) {
  const Permissions permissions = Compile({{.name = "all", .who = {"**"}, .chains = {"c"}, .allow_replies = {"#"}},
                                           {.name = "guard", .who = {"sub:w"}, .deny_replies = {"plant/+/admin/#"}}});
  EXPECT_EQ(Reply(permissions, Worker("sub:w"), "c", {.topic = "plant/7/x"}), "ok");
  EXPECT_EQ(Reply(permissions, Worker("sub:w"), "c", {.topic = "plant/7/admin/x"}),
            "the rule 'guard' denies replies to 'plant/+/admin/#'");
  EXPECT_EQ(Reply(permissions, Worker("sub:other"), "c", {.topic = "plant/7/admin/x"}), "ok");
}

TEST(Permissions, QosAndRetainAreThoseOfTheRuleThatAllows) {
  const Permissions permissions =
      Compile({{.name = "low", .who = {"**"}, .chains = {"c"}, .allow_replies = {"a/#"}, .reply_qos = Qos::kAtMostOnce},
               {.name = "high", .who = {"**"}, .chains = {"c"}, .allow_replies = {"b/#"}, .reply_retain = true}});
  const Principal worker = Worker("sub:w");
  EXPECT_EQ(Reply(permissions, worker, "c", {.topic = "a/x"}), "ok");
  EXPECT_EQ(Reply(permissions, worker, "c", {.topic = "a/x", .qos = Qos::kAtLeastOnce}),
            "the rule 'low' permits QoS 0 at most");
  EXPECT_EQ(Reply(permissions, worker, "c", {.topic = "a/x", .retain = true}),
            "the rule 'low' permits no retained reply");
  EXPECT_EQ(Reply(permissions, worker, "c", {.topic = "b/x", .qos = Qos::kExactlyOnce, .retain = true}), "ok");
}

TEST(Permissions, TheTightestBoundHolds) {
  const Permissions permissions =
      Compile({{.name = "a", .who = {"**"}, .window_messages = 100, .streams = 4, .messages_a_second = 50},
               {.name = "b", .who = {"sub:w"}, .window_messages = 200, .window_bytes = 1'000, .streams = 2}});
  const Grants::Bounds& bounds = permissions.For(Worker("sub:w"))->bounds();
  EXPECT_EQ(bounds.window_messages, 100);
  EXPECT_EQ(bounds.window_bytes, 1'000);
  EXPECT_EQ(bounds.streams, 2);
  EXPECT_EQ(bounds.messages_a_second, 50);
  EXPECT_EQ(bounds.bytes_a_second, std::nullopt);
}

TEST(Permissions, TheHighestRoleHolds) {
  const Permissions permissions = Compile({{.name = "a", .who = {"email:*@plant"}, .role = AdminRole::kViewer},
                                           {.name = "b", .who = {"email:eve@plant"}, .role = AdminRole::kAdmin}});
  EXPECT_EQ(permissions.For(Worker("email:bob@plant"))->role(), AdminRole::kViewer);
  EXPECT_EQ(permissions.For(Worker("email:eve@plant"))->role(), AdminRole::kAdmin);
  EXPECT_EQ(permissions.For(Worker("email:x@other"))->role(), AdminRole::kNone);
}

TEST(Permissions, ExplainThemselves) {
  const Permissions permissions =
      Compile({{.name = "temp", .who = {"sub:w"}, .chains = {"temp"}, .allow_replies = {"plant/${topic.2}/#"}}});
  const auto ask = [&permissions](const char* who, const char* chain, const char* reply) {
    return permissions.Explain(Worker(who),
                               {.chain = chain, .reply = ReplyAct{.topic = reply, .message_topic = "plant/7/temp"}});
  };
  EXPECT_THAT(ask("sub:x", "temp", "a").reasons, ElementsAre("no rule applies to sub:x"));
  EXPECT_THAT(ask("sub:w", "other", "a").reasons,
              ElementsAre("to sub:w apply: temp", "none of them gives the chain 'other'"));
  EXPECT_TRUE(ask("sub:w", "temp", "plant/7/x").permitted);
  const Permissions::Answer no = ask("sub:w", "temp", "plant/8/x");
  EXPECT_FALSE(no.permitted);
  EXPECT_THAT(no.reasons, ElementsAre("to sub:w apply: temp", "the chain 'temp' is given by: temp",
                                      "no rule permits this worker a reply of this topic to this message"));
  EXPECT_TRUE(Compile({}).Explain(Worker("sub:w"), {.chain = "x"}).permitted) << "no rules: everything";
}

TEST(Permissions, RefuseRulesThatAreNone) {
  const auto error = [](PermissionRule rule) {
    rule.name = "permissions[0]";
    return std::string(Permissions::Compile({rule}).status().message());
  };
  EXPECT_EQ(error({}), "permissions[0]: says neither who nor which claims");
  EXPECT_THAT(error({.who = {"a***"}}), HasSubstr("permissions[0]: who 'a***' holds '***'"));
  EXPECT_THAT(error({.who = {"a"}, .allow_replies = {"a/#/b"}}), HasSubstr("permissions[0]: filter 'a/#/b'"));
  EXPECT_THAT(error({.claims = {{"groups", {""}}}}), HasSubstr("permissions[0]: claim '' is empty"));
}

}  // namespace
}  // namespace sluice
