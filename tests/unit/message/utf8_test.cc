#include "server/message/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(Utf8, TakesWhatIsWellFormed) {
  for (const char* text : {"", "a", "plant/1/temperature", "Füllstand/größer/€/日本/𝄞", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
}

TEST(Utf8, RefusesWhatIsNot) {
  for (const char* text : {"\x80", "a\xFF", "12345678\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80",
                           "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xE2\x28\xA1"}) {
    EXPECT_FALSE(IsUtf8(text)) << testing::PrintToString(std::string(text));
  }
}

TEST(Utf8, MendsOnlyTheBadBytes) {
  std::string text = "gr\xC3\xB6\xC3\x9F\xFF er \xE2\x82 \xF0\x9D\x84\x9E\x80";
  MendUtf8(text.data(), text.size());
  EXPECT_EQ(text, "größ? er ?? 𝄞?");
  EXPECT_TRUE(IsUtf8(text));
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(CutUtf8("größer", 3), "gr");
  EXPECT_EQ(CutUtf8("größer", 4), "grö");
  EXPECT_EQ(CutUtf8("größer", 100), "größer");
  EXPECT_EQ(CutUtf8("\x80\x80\x80", 2), "");
}

}  // namespace
}  // namespace sluice
