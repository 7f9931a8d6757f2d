#include "server/admin/letter_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/deadletter/letters.h"

namespace sluice {
namespace {

using testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'100'000;

TEST(LetterProto, FiltersCountTheirAgesFromNow) {
  v1::DeadLetterFilter filter;
  filter.set_chain("c");
  filter.set_topic("a/+/b");
  filter.set_older_than_ms(1'000);
  filter.set_newer_than_ms(5'000);
  filter.set_kind(v1::DEAD_LETTER_KIND_REPLY);
  const auto out = FromProto(filter, kNow);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->chain, "c");
  EXPECT_EQ(out->topic_filter, "a/+/b");
  EXPECT_EQ(out->died_before_unix_ms, kNow - 1'000);
  EXPECT_EQ(out->died_after_unix_ms, kNow - 5'000);
  EXPECT_EQ(out->kind, StoredLetter::Kind::kReply);
}

TEST(LetterProto, AnEmptyFilterIsAll) {
  const auto out = FromProto(v1::DeadLetterFilter(), kNow);
  ASSERT_TRUE(out.ok());
  EXPECT_FALSE(out->died_before_unix_ms || out->died_after_unix_ms || out->kind);
}

TEST(LetterProto, AnAgeBeyondAllTimeIsTheBeginOfTime) {
  v1::DeadLetterFilter filter;
  filter.set_newer_than_ms(UINT64_MAX);
  EXPECT_LT(*FromProto(filter, kNow)->died_after_unix_ms, 0);
}

TEST(LetterProto, ATopicThatIsNoFilterIsRefusedWithWhatIsWrong) {
  v1::DeadLetterFilter filter;
  filter.set_topic("a/#/b");
  const auto out = FromProto(filter, kNow);
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(out.status().message()), HasSubstr("'a/#/b'"));
}

TEST(LetterProto, PageTokensComeBackAsThePositionTheyStandFor) {
  KeptLetter kept{.number = 42, .letter = MakeLetter({.died_unix_ms = -7})};
  const auto position = FromPageToken(ToPageToken(kept));
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position->died_unix_ms, -7);
  EXPECT_EQ(position->number, 42);
  EXPECT_EQ(FromPageToken("")->number, 0);
  for (const char* token : {"7", "7:", ":7", "7:8x", "x"}) {
    EXPECT_EQ(FromPageToken(token).status().code(), absl::StatusCode::kInvalidArgument) << token;
  }
}

TEST(LetterProto, TextThatIsNoUtf8IsMendedSoThatTheAnswerCanBeRead) {
  KeptLetter kept{.number = 1, .payload_bytes = 4, .letter = MakeLetter({.reason = "bad \xff byte"})};
  v1::DeadLetter out;
  ToProto(kept, out);
  EXPECT_EQ(out.reason(), "bad ? byte");
  v1::DeadLetter read;
  EXPECT_TRUE(read.ParseFromString(out.SerializeAsString()));
}

}  // namespace
}  // namespace sluice
