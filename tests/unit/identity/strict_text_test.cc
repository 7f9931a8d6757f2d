// What tokens are written in: one text, one meaning.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/identity/base64url.h"
#include "server/identity/key_set.h"
#include "tests/support/jwk.h"

namespace sluice {
namespace {

TEST(Base64Url, TakesBackWhatWasWritten) {
  for (const std::string& bytes : std::vector<std::string>{"", "a", "ab", "abc", "abcd", "\xff\xfe\x00\x01"}) {
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes);
  }
  EXPECT_EQ(DecodeBase64Url("-_8"), "\xfb\xff");
}

TEST(Base64Url, RefusesOtherWaysToWriteIt) {
  for (const char* text : {"YQ==", "YQ=", "Y Q", "YQ\n", "+/8", "Y", "YWJjZ", "YR", "YWK", "Y\xc3\xa9", "."}) {
    EXPECT_EQ(DecodeBase64Url(text), std::nullopt) << text;
  }
}

std::string KeySetError(const std::string& text) { return std::string(KeySet::Parse(text).status().message()); }

// Through the reader of key sets, which is what strangers' JSON meets first.
TEST(StrictJson, RefusesWhatReadersTakeInDifferentWays) {
  EXPECT_EQ(KeySetError(R"({"keys":[],"keys":[]})"), "names a key twice");
  EXPECT_EQ(KeySetError(R"({"keys":[{"kid":"a","kty":"EC","kid":"b"}]})"), "names a key twice");
  EXPECT_EQ(KeySetError(R"({"a":1,"\u0061":2})"), "names a key twice") << "however it is written";
  EXPECT_EQ(KeySetError(R"({"keys":[]} x)"), "is no JSON object");
  EXPECT_EQ(KeySetError(R"({"keys":[],})"), "is no JSON object");
  EXPECT_EQ(KeySetError(R"([])"), "is no JSON object");
  EXPECT_EQ(KeySetError(""), "is no JSON object");
  EXPECT_EQ(KeySetError("{\"keys\":[\"\xff\"]}"), "is no JSON object") << "no UTF-8";
  EXPECT_EQ(KeySetError(R"({"keys":[NaN]})"), "is no JSON object");
  EXPECT_EQ(KeySetError(R"({"keys":[]/**/})"), "is no JSON object");
  EXPECT_EQ(KeySetError("{\"keys\":" + std::string(40, '[') + std::string(40, ']') + "}"), "is nested too deep");
}

}  // namespace
}  // namespace sluice
