// The small parts under a session.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/rpc/protocol/allowance.h"
#include "server/rpc/protocol/budget.h"
#include "server/rpc/protocol/frame_meter.h"
#include "server/rpc/protocol/grpc_text.h"
#include "server/rpc/protocol/message_reader.h"
#include "server/rpc/protocol/output.h"

namespace sluice::rpc {
namespace {

TEST(GrpcText, Base64IsReadWithAndWithoutPadding) {
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 73 + size));
    std::string text = EncodeBinary(bytes);
    EXPECT_EQ(text.find('='), std::string::npos);
    std::string back;
    EXPECT_TRUE(DecodeBinary(text, &back));
    EXPECT_EQ(back, bytes);
    while (text.size() % 4 != 0) text.push_back('=');
    EXPECT_TRUE(DecodeBinary(text, &back));
    EXPECT_EQ(back, bytes);
  }
  std::string back;
  for (const char* bad : {"A", "A===", "AA=A", "A\n", "AA A"}) EXPECT_FALSE(DecodeBinary(bad, &back)) << bad;
}

TEST(GrpcText, AStatusMessageIsALegalFieldOfBoundedSize) {
  EXPECT_EQ(EncodeStatusMessage("plain text, 100%"), "plain text, 100%25");
  EXPECT_EQ(EncodeStatusMessage(" a\tb\r\n "), "%20a%09b%0D%0A%20");
  EXPECT_EQ(EncodeStatusMessage(" "), "%20");
  EXPECT_EQ(EncodeStatusMessage(""), "");
  EXPECT_EQ(EncodeStatusMessage(std::string(10'000, 'x')).size(), kLongestStatusMessage);
}

TEST(Allowance, GivesABurstAndThenTheRate) {
  SteadyTime now{std::chrono::hours(1)};
  Allowance bucket({.burst = 3, .per_second = 2}, now);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now));
  now += Millis(499);
  EXPECT_FALSE(bucket.Take(now));
  now += Millis(1);
  EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now));
  now += std::chrono::hours(100'000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now));
  bucket.Add(100);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now));
}

TEST(FrameMeter, FindsFramesHoweverTheyCome) {
  std::string bytes(kClientMagic);
  bytes += std::string("\0\0\5\1\4\0\0\0\1hello\0\0\0\4\1\0\0\0\0", 9 + 5 + 9);
  for (size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    FrameMeter meter;
    std::vector<FrameHead> heads;
    for (size_t at = 0; at < bytes.size(); at += chunk) {
      meter.Scan(std::string_view(bytes).substr(at, chunk), [&](const FrameHead& head) {
        heads.push_back(head);
        return true;
      });
    }
    ASSERT_EQ(heads.size(), 2);
    EXPECT_EQ(heads[0].length, 5);
    EXPECT_EQ(heads[0].type, 1);
    EXPECT_EQ(heads[0].flags, 4);
    EXPECT_EQ(heads[0].stream, 1);
    EXPECT_EQ(heads[1].type, 4);
    EXPECT_FALSE(meter.within_frame());
  }
  FrameMeter meter;
  EXPECT_EQ(meter.Scan(bytes, [](const FrameHead&) { return false; }), kClientMagic.size() + 9);
}

TEST(ReceiveBudget, AShareIsBoundedByItselfAndByTheWhole) {
  ReceiveBudget budget(100);
  {
    ReceiveShare one(budget, 60);
    ReceiveShare two(budget, 60);
    EXPECT_TRUE(one.Take(60));
    EXPECT_FALSE(one.Take(1));
    EXPECT_FALSE(two.Take(41));
    EXPECT_TRUE(two.Take(40));
    one.Return(10);
    EXPECT_TRUE(two.Take(10));
    EXPECT_EQ(budget.taken(), 100);
  }
  EXPECT_EQ(budget.taken(), 0);
}

TEST(MessageReader, TakesNoMemoryForWhatDidNotCome) {
  ReceiveBudget budget(1u << 30);
  ReceiveShare share(budget, 1u << 30);
  MessageReader reader(share, Packing::kNone, 1u << 30);
  const std::string begun = std::string("\0\x3f\xff\xff\xff", 5) + "abc";
  std::string_view rest = begun;
  ASSERT_TRUE(reader.Take(rest).ok());
  EXPECT_EQ(budget.taken(), 3);
  EXPECT_EQ(reader.length(), 0x3fffffff);
  EXPECT_TRUE(reader.within_message());
}

TEST(Output, GivesBackWhatWentInInAnyPortion) {
  for (const size_t portion : {1u, 3u, 1'000u, 100'000u, 1'000'000u}) {
    Output output;
    std::string expected;
    std::string sent;
    const auto shared = std::make_shared<std::string>(50'000, 's');
    std::vector<std::string_view> pieces;
    for (int round = 0; round < 5; ++round) {
      output.Copy("head");
      output.Copy(std::string(300, 'c'));
      output.Refer(*shared);
      Payload payload;
      payload.AppendShared(*shared, shared);
      output.Keep(std::move(payload));
      output.Copy("tail");
      expected += "head" + std::string(300, 'c') + *shared + "tail";
      for (int i = 0; i < 50 && !output.empty(); ++i) {
        output.Front(pieces, 2);
        size_t left = portion;
        size_t taken = 0;
        for (const std::string_view piece : pieces) {
          sent += piece.substr(0, left);
          taken += std::min(left, piece.size());
          left -= std::min(left, piece.size());
        }
        output.Sent(taken);
      }
    }
    while (!output.empty()) {
      output.Front(pieces, 1);
      sent += pieces[0];
      output.Sent(pieces[0].size());
    }
    EXPECT_TRUE(sent == expected) << portion;
    EXPECT_EQ(shared.use_count(), 1);
  }
}

}  // namespace
}  // namespace sluice::rpc
