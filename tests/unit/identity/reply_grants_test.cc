#include "server/identity/reply_grants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sluice {
namespace {

using testing::HasSubstr;

ReplyFilter FilterOf(const std::string& text) { return *ReplyFilter::Parse(text); }

ReplyGrants::Allowed Allow(const std::string& filter, Qos qos = Qos::kExactlyOnce, bool retain = false) {
  return {.filter = FilterOf(filter), .qos = qos, .retain = retain, .rule = filter};
}
ReplyGrants::Denied Deny(const std::string& filter) { return {.filter = FilterOf(filter), .rule = filter}; }

// "ok", or why not.
std::string Why(const ReplyGrants& grants, const ReplyAct& reply) {
  std::string why = "ok";
  const bool permitted = grants.Permits(reply, why);
  EXPECT_EQ(permitted, why == "ok");
  return why;
}

// More filters than are looked at one by one.
std::vector<ReplyGrants::Allowed> Many(std::vector<ReplyGrants::Allowed> those) {
  for (int i = 0; i < 40; ++i) those.push_back(Allow("plant/+/other-" + std::to_string(i) + "/#"));
  return those;
}

TEST(ReplyGrants, FindAFilterAmongManyByWhateverTellsItApart) {
  const ReplyGrants grants(Many({Allow("plant/${topic.2}/reply/#"), Allow("line-7/+/reply"), Allow("+/x"),
                                 Allow("${topic}/done"), Allow("cmd-${topic.2}/+")}),
                           {});
  for (const char* topic : {"plant/7/reply/ok", "plant/7/reply", "line-7/x/reply", "a/x", "plant/7/temp/done",
                            "cmd-7/a", "plant/7/other-39", "plant/x/other-0/a"}) {
    EXPECT_EQ(Why(grants, {.topic = topic, .message_topic = "plant/7/temp"}), "ok") << topic;
  }
  for (const char* topic : {"plant/8/reply/ok", "line-8/x/reply", "a/y", "plant/8/temp/done", "cmd-8/a", "plant",
                            "plant/7/other-40", "x/7/other-1"}) {
    EXPECT_NE(Why(grants, {.topic = topic, .message_topic = "plant/7/temp"}), "ok") << topic;
  }
}

TEST(ReplyGrants, AnotherRuleMayGiveWhatTheFirstThatMatchesDoesNot) {
  const ReplyGrants grants(Many({Allow("a/#", Qos::kAtMostOnce), Allow("a/b", Qos::kAtLeastOnce, true)}), {});
  EXPECT_EQ(Why(grants, {.topic = "a/b", .qos = Qos::kAtLeastOnce, .retain = true}), "ok");
  EXPECT_EQ(Why(grants, {.topic = "a/c", .qos = Qos::kAtLeastOnce}), "the rule 'a/#' permits QoS 0 at most");
  EXPECT_EQ(Why(grants, {.topic = "a/c", .retain = true}), "the rule 'a/#' permits no retained reply");
}

TEST(ReplyGrants, WhatIsDeniedIsDeniedWhereverTheFilterStands) {
  const ReplyGrants grants(Many({Allow("#")}), {Deny("a/secret"), Deny("+/hidden/#"), Deny("${topic}/x")});
  EXPECT_THAT(Why(grants, {.topic = "a/secret"}), HasSubstr("denies replies to 'a/secret'"));
  EXPECT_THAT(Why(grants, {.topic = "b/hidden/c"}), HasSubstr("denies replies to '+/hidden/#'"));
  EXPECT_THAT(Why(grants, {.topic = "m/x", .message_topic = "m"}), HasSubstr("denies replies to '${topic}/x'"));
  EXPECT_EQ(Why(grants, {.topic = "b/secret", .message_topic = "m"}), "ok");
}

// The verdict of each filter asked in turn.
bool OneByOne(const std::vector<ReplyGrants::Allowed>& allowed, const std::vector<ReplyGrants::Denied>& denied,
              const ReplyAct& reply) {
  std::vector<std::string_view> room;
  std::vector<std::string_view> other_room;
  const SplitTopic topic(reply.topic, room);
  const SplitTopic message(reply.message_topic, other_room);
  const auto forbids = [&](const auto& one) { return one.filter.Forbids(topic, message); };
  const auto allows = [&](const auto& one) {
    return one.filter.Allows(topic, message) && reply.qos <= one.qos && (one.retain || !reply.retain);
  };
  return std::ranges::none_of(denied, forbids) && std::ranges::any_of(allowed, allows);
}

TEST(ReplyGrants, DecideAsTheFiltersDoOneByOne) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp,bugprone-random-generator-seed): the same each time.
  const auto any_of = [&random](std::initializer_list<const char*> texts) {
    return std::string(*(texts.begin() + static_cast<ptrdiff_t>(random() % texts.size())));
  };
  const auto topic = [&](std::initializer_list<const char*> levels) {
    std::string made = any_of(levels);
    for (auto more = random() % 4; more > 0; --more) made += "/" + any_of(levels);
    return made;
  };
  const auto filter = [&] {
    const std::string made =
        topic({"a", "b", "c", "d", "$sys", "+", "${topic}", "${topic.1}", "x${topic.2}", "${topic.3}"});
    return random() % 4 == 0 ? made + "/#" : made;
  };
  size_t permitted = 0;
  size_t tried = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<ReplyGrants::Allowed> allowed;
    std::vector<ReplyGrants::Denied> denied;
    for (auto count = random() % 20; count > 0; --count) {
      allowed.push_back(Allow(filter(), static_cast<Qos>(random() % 3), random() % 2 == 0));
    }
    for (auto count = random() % 4; count > 0; --count) denied.push_back(Deny(filter()));
    const ReplyGrants grants(allowed, denied);
    for (int i = 0; i < 50; ++i) {
      const std::string reply_topic = topic({"a", "b", "c", "d", "xa", "xb", "$sys", ""});
      const std::string message_topic = topic({"a", "b", "c"});
      const ReplyAct reply{.topic = reply_topic,
                           .qos = static_cast<Qos>(random() % 3),
                           .retain = random() % 4 == 0,
                           .message_topic = message_topic};
      std::string why;
      const bool expected = OneByOne(allowed, denied, reply);
      ASSERT_EQ(grants.Permits(reply, why), expected) << reply_topic << " to " << message_topic << ": " << why;
      permitted += expected ? 1 : 0;
      ++tried;
    }
  }
  EXPECT_GT(permitted, tried / 20);
  EXPECT_LT(permitted, tried - tried / 20);
}

}  // namespace
}  // namespace sluice
