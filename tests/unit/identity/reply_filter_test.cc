#include "server/identity/reply_filter.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ReplyFilter Filter(const std::string& text) {
  absl::StatusOr<ReplyFilter> filter = ReplyFilter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return *std::move(filter);
}
bool Allows(const std::string& filter, const std::string& reply, const std::string& message = "plant/7/temp") {
  std::vector<std::string_view> room[2];
  return Filter(filter).Allows(SplitTopic(reply, room[0]), SplitTopic(message, room[1]));
}
bool Forbids(const std::string& filter, const std::string& reply, const std::string& message = "plant/7/temp") {
  std::vector<std::string_view> room[2];
  return Filter(filter).Forbids(SplitTopic(reply, room[0]), SplitTopic(message, room[1]));
}
std::string FilterError(const std::string& text) { return std::string(ReplyFilter::Parse(text).status().message()); }

TEST(ReplyFilter, MatchesAsMqttDoes) {
  EXPECT_TRUE(Allows("plant/+/reply", "plant/7/reply"));
  EXPECT_TRUE(Allows("plant/+/reply", "plant//reply"));
  EXPECT_FALSE(Allows("plant/+/reply", "plant/7/8/reply"));
  EXPECT_TRUE(Allows("plant/#", "plant"));
  EXPECT_TRUE(Allows("plant/#", "plant/7/reply"));
  EXPECT_FALSE(Allows("plant/#", "plants"));
  EXPECT_FALSE(Allows("plant", "plant/"));
  EXPECT_FALSE(Allows("plant/", "plant"));
  EXPECT_TRUE(Allows("/", "/"));
  EXPECT_TRUE(Allows("+", "plant"));
  EXPECT_FALSE(Allows("+", "/plant"));
  EXPECT_FALSE(Allows("Plant", "plant"));
}

TEST(ReplyFilter, OnlyBelowTheDeviceThatAsked) {
  EXPECT_TRUE(Allows("plant/${topic.2}/reply/#", "plant/7/reply/ok"));
  EXPECT_TRUE(Allows("plant/${topic.2}/reply/#", "plant/7/reply"));
  EXPECT_FALSE(Allows("plant/${topic.2}/reply/#", "plant/8/reply/ok"));
  EXPECT_FALSE(Allows("plant/${topic.2}/reply/#", "plant/77/reply/ok"));
  EXPECT_FALSE(Allows("plant/${topic.2}/reply/#", "plant//reply/ok"));
  EXPECT_TRUE(Allows("cmd/dev-${topic.2}.${topic.1}", "cmd/dev-7.plant"));
  EXPECT_FALSE(Allows("cmd/dev-${topic.2}.${topic.1}", "cmd/dev-7.plant2"));
  EXPECT_TRUE(Allows("${topic}/reply", "plant/7/temp/reply"));
  EXPECT_FALSE(Allows("${topic}/reply", "plant/7/temperature/reply"));
  EXPECT_TRUE(Allows("out/${topic}", "out/plant/7/temp"));
  EXPECT_TRUE(Allows("out/${topic}/#", "out/plant/7/temp"));
  EXPECT_FALSE(Allows("out/${topic}", "out/plant/7/temp/x"));
  EXPECT_FALSE(Allows("out/${topic}", "out/plant/7"));
  EXPECT_TRUE(Allows("out/${topic}/a/+/b", "out/plant/7/temp/a/x/b"));
  EXPECT_FALSE(Allows("out/${topic}/a/+/b", "out/plant/7/temp/a/x/c"));
}

TEST(ReplyFilter, WhatADeviceWritesIsNoWildcardAndNoPath) {
  // Topics have no wildcards, yet who knows what comes by.
  EXPECT_FALSE(Allows("plant/${topic.2}/reply", "plant/7/reply", "plant/+/temp"));
  EXPECT_FALSE(Allows("plant/${topic.2}/reply", "plant/7/reply", "plant/#"));
  EXPECT_FALSE(Allows("plant/7/reply", "plant/7/x/../reply"));
  EXPECT_FALSE(Allows("plant/7/reply", "plant/./7/reply"));
  EXPECT_TRUE(Allows("plant/7/reply/#", "plant/7/reply/../../8/reply")) << "to a broker, `..` is a name";
  EXPECT_FALSE(Allows("plant/${topic.2}/reply", "plant/${topic.2}/reply"));
}

TEST(ReplyFilter, ALevelThatIsNotThereAllowsNothingAndForbidsAll) {
  EXPECT_FALSE(Allows("plant/${topic.5}/reply", "plant//reply"));
  EXPECT_FALSE(Allows("plant/${topic.5}/reply", "plant/x/reply"));
  EXPECT_TRUE(Forbids("plant/${topic.5}/reply", "plant/x/reply"));
  EXPECT_FALSE(Forbids("plant/${topic.5}/reply", "plant/x/other"));
}

TEST(ReplyFilter, WildcardsAllowNoDollarTopicsButForbidThem) {
  EXPECT_FALSE(Allows("#", "$SYS/x"));
  EXPECT_FALSE(Allows("+/x", "$SYS/x"));
  EXPECT_TRUE(Allows("$SYS/#", "$SYS/x"));
  EXPECT_TRUE(Forbids("#", "$SYS/x"));
  EXPECT_TRUE(Forbids("+/x", "$SYS/x"));
}

TEST(ReplyFilter, RefusesWhatIsNone) {
  EXPECT_EQ(FilterError("plant/${topic.0}"), "has a ${topic.N} whose N is no number from 1 to 65535");
  EXPECT_EQ(FilterError("plant/${topic.x}"), "has a ${topic.N} whose N is no number from 1 to 65535");
  EXPECT_EQ(FilterError("plant/${topic.}"), "has a ${topic.N} whose N is no number from 1 to 65535");
  EXPECT_EQ(FilterError("plant/${topic.99999999999}"), "has a ${topic.N} whose N is no number from 1 to 65535");
  EXPECT_EQ(FilterError("plant/${name}"), "has a '${' that begins neither ${topic} nor ${topic.N}");
  EXPECT_EQ(FilterError("plant/${topic.2"), "has a '${' without '}'");
  EXPECT_EQ(FilterError("plant/x${topic}"), "has '${topic}' in a level with other characters; it is levels of its own");
  for (const char* text : {"", "plant/#/x", "plant/a+", "plant/+${topic.1}", "plant/#${topic.1}", "plant/\xff"}) {
    EXPECT_FALSE(ReplyFilter::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice
