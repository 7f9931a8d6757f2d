#include "server/mqtt/reason_codes.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ReasonCodes, NamesThemAndSaysWhatToDo) {
  EXPECT_EQ(DescribeReason(0x86), "0x86 bad user name or password: check username and password");
  EXPECT_EQ(DescribeReason(0x8E), "0x8E session taken over: another client uses the same clientId");
  EXPECT_EQ(DescribeReason(0x81), "0x81 malformed packet");
  EXPECT_EQ(ReasonText(0xA2), "wildcard subscriptions not supported");
  EXPECT_EQ(ReasonText(0x00), "success");
}

TEST(ReasonCodes, NamesEveryErrorOfTheStandard) {
  for (int code = 0x80; code <= 0xA2; ++code) {
    EXPECT_NE(ReasonText(static_cast<uint8_t>(code)), "unknown reason") << code;
  }
}

TEST(ReasonCodes, ShowsTheNumberOfAnUnknownOne) { EXPECT_EQ(DescribeReason(0xFE), "0xFE unknown reason"); }

TEST(ReasonCodes, TranslatesTheReturnCodesOfMqtt311) {
  EXPECT_EQ(DescribeReturnCode(1), "1 unsupported protocol version: set protocol to \"5\"");
  EXPECT_EQ(DescribeReturnCode(2), "2 client identifier not valid: check clientId");
  EXPECT_EQ(DescribeReturnCode(3), "3 server unavailable");
  EXPECT_EQ(DescribeReturnCode(4), "4 bad user name or password: check username and password");
  EXPECT_EQ(DescribeReturnCode(5), "5 not authorized: check the broker's permissions for this user");
  EXPECT_EQ(DescribeReturnCode(6), "6 unknown return code");
}

}  // namespace
}  // namespace sluice
