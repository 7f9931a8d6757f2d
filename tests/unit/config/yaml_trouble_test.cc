#include "server/config/yaml_trouble.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// "LINE:COLUMN", or "none".
std::string Bracket(std::string_view text) {
  const std::optional<YamlTrouble> trouble = UnclosedBracket(text);
  return trouble ? std::to_string(trouble->at.line) + ":" + std::to_string(trouble->at.column) : "none";
}
std::string Quote(std::string_view text, int line) {
  const std::optional<YamlTrouble> trouble = QuoteOverLines(text, line);
  return trouble ? std::to_string(trouble->at.line) + ":" + std::to_string(trouble->at.column) : "none";
}
std::string Tab(std::string_view text, int line) {
  const std::optional<YamlTrouble> trouble = TabInIndentation(text, line);
  return trouble ? std::to_string(trouble->at.line) + ":" + std::to_string(trouble->at.column) : "none";
}

TEST(YamlTrouble, FindsWhereTheOpenBracketBegan) {
  EXPECT_EQ(Bracket("a: {b: 1\nc: {d: 2}\n"), "1:4");
  EXPECT_EQ(Bracket("x: 1\na:\n  - [1, [2, 3]\nc: 2\n"), "3:5");
  EXPECT_EQ(Bracket("a: {b: [1, 2}\n"), "1:8");
  EXPECT_EQ(Bracket("a: !map {b: 1"), "1:9");
  EXPECT_EQ(Bracket("a: {b: &x {c: 1}"), "1:4");
}

TEST(YamlTrouble, IsNotMisledByTextsThatHoldBrackets) {
  EXPECT_EQ(Bracket("a: {b: '}', c: \"}\\\"\"}\n"), "none");
  EXPECT_EQ(Bracket("a: {b: 'it''s }'}\n"), "none");
  EXPECT_EQ(Bracket("a: x{y\nb: ${NAME}\nc: [d]\n"), "none");
  EXPECT_EQ(Bracket("a: 1  # {\nb: {c: 1}  # [\n"), "none");
  EXPECT_EQ(Bracket("a: |\n  {\n\n  [\nb: {c: 1}\n"), "none");
  EXPECT_EQ(Bracket("a: >-\n  {\nb: {c: 1\n"), "3:4");
  EXPECT_EQ(Bracket("a: [\n  {b: 1},\n  {c: 2},\n]\n"), "none");
  EXPECT_EQ(Bracket("a: it's\nb: {c: 1\n"), "2:4");
}

TEST(YamlTrouble, FindsTheQuoteThatAnotherTextsQuoteCloses) {
  EXPECT_EQ(Quote("a: \"x\nb: \"y\"\n", 2), "1:4");
  EXPECT_EQ(Quote("a: 'x'\nb: 'y\nc: z\nd: 'v'\n", 4), "2:4");
  EXPECT_EQ(Quote("a: {b: \"x}\nc: {d: \"y\"}\n", 2), "1:8");
  EXPECT_EQ(Quote("a: \"x\nb: \"y\"\n", 1), "none") << "the trouble is elsewhere";
  EXPECT_EQ(Quote("a: \"x\"\nb: 'y'\n", 2), "none");
  EXPECT_EQ(Quote("a: \"x\n", 2), "none") << "it is not closed at all";
}

TEST(YamlTrouble, FindsATabInTheIndentationOnly) {
  EXPECT_EQ(Tab("a:\n\tb: 1\n", 2), "2:1");
  EXPECT_EQ(Tab("a:\n  \tb: 1\n", 2), "2:3");
  EXPECT_EQ(Tab("-\ta: 1\n", 1), "1:2");
  EXPECT_EQ(Tab("a:\tb\n", 1), "none");
  EXPECT_EQ(Tab("a: 1\n", 7), "none");
}

}  // namespace
}  // namespace sluice
