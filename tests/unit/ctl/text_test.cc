#include "client/cpp/ctl/text.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(CtlText, WhatWouldSteerATerminalIsEscaped) {
  EXPECT_EQ(Printable("plant/ä/€"), "plant/ä/€");
  EXPECT_EQ(Printable("a\x1b[31mb\n\t\x7f"), "a\\x1b[31mb\\n\\t\\x7f");
  EXPECT_EQ(Printable("a\xc2\x9b"
                      "b"),
            "a\\x9bb")
      << "C1 as UTF-8";
  EXPECT_EQ(Printable("a\xff"), "a?");
}

TEST(CtlText, IsCutBetweenCharacters) {
  EXPECT_EQ(Printable("äöü", 3), "äöü");
  EXPECT_EQ(Printable("äöü", 2), "äö…");
}

TEST(CtlText, AgesHaveTheirTwoLargestUnits) {
  EXPECT_EQ(Age(999), "0s");
  EXPECT_EQ(Age(59'999), "59s");
  EXPECT_EQ(Age(192'000), "3m12s");
  EXPECT_EQ(Age(7'500'000), "2h05m");
  EXPECT_EQ(Age(273'600'000), "3d04h");
}

TEST(CtlText, Numbers) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(1'023), "1023 B");
  EXPECT_EQ(Bytes(1'536), "1.5 KiB");
  EXPECT_EQ(Bytes(64u << 20), "64.0 MiB");
  EXPECT_EQ(Count(1, "dead letter"), "1 dead letter");
  EXPECT_EQ(Count(0, "dead letter"), "0 dead letters");
  EXPECT_EQ(UtcTime(1'700'000'000'999), "2023-11-14T22:13:20Z");
}

TEST(CtlText, APayloadThatIsTextIsShownAsText) {
  EXPECT_EQ(Payload("{\"t\":\t21}", 9, 100), "{\"t\":\t21}\n");
  EXPECT_EQ(Payload("äöü", 6, 3), "ä\n… (4 more bytes: --full)\n");
  EXPECT_EQ(Payload("", 0, 100), "");
}

TEST(CtlText, AnotherPayloadAsHexadecimal) {
  EXPECT_EQ(Payload(std::string_view("A\0\xff", 3), 3, 100),
            "00000000  41 00 ff                                         A..\n");
  EXPECT_EQ(Payload("\x1b[2J", 4, 2),
            "00000000  1b 5b                                            .[\n… (2 more bytes: --full)\n");
}

TEST(CtlText, ATablesColumnsAreAsWideAsTheirCells) {
  Table table({"A", "LONG", "C"});
  table.Add({"ää", "b", "c"});
  EXPECT_EQ(table.ToString(), "A   LONG  C\nää  b     c\n");
}

TEST(CtlText, ATimeOfDayHasMillisecondsOrMicroseconds) {
  constexpr int64_t kUnixUs = 1'763'842'410'118'402;
  EXPECT_EQ(TimeOfDay(kUnixUs, /*micros=*/false), "20:13:30.118");
  EXPECT_EQ(TimeOfDay(kUnixUs, /*micros=*/true), "20:13:30.118402");
}

TEST(CtlText, ValuesOfTheProtosAreWords) {
  EXPECT_EQ(EnumWords("TRACE_STEP_KIND_LEASE_ENDED", "TRACE_STEP_KIND_"), "lease ended");
  EXPECT_EQ(EnumWords("PASSING_STEP_DIED", "PASSING_STEP_"), "died");
  EXPECT_EQ(EnumWords("", "PASSING_STEP_"), "?") << "a newer gateway's";
}

}  // namespace
}  // namespace sluice::ctl
