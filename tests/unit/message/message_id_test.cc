#include "server/message/message_id.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice {
namespace {

TEST(MessageId, IsAVersion7UuidThatCarriesItsTime) {
  std::string text = NextMessageId(0x0123456789AB).ToString();
  ASSERT_EQ(text.size(), MessageId::kTextSize);
  EXPECT_EQ(text.substr(0, 13), "01234567-89ab");
  EXPECT_EQ(text[14], '7');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
  for (size_t dash : {8u, 13u, 18u, 23u}) EXPECT_EQ(text[dash], '-');
}

TEST(MessageId, IsUniqueWithinAMillisecond) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(NextMessageId(1).ToString()).second);
}

TEST(MessageId, IsReadBackFromItsText) {
  const MessageId id = NextMessageId(1'700'000'000'000);
  EXPECT_EQ(MessageId::Parse(id.ToString()), id);
  EXPECT_EQ(MessageId::Parse("01234567-89AB-cdef-0123-456789abcdef"),
            (MessageId{.high = 0x0123456789abcdef, .low = 0x0123456789abcdef}));
}

TEST(MessageId, OtherTextIsNoId) {
  for (const char* text : {"", "0", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdef0",
                           "0123456789ab-cdef-0123-456789abcdef-", "g1234567-89ab-cdef-0123-456789abcdef"}) {
    EXPECT_EQ(MessageId::Parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice
