#include "server/route/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "tests/unit/route/route_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

using Resolved = std::optional<std::pair<std::string, std::string>>;

Resolved Resolve(std::string_view target, MessageSpec message) {
  const auto pattern = TargetPattern::Parse(target);
  EXPECT_TRUE(pattern.ok()) << target << ": " << pattern.status();
  std::string chain = "left over";
  std::string start_node = "left over";
  if (!pattern->Resolve(*MakeMessage(std::move(message)), chain, start_node)) return std::nullopt;
  return Resolved({chain, start_node});
}

std::string WhyNot(std::string_view target) {
  const absl::Status status = TargetPattern::Parse(target).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << target;
  return std::string(status.message());
}

TEST(Target, NamesAChainAndMayNameAStartNode) {
  ChainDirectory chains{ChainOptions{}};
  auto target = MakeTarget("temperature:node3", chains);
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->chain, chains.Find("temperature"));
  EXPECT_EQ(target->start_node, "node3");
  EXPECT_EQ(target->pattern, nullptr);
  EXPECT_EQ(MakeTarget("temperature", chains)->start_node, "");
}

TEST(Target, ATemplateMakesNoChainBeforeAMessageNamesOne) {
  ChainDirectory chains{ChainOptions{}};
  auto target = MakeTarget("plant-${topic.2}", chains);
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->chain, nullptr);
  EXPECT_NE(target->pattern, nullptr);
  EXPECT_EQ(chains.Find("plant-${topic.2}"), nullptr);
}

TEST(Target, FillsInTheTopicAndItsLevels) {
  EXPECT_EQ(Resolve("${topic}", {.topic = "a/b/c"}), Resolved({"a/b/c", ""}));
  EXPECT_EQ(Resolve("x-${topic.2}-${topic.1}:${topic.3}", {.topic = "a/b/c"}), Resolved({"x-b-a", "c"}));
  EXPECT_EQ(Resolve("chain:${topic}", {.topic = "a/b"}), Resolved({"chain", "a/b"}));
}

TEST(Target, FillsInTheFirstUserPropertyOfAName) {
  EXPECT_EQ(Resolve("${site}", {.topic = "a", .properties = WithUser({{"x", "1"}, {"site", "ulm"}, {"site", "bonn"}})}),
            Resolved({"ulm", ""}));
}

TEST(Target, TheTopicCannotBeShadowedByAUserProperty) {
  EXPECT_EQ(Resolve("${topic}", {.topic = "a", .properties = WithUser({{"topic", "evil"}})}), Resolved({"a", ""}));
}

TEST(Target, AColonInAValueChoosesNoStartNode) {
  EXPECT_EQ(Resolve("${topic}", {.topic = "a:evil"}), Resolved({"a:evil", ""}));
}

TEST(Target, IsNoneWithoutAValueOrWithAnEmptyChain) {
  EXPECT_EQ(Resolve("${site}", {.topic = "a"}), std::nullopt);
  EXPECT_EQ(Resolve("c:${site}", {.topic = "a"}), std::nullopt);
  EXPECT_EQ(Resolve("${site}", {.topic = "a", .properties = WithUser({{"site", ""}})}), std::nullopt);
  EXPECT_EQ(Resolve("${topic.2}", {.topic = "a"}), std::nullopt);
  EXPECT_EQ(Resolve("${topic.2}", {.topic = "a//b"}), std::nullopt);
  EXPECT_EQ(Resolve("c-${site}", {.topic = "a", .properties = WithUser({{"site", ""}})}), Resolved({"c-", ""}));
}

TEST(Target, IsNoneWhenAPartIsTooLongOrNotText) {
  EXPECT_EQ(Resolve("${topic}", {.topic = std::string(256, 'a')})->first.size(), 256u);
  EXPECT_EQ(Resolve("${topic}", {.topic = std::string(257, 'a')}), std::nullopt);
  EXPECT_EQ(Resolve("c:x${topic}", {.topic = std::string(256, 'a')}), std::nullopt);
  EXPECT_EQ(Resolve("${site}", {.topic = "a", .properties = WithUser({{"site", "\xFF"}})}), std::nullopt);
}

TEST(Target, RefusalSaysWhatIsWrong) {
  EXPECT_THAT(WhyNot(""), HasSubstr("is empty"));
  EXPECT_THAT(WhyNot(":node"), HasSubstr("no chain before ':'"));
  EXPECT_THAT(WhyNot("chain:"), HasSubstr("no start node behind ':'"));
  EXPECT_THAT(WhyNot("a:b:c"), HasSubstr("second ':'"));
  EXPECT_THAT(WhyNot("${topic"), HasSubstr("'${' without '}'"));
  EXPECT_THAT(WhyNot("${}"), HasSubstr("not empty"));
  EXPECT_THAT(WhyNot("${_debugMode}"), HasSubstr("does not begin with '_'"));
  EXPECT_THAT(WhyNot(std::string(257, 'a')), HasSubstr("256 bytes"));
  for (const char* level :
       {"${topic.0}", "${topic.}", "${topic.-1}", "${topic.1x}", "${topic.name}", "${topic.99999999999}"}) {
    EXPECT_THAT(WhyNot(level), HasSubstr("a number from 1"));
  }
}

TEST(Target, DollarsAndBracesAloneAreCharacters) {
  EXPECT_EQ(Resolve("a$b{c}d$", {.topic = "t"}), Resolved({"a$b{c}d$", ""}));
}

TEST(Target, AFixedOneHasAChainThatStays) {
  ChainDirectory chains{ChainOptions{}, /*most_of_messages=*/0};
  const auto target = MakeTarget("fixed", chains);
  ASSERT_TRUE(target.ok()) << target.status();
  EXPECT_FALSE(target->chain->can_be_forgotten());
  EXPECT_EQ(MakeTarget("fixed", chains, {"a"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Target, AStarInAnAllowedNameStandsForAnyCharacters) {
  ChainDirectory chains{ChainOptions{}};
  auto allows = [&](std::string pattern, std::string_view name) {
    return MakeTarget("${topic}", chains, {std::move(pattern)})->pattern->Allows(name);
  };
  EXPECT_TRUE(allows("line-*", "line-7"));
  EXPECT_TRUE(allows("line-*", "line-"));
  EXPECT_FALSE(allows("line-*", "lime-7"));
  EXPECT_TRUE(allows("*-a*b", "x-aab"));
  EXPECT_TRUE(allows("*-a*b", "x-a-ab"));
  EXPECT_FALSE(allows("*-a*b", "x-abc"));
  EXPECT_TRUE(allows("*", "a/b"));
  EXPECT_TRUE(allows("a", "a"));
  EXPECT_FALSE(allows("a", "ab"));
  EXPECT_FALSE(allows("ab", "a"));
  EXPECT_TRUE(allows("a**", "a"));
}

}  // namespace
}  // namespace sluice
