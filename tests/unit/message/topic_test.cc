#include "server/message/topic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

using ::testing::HasSubstr;
using namespace std::string_view_literals;

// absl::string_view is a type of its own in Debian's Abseil.
std::string Why(const absl::Status& status) { return std::string(status.message()); }

// Each is put at every offset of an ASCII text, so that the fast path, its tail and the slow path all see it.
void ExpectAtEveryOffset(std::string_view sequence, bool valid) {
  for (size_t before = 0; before < 20; ++before) {
    for (size_t after : {0u, 1u, 9u}) {
      std::string text = std::string(before, 'x') + std::string(sequence) + std::string(after, 'y');
      EXPECT_EQ(CheckMqttString(text).ok(), valid) << before << " " << after;
      EXPECT_EQ(CheckTopicName(text).ok(), valid) << before << " " << after;
      EXPECT_EQ(CheckTopicFilter(text).ok(), valid) << before << " " << after;
    }
  }
}

TEST(MqttString, TakesEveryLengthOfWellFormedSequence) {
  for (std::string_view text : {"a"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
                                "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv, "Küche/温度/🌡"sv}) {
    ExpectAtEveryOffset(text, true);
  }
}

TEST(MqttString, TakesControlCharactersAndTheByteOrderMark) {
  for (std::string_view text : {"\x01"sv, "\x7F"sv, "\xC2\x85"sv, "\xEF\xBB\xBF"sv}) ExpectAtEveryOffset(text, true);
}

TEST(MqttString, RefusesWhatIsNotUtf8) {
  for (std::string_view text : {
           "\x80"sv,
           "\xBF"sv,  // A continuation byte alone.
           "\xC0\x80"sv,
           "\xC1\xBF"sv,  // Overlong, two bytes.
           "\xE0\x80\x80"sv,
           "\xE0\x9F\xBF"sv,  // Overlong, three bytes.
           "\xF0\x80\x80\x80"sv,
           "\xF0\x8F\xBF\xBF"sv,  // Overlong, four bytes.
           "\xED\xA0\x80"sv,
           "\xED\xBF\xBF"sv,  // Surrogates.
           "\xF4\x90\x80\x80"sv,
           "\xF5\x80\x80\x80"sv,  // Above U+10FFFF.
           "\xFE"sv,
           "\xFF"sv,  // Never in UTF-8.
           "\xC2"sv,
           "\xE2\x82"sv,
           "\xF0\x9F\x8C"sv,  // Cut off.
           "\xC2\xC2"sv,
           "\xE2\x82z"sv,  // Not continued.
       }) {
    ExpectAtEveryOffset(text, false);
  }
}

TEST(MqttString, RefusesTheNullCharacter) { ExpectAtEveryOffset("\0"sv, false); }

TEST(MqttString, EndsAt65535Bytes) {
  EXPECT_TRUE(CheckMqttString(std::string(65'535, 'a')).ok());
  EXPECT_FALSE(CheckMqttString(std::string(65'536, 'a')).ok());
  EXPECT_TRUE(CheckMqttString("").ok());
}

TEST(TopicName, TakesAnyLevels) {
  for (std::string_view topic : {"a", "/", "//", "/a", "a/", "a b/c", "$SYS/x", "$share/g/x", "plant/7/temp"}) {
    EXPECT_TRUE(CheckTopicName(topic).ok()) << topic;
  }
}

TEST(TopicName, IsNotEmptyNorLongerThanMqttCanCarry) {
  EXPECT_THAT(Why(CheckTopicName("")), HasSubstr("is empty"));
  EXPECT_TRUE(CheckTopicName(std::string(65'535, 'a')).ok());
  EXPECT_THAT(Why(CheckTopicName(std::string(65'536, 'a'))), HasSubstr("65536 bytes"));
}

TEST(TopicName, HasNoWildcardAnywhere) {
  ExpectAtEveryOffset("a", true);
  for (char wildcard : {'+', '#'}) {
    for (size_t at = 0; at < 20; ++at) {
      std::string topic(20, 'a');
      topic[at] = wildcard;
      EXPECT_FALSE(CheckTopicName(topic).ok()) << topic;
    }
  }
}

TEST(TopicName, RefusalSaysWhatIsWrongAndWhere) {
  EXPECT_EQ(Why(CheckTopicName("a/b/#")), "has the wildcard '#' at byte 5");
  EXPECT_EQ(Why(CheckTopicName("+/b")), "has the wildcard '+' at byte 1");
  EXPECT_EQ(Why(CheckTopicName("ab\xFF")), "is not valid UTF-8 at byte 3");
  EXPECT_EQ(Why(CheckTopicName("a\0b"sv)), "has U+0000 at byte 2");
}

TEST(TopicFilter, TakesWildcardsThatFillALevel) {
  for (std::string_view filter :
       {"#", "+", "/", "+/+", "/+", "+/", "a/#", "a/+/b", "/#", "//#", "+/#", "$SYS/#", "a//b", "ü/+"}) {
    EXPECT_TRUE(CheckTopicFilter(filter).ok()) << filter;
  }
}

TEST(TopicFilter, RefusesWildcardsAmongOtherCharacters) {
  for (std::string_view filter : {"a+", "+a", "a/+b", "a/b+", "++", "a/++/b", "a#", "a/b#", "##", "+#", "#+", "a/#b",
                                  "#/a", "a/#/b", "#/", "a/#/"}) {
    EXPECT_FALSE(CheckTopicFilter(filter).ok()) << filter;
  }
}

TEST(TopicFilter, RefusalSaysWhatIsWrongAndWhere) {
  EXPECT_EQ(Why(CheckTopicFilter("")), "is empty");
  EXPECT_EQ(Why(CheckTopicFilter("a/b+")), "has a '+' that does not fill a whole level at byte 4");
  EXPECT_EQ(Why(CheckTopicFilter("a/b#")), "has a '#' that does not fill a whole level at byte 4");
  EXPECT_EQ(Why(CheckTopicFilter("a/#/b")), "has a '#' that is not its last level at byte 3");
}

TEST(Subscription, IsAFilterOrAGroupAndAFilter) {
  auto plain = ParseSubscription("a/+/#");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->share, "");
  EXPECT_EQ(plain->filter, "a/+/#");

  auto shared = ParseSubscription("$share/sluice/a/+/#");
  ASSERT_TRUE(shared.ok());
  EXPECT_EQ(shared->share, "sluice");
  EXPECT_EQ(shared->filter, "a/+/#");

  // The filter of a share may begin with a slash, or with a dollar.
  EXPECT_EQ(ParseSubscription("$share/g//a")->filter, "/a");
  EXPECT_EQ(ParseSubscription("$share/g/$SYS/#")->filter, "$SYS/#");
}

TEST(Subscription, NamesThatOnlyResembleAShareArePlainFilters) {
  for (std::string_view text : {"$share", "$shared/g/a", "$SHARE/g/a", "x/$share/g/a"}) {
    auto parsed = ParseSubscription(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->share, "");
    EXPECT_EQ(parsed->filter, text);
  }
}

TEST(Subscription, RefusesAnIncompleteShare) {
  for (std::string_view text : {"$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#",
                                "$share/g#/a", "$share/g/a/#/b", "$share/g\xFF/a", "a/#/b", ""}) {
    EXPECT_FALSE(ParseSubscription(text).ok()) << text;
  }
  EXPECT_THAT(Why(ParseSubscription("$share/g").status()), HasSubstr("no filter"));
  EXPECT_THAT(Why(ParseSubscription("$share/a+/b").status()), HasSubstr("share name that has a '+'"));
}

TEST(Subscription, CountsThePrefixTowardsItsLength) {
  std::string filter(65'535 - std::string_view("$share/g/").size(), 'a');
  EXPECT_TRUE(ParseSubscription("$share/g/" + filter).ok());
  EXPECT_FALSE(ParseSubscription("$share/g/" + filter + "a").ok());
}

TEST(TopicLevels, CountFromOneAndMayBeEmpty) {
  EXPECT_EQ(TopicLevel("plant/7/temp", 1), "plant");
  EXPECT_EQ(TopicLevel("plant/7/temp", 2), "7");
  EXPECT_EQ(TopicLevel("plant/7/temp", 3), "temp");
  EXPECT_EQ(TopicLevel("plant/7/temp", 4), std::nullopt);
  EXPECT_EQ(TopicLevel("plant", 0), std::nullopt);
  EXPECT_EQ(TopicLevel("/a/", 1), "");
  EXPECT_EQ(TopicLevel("/a/", 2), "a");
  EXPECT_EQ(TopicLevel("/a/", 3), "");
  EXPECT_EQ(TopicLevel("/a/", 4), std::nullopt);
}

TEST(CheckNoControlCharacters, RefusesWhatABrokerMayRefuse) {
  for (const std::string_view text :
       {"a/\x01", "\x1F", "long enough for words\tand more", "\x7F", "\xC2\x80", "a\xC2\x9F", "\xEF\xBF\xBE",
        "\xEF\xBF\xBF", "\xEF\xB7\x90", "\xEF\xB7\xAF", "\xF0\x9F\xBF\xBF", "\xF4\x8F\xBF\xBE"}) {
    EXPECT_FALSE(CheckNoControlCharacters(text).ok()) << testing::PrintToString(text);
  }
  EXPECT_EQ(CheckNoControlCharacters("out/\x01").message(), "has a control character at byte 5");
  EXPECT_EQ(CheckNoControlCharacters("a\xEF\xBF\xBF").message(), "has a non-character of Unicode at byte 2");
}

TEST(CheckNoControlCharacters, TakesTheRest) {
  for (const std::string_view text : {"", " ", "~", "plant/boiler/temp", "Anlage/Öl/温度", "\xC2\xA0", "\xEF\xBF\xBD",
                                      "\xEF\xB7\x8F", "\xEF\xBB\xBF", "\xF0\x9F\x94\xA5", "\xF4\x8F\xBF\xBD"}) {
    EXPECT_TRUE(CheckNoControlCharacters(text).ok()) << text;
  }
}

}  // namespace
}  // namespace sluice
