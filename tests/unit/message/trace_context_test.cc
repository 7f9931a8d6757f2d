#include "server/message/trace_context.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sluice {
namespace {

constexpr char kExample[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAndWrittenAsTheSpecificationShowsIt) {
  const std::optional<TraceParent> parent = ParseTraceparent(kExample);

  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace, (TraceId{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736}));
  EXPECT_EQ(parent->span, 0x00f067aa0ba902b7u);
  EXPECT_TRUE(parent->sampled);
  EXPECT_EQ(FormatTraceparent(*parent), kExample);
}

TEST(Traceparent, SampledIsTheLastBitOfItsFlags) {
  const std::string head = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  EXPECT_FALSE(ParseTraceparent(head + "00")->sampled);
  EXPECT_FALSE(ParseTraceparent(head + "fe")->sampled);
  EXPECT_TRUE(ParseTraceparent(head + "03")->sampled);
  EXPECT_EQ(FormatTraceparent(*ParseTraceparent(head + "02")), head + "00");
}

TEST(Traceparent, OfALaterVersionItsBeginningIsRead) {
  const std::string later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_TRUE(ParseTraceparent(later));
  EXPECT_TRUE(ParseTraceparent(later + "-what-the-future-brings"));
  EXPECT_FALSE(ParseTraceparent(later + ".what"));
}

TEST(Traceparent, WhatIsNoneIsNotRead) {
  for (const char* text : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
       }) {
    EXPECT_FALSE(ParseTraceparent(text)) << text;
  }
}

TEST(Tracestate, TheGatewaysEntryStandsFirstAndOnce) {
  EXPECT_EQ(WithGatewayEntry("", 0xab), "sluice=00000000000000ab");
  EXPECT_EQ(WithGatewayEntry("a=1, sluice=00000000000000cd,b=2", 0xab), "sluice=00000000000000ab,a=1,b=2");
  EXPECT_EQ(WithGatewayEntry("sluice=00000000000000cd,b=2", 0xab, EntryOf::kReply), "sluice=r00000000000000ab,b=2");
}

TEST(Tracestate, TheGatewaysEntryNamesWhatItsSpanContinues) {
  EXPECT_EQ(GatewayEntryOf("a=1,sluice=00000000000000ab"), 0xabu);
  EXPECT_EQ(GatewayEntryOf("sluice=0000000000000000"), 0u);
  EXPECT_EQ(GatewayEntryOf("a=1"), std::nullopt);
  EXPECT_EQ(GatewayEntryOf("sluice=ab"), std::nullopt);
  EXPECT_EQ(GatewayEntryOf(""), std::nullopt);
  EXPECT_EQ(GatewayEntryOf("sluice=r00000000000000ab", EntryOf::kReply), 0xabu);
  EXPECT_EQ(GatewayEntryOf("sluice=r00000000000000ab"), std::nullopt) << "a reply's";
  EXPECT_EQ(GatewayEntryOf("sluice=00000000000000ab", EntryOf::kReply), std::nullopt) << "a message's";
}

TEST(Tracestate, KeepsToTheBoundOnItsMembers) {
  std::string many;
  for (int i = 0; i < 32; ++i) many += "k" + std::to_string(i) + "=1,";

  const std::string with = WithGatewayEntry(many, 1);
  EXPECT_EQ(std::count(with.begin(), with.end(), '='), 32);
  EXPECT_EQ(with.find("k31="), std::string::npos);
  EXPECT_EQ(WithGatewayEntry(std::string(100'000, 'x'), 1), "sluice=0000000000000001");
}

}  // namespace
}  // namespace sluice
