#include "server/message/topic_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/message/topic.h"
#include "server/route/topic_trie.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Case {
  std::string_view subscription;
  std::string_view topic;
  bool matches;
};

// The conformance table: both matchers are held to it.
constexpr Case kTable[] = {
    // Literals: case, spaces and every character count (MQTT 5.0 §4.7.3).
    {"a", "a", true},
    {"a", "A", false},
    {"a", "b", false},
    {"a", "aa", false},
    {"aa", "a", false},
    {"a/b/c", "a/b/c", true},
    {"a/b/c", "a/b", false},
    {"a/b", "a/b/c", false},
    {"a b/c", "a b/c", true},
    {"ab/c", "a b/c", false},
    // Empty levels are levels.
    {"/", "/", true},
    {"/", "//", false},
    {"/a", "/a", true},
    {"/a", "a", false},
    {"a", "/a", false},
    {"a/", "a/", true},
    {"a/", "a", false},
    {"a", "a/", false},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    {"a/+/b", "a//b", true},
    // + fills exactly one level, which may be empty (§4.7.1.3).
    {"+", "a", true},
    {"+", "/", false},
    {"+", "a/b", false},
    {"+/+", "a/b", true},
    {"+/+", "/a", true},
    {"+/+", "a/", true},
    {"+/+", "/", true},
    {"/+", "/a", true},
    {"/+", "/", true},
    {"/+", "a", false},
    {"+/", "a/", true},
    {"+/", "a", false},
    {"a/+", "a/b", true},
    {"a/+", "a/", true},
    {"a/+", "a", false},
    {"a/+", "a/b/c", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a/b/d", false},
    {"+/b/+", "a/b/c", true},
    {"+/b/+", "a/x/c", false},
    {"+/+/+", "a/b", false},
    // # fills any number of levels, also none (§4.7.1.2).
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"#", "/a", true},
    {"a/#", "a", true},
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c/d", true},
    {"a/#", "ab", false},
    {"a/#", "b/a", false},
    {"/#", "/", true},
    {"/#", "/a", true},
    {"/#", "a", false},
    {"a/b/#", "a", false},
    {"a/b/#", "a/b", true},
    {"+/#", "a", true},
    {"+/#", "a/b/c", true},
    {"+/#", "/", true},
    {"a/+/#", "a", false},
    {"a/+/#", "a/b", true},
    {"a/+/#", "a/b/c/d", true},
    {"a/+/c/#", "a/b/c", true},
    {"a/+/c/#", "a/b/d", false},
    // Topics that begin with $ are not seen by a leading wildcard (§4.7.2), only at the first level.
    {"#", "$SYS", false},
    {"#", "$SYS/broker", false},
    {"+", "$SYS", false},
    {"+/broker", "$SYS/broker", false},
    {"+/#", "$SYS/broker", false},
    {"$SYS", "$SYS", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/#", "$SYS/broker/uptime", true},
    {"$SYS/+", "$SYS/broker", true},
    {"$SYS/+/uptime", "$SYS/broker/uptime", true},
    {"$SYS/broker", "$SYS/broker", true},
    {"$", "$", true},
    {"#", "$", false},
    {"#", "a/$b", true},
    {"a/+", "a/$b", true},
    {"a/#", "a/$b/c", true},
    // Any UTF-8; compared byte by byte, never normalised (§1.5.4).
    {"Küche/+", "Küche/温度", true},
    {"+/温度", "Küche/温度", true},
    {"Küche/温度", "Küche/温度", true},
    {"Küche/#", "Kuche/温度", false},
    {"🌡/#", "🌡", true},
    {"\xC3\xA9", "e\xCC\x81", false},  // é composed, and decomposed.
    // A shared subscription matches what its filter matches (§4.8.2).
    {"$share/g/a/+", "a/b", true},
    {"$share/g/a/+", "b/a", false},
    {"$share/g/#", "a/b", true},
    {"$share/g/#", "$SYS/x", false},
    {"$share/g/$SYS/#", "$SYS/x", true},
    {"$share/g//a", "/a", true},
    {"$share/g//a", "a", false},
    {"$share/g/a", "$share/g/a", false},
};

std::string_view FilterOf(std::string_view subscription) { return ParseSubscription(subscription)->filter; }

std::vector<uint32_t> MatchIn(const TopicTrie& trie, std::string_view topic) {
  std::vector<uint32_t> values;
  trie.Match(topic, values);
  return values;
}

TEST(FilterMatches, KeepsTheTable) {
  for (const Case& c : kTable) {
    ASSERT_TRUE(ParseSubscription(c.subscription).ok()) << c.subscription;
    ASSERT_TRUE(CheckTopicName(c.topic).ok()) << c.topic;
    EXPECT_EQ(FilterMatches(FilterOf(c.subscription), c.topic), c.matches) << c.subscription << " | " << c.topic;
  }
}

TEST(TopicTrie, KeepsTheTableForAFilterAlone) {
  for (const Case& c : kTable) {
    TopicTrie trie;
    trie.Insert(FilterOf(c.subscription), 7);
    if (c.matches) {
      EXPECT_THAT(MatchIn(trie, c.topic), ElementsAre(7)) << c.subscription << " | " << c.topic;
    } else {
      EXPECT_THAT(MatchIn(trie, c.topic), IsEmpty()) << c.subscription << " | " << c.topic;
    }
  }
}

TEST(TopicTrie, KeepsTheTableForAllFiltersTogether) {
  TopicTrie trie;
  for (uint32_t i = 0; i < std::size(kTable); ++i) trie.Insert(FilterOf(kTable[i].subscription), i);
  for (const Case& topic : kTable) {
    std::vector<uint32_t> expected;
    for (uint32_t i = 0; i < std::size(kTable); ++i) {
      if (FilterMatches(FilterOf(kTable[i].subscription), topic.topic)) expected.push_back(i);
    }
    EXPECT_THAT(MatchIn(trie, topic.topic), ::testing::UnorderedElementsAreArray(expected)) << topic.topic;
  }
}

TEST(TopicTrie, GivesEachValueOfEqualFilters) {
  TopicTrie trie;
  trie.Insert("a/+", 1);
  trie.Insert("a/+", 2);
  trie.Insert("a/#", 3);
  EXPECT_THAT(MatchIn(trie, "a/b"), UnorderedElementsAre(1, 2, 3));
}

TEST(TopicTrie, TakesTopicsAndFiltersOfVeryManyLevels) {
  std::string filter = "+";
  std::string topic = "a";
  for (int i = 1; i < 32'000; ++i) {
    filter += "/+";
    topic += "/a";
  }
  TopicTrie trie;
  trie.Insert(filter, 1);
  trie.Insert("#", 2);
  EXPECT_THAT(MatchIn(trie, topic), UnorderedElementsAre(1, 2));
}

// Every text of one to three levels over `levels`.
std::vector<std::string> Texts(const std::vector<std::string>& levels) {
  std::vector<std::string> texts = levels;
  for (size_t begin = 0, round = 0; round < 2; ++round) {
    const size_t end = texts.size();
    for (; begin < end; ++begin) {
      for (const std::string& level : levels) texts.emplace_back(texts[begin]).append("/").append(level);
    }
  }
  std::erase(texts, "");
  return texts;
}

TEST(FiltersOverlap, AgreesWithEveryTopicOfASmallAlphabet) {
  std::vector<std::string> filters = Texts({"", "a", "$b", "+", "#"});
  std::erase_if(filters, [](const std::string& filter) { return !CheckTopicFilter(filter).ok(); });
  // One literal more than the filters have, and one level more, stand for all the others.
  std::vector<std::string> topics = Texts({"", "a", "$b", "x"});
  for (const std::string& topic : Texts({"a", "x"})) topics.push_back(topic + "/x/x");

  std::vector<std::vector<bool>> matches;
  for (const std::string& filter : filters) {
    std::vector<bool>& row = matches.emplace_back();
    for (const std::string& topic : topics) row.push_back(FilterMatches(filter, topic));
  }
  for (size_t a = 0; a < filters.size(); ++a) {
    for (size_t b = 0; b < filters.size(); ++b) {
      bool expected = false;
      for (size_t t = 0; t < topics.size() && !expected; ++t) expected = matches[a][t] && matches[b][t];
      ASSERT_EQ(FiltersOverlap(filters[a], filters[b]), expected) << filters[a] << " | " << filters[b];
    }
  }
}

}  // namespace
}  // namespace sluice
