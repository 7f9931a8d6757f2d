#include "server/telemetry/json_string.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

std::string Json(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonString, AppendsToWhatIsThere) {
  std::string out = "key:";
  AppendJsonString(out, "value");
  EXPECT_EQ(out, "key:\"value\"");
}

TEST(JsonString, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(Json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Json("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(Json(std::string_view("\0\x1b\x7f", 3)), R"("\u0000\u001b\u007f")");
}

TEST(JsonString, EscapesC1ControlsBecauseTerminalsObeyThem) { EXPECT_EQ(Json("\xc2\x9b"), R"("\u009b")"); }

TEST(JsonString, LeavesWellFormedUtf8AsItIs) {
  for (std::string_view text :
       {"Grüße", "温度/陽台", "\U0001F321", "\xc2\xa0", "\xef\xbf\xbd", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(Json(text), '"' + std::string(text) + '"');
  }
}

TEST(JsonString, ReplacesEveryByteThatIsNoUtf8) {
  EXPECT_EQ(Json("a\xff"
                 "b"),
            R"("a\ufffdb")");
  EXPECT_EQ(Json("\x80"), R"("\ufffd")");
  EXPECT_EQ(Json("\xc3"), R"("\ufffd")") << "cut short";
  EXPECT_EQ(Json("\xe6\xb8"), R"("\ufffd\ufffd")") << "cut short";
  EXPECT_EQ(Json("\xf0\x9f\x8c"), R"("\ufffd\ufffd\ufffd")") << "cut short";
  EXPECT_EQ(Json("\xc3(x"), R"("\ufffd(x")") << "what follows a broken sequence is kept";
  EXPECT_EQ(Json("\xc0\x80"), R"("\ufffd\ufffd")") << "over-long";
  EXPECT_EQ(Json("\xe0\x80\x80"), R"("\ufffd\ufffd\ufffd")") << "over-long";
  EXPECT_EQ(Json("\xf0\x80\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")") << "over-long";
  EXPECT_EQ(Json("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")") << "surrogate";
  EXPECT_EQ(Json("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")") << "beyond U+10FFFF";
}

}  // namespace
}  // namespace sluice
