// YAML itself: positions, what is refused, what must not crash.
#include "server/config/document.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string ErrorOf(std::string_view yaml) {
  std::variant<Value, Diagnostic> result = ParseDocument(yaml, "gw.yaml");
  const auto* error = std::get_if<Diagnostic>(&result);
  return error != nullptr ? error->ToString() : "no error";
}

Value Parse(std::string_view yaml) {
  std::variant<Value, Diagnostic> result = ParseDocument(yaml, "gw.yaml");
  EXPECT_TRUE(std::holds_alternative<Value>(result)) << ErrorOf(yaml);
  return std::holds_alternative<Value>(result) ? std::get<Value>(result) : Value{};
}

TEST(Document, KnowsWhereEverythingStands) {
  const Value root = Parse("a: 1\nb:\n  - x\n  - {c: 'y'}\nd:\n");
  ASSERT_EQ(root.entries.size(), 3u);
  EXPECT_EQ(root.entries[0].value.at, (Position{1, 4}));
  EXPECT_EQ(root.entries[1].at, (Position{2, 1}));
  EXPECT_EQ(root.entries[1].value.items[0].at, (Position{3, 5}));
  EXPECT_EQ(root.entries[1].value.items[1].entries[0].value.at, (Position{4, 9}));
  EXPECT_EQ(root.entries[2].value.kind, Value::Kind::kNull);
  EXPECT_EQ(root.entries[2].at, (Position{5, 1}));
}

TEST(Document, AMissingValueStandsAtItsKey) {
  EXPECT_EQ(Parse("a: 1\nb:\n\nc: 2\n").entries[1].value.at, (Position{2, 1}));
}

TEST(Document, KeepsDuplicatesForTheReader) { EXPECT_EQ(Parse("a: 1\na: 2\n").entries.size(), 2u); }

TEST(Document, TakesWindowsLineEndsAndAByteOrderMark) {
  EXPECT_EQ(Parse("a: 1\r\nb: 2\r\n").entries[1].value.text, "2");
  EXPECT_EQ(Parse("\xEF\xBB\xBF"
                  "a: 1\n")
                .entries[0]
                .key,
            "a");
}

TEST(Document, CopiesWhatAnAliasNames) {
  const Value root = Parse("a: &x {k: v}\nb: *x\n");
  EXPECT_EQ(root.entries[1].value.entries[0].value.text, "v");
}

TEST(Document, SaysWhereYamlIsBroken) {
  EXPECT_EQ(ErrorOf("a: [1, 2\n"),
            "gw.yaml:1:4: not valid YAML: the '[' that begins here is not closed (or a quote behind it is not)");
  EXPECT_EQ(ErrorOf("a: {b: 1\nc: 2\n"),
            "gw.yaml:1:4: not valid YAML: the '{' that begins here is not closed (or a quote behind it is not)");
  EXPECT_EQ(
      ErrorOf("a: {b: 1 c: 2}\n"),
      "gw.yaml:1:11: not valid YAML: end of map flow not found (is a ',' or ':' missing, or does a value hold one "
      "of , : { } [ ] # without quotes?)");
  EXPECT_EQ(
      ErrorOf("a: [b/${c}/d]\n"),
      "gw.yaml:1:8: not valid YAML: end of sequence flow not found (is a ',' or ':' missing, or does a value hold "
      "one of , : { } [ ] # without quotes?)");
  EXPECT_EQ(ErrorOf("a: {b: 1}}\n"), "gw.yaml:1:10: not valid YAML: illegal flow end (a bracket that closes nothing)");
  EXPECT_EQ(ErrorOf("{\"a\": {\"b\": 1}, \"c\": []\n"),
            "gw.yaml:1:1: not valid YAML: the '{' that begins here is not closed (or a quote behind it is not)")
      << "JSON";
  EXPECT_EQ(
      ErrorOf("a: \"x\nb: \"y\"\n"),
      "gw.yaml:1:4: not valid YAML: the quote that begins here is closed in line 2 only; is one missing between?");
  EXPECT_EQ(ErrorOf("a: b: c\n"),
            "gw.yaml:1:5: not valid YAML: illegal map value (is the indentation even, is a ':' or a quote missing, or "
            "does a value hold ': ' without quotes?)");
  EXPECT_EQ(ErrorOf("a:\n\t- b\n"),
            "gw.yaml:2:1: not valid YAML: a tab in the indentation, where YAML takes blanks only");
  EXPECT_EQ(ErrorOf("a: @b\n"),
            "gw.yaml:1:4: not valid YAML: unknown token (a value that begins with '@', '`' or '%' needs quotes)");
  EXPECT_EQ(ErrorOf("a: 1\n---\nb: 2\n"), "gw.yaml:3:1: a second YAML document; a configuration is one document");
  EXPECT_EQ(ErrorOf("? [a]\n: b\n"), "gw.yaml:1:3: a key must be a plain word, not a list or map");
  EXPECT_EQ(ErrorOf("? \n: b\n"), "gw.yaml:2:1: a key must be a plain word, not a list or map");
}

TEST(Document, DoesNotRepeatWhatMayBeASecret) {
  EXPECT_EQ(ErrorOf("password: *hunter2\n"),
            "gw.yaml:1:11: not valid YAML: the referenced anchor is not defined (a value that begins with '*' needs "
            "quotes)");
  EXPECT_EQ(
      ErrorOf("password: \"hun\\ter\\z2\"\n"),
      "gw.yaml:1:21: not valid YAML: unknown escape character (within \"…\" a backslash is written \\\\; within '…' "
      "it stands for itself)");
}

TEST(Document, TakesValidTextOnly) {
  EXPECT_EQ(ErrorOf("a: \xC3(\n"), "gw.yaml:1:4: this value is not valid UTF-8 at byte 1");
  EXPECT_EQ(ErrorOf("a: \"x\\0\"\n"), "gw.yaml:1:4: this value has U+0000 at byte 2");
  EXPECT_EQ(ErrorOf("a: " + std::string(65'536, 'x')),
            "gw.yaml:1:4: this value has 65536 bytes, more than the 65,535 that MQTT allows");
}

TEST(Document, IsNotBlownUpByAliases) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) yaml += previous + ", ";
    yaml += "]\n";
  }
  EXPECT_EQ(ErrorOf(yaml), "gw.yaml:5:45: more than 100000 values, aliases (*name) counted in full");
  EXPECT_EQ(ErrorOf("a: &x [*x]\n"), "gw.yaml:1:8: an alias (*name) within what it names");
}

TEST(Document, AQuoteThatIsNeverClosedIsAnError) {
  EXPECT_EQ(ErrorOf("a: \"x\nb: 1\n"), "gw.yaml:1:4: a quote that is not closed");
  EXPECT_EQ(ErrorOf("a: 'x"), "gw.yaml:1:4: a quote that is not closed");
  EXPECT_EQ(ErrorOf("a: &b 'x\n"), "gw.yaml:1:4: a quote that is not closed");
  EXPECT_EQ(Parse("a: |\n  x\n  y").entries[0].value.text, "x\ny\n") << "a block ends with the file";
  EXPECT_EQ(Parse("a: x\n  y\n...\n").entries[0].value.text, "x y");
}

TEST(Document, DeepNestingIsAnErrorNotAnOverflow) {
  for (const char* open : {"[", "{", "- ", "? ", "[[],", "&a [", "!t [", "a:\n "}) {
    std::string yaml = "a: ";
    for (int i = 0; i < 20'000; ++i) yaml += open;
    EXPECT_NE(ErrorOf(yaml), "no error") << open;
  }
  std::string blocks;
  for (size_t i = 0; i < 2'000; ++i) blocks += std::string(i, ' ') + "a:\n";
  EXPECT_NE(ErrorOf(blocks), "no error");
}

}  // namespace
}  // namespace sluice
