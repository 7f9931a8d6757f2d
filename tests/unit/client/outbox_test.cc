#include "client/cpp/src/outbox.h"

#include <gtest/gtest.h>

#include <string>

#include "client/cpp/src/frame_encoder.h"

namespace sluice::client {
namespace {

Chunk Make(const std::string& bytes, uint32_t settled = 0) {
  Chunk chunk;
  chunk.bytes.Append(bytes);
  chunk.settled = settled;
  chunk.settled_bytes = uint64_t{settled} * 10;
  return chunk;
}

std::string Content(const Outbox::Frame& frame) {
  std::string content;
  for (const Bytes& piece : frame.pieces) content += piece.view();
  return content;
}

TEST(OutboxTest, GathersSmallChunksIntoOnePieceInOrder) {
  Outbox outbox;
  for (const char* text : {"a", "bc", "d"}) {
    Chunk chunk = Make(text, 1);
    outbox.Append(chunk);
    EXPECT_TRUE(chunk.bytes.empty());
    EXPECT_EQ(chunk.settled, 0U);
  }
  EXPECT_EQ(outbox.size(), 4U);
  const Outbox::Frame frame = outbox.Take(1000);
  EXPECT_EQ(frame.pieces.size(), 1U);
  EXPECT_EQ(Content(frame), "abcd");
  EXPECT_EQ(frame.settled, 3U);
  EXPECT_EQ(frame.settled_bytes, 30U);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.size(), 0U);
}

TEST(OutboxTest, MovesLargeChunksWithoutACopy) {
  Outbox outbox;
  Chunk small = Make("small");
  outbox.Append(small);
  Chunk large = Make(std::string(100'000, 'x'));
  const char* memory = large.bytes.view().data();
  outbox.Append(large);
  const Outbox::Frame frame = outbox.Take(1 << 20);
  ASSERT_EQ(frame.pieces.size(), 2U);
  EXPECT_EQ(frame.pieces[1].view().data(), memory);
}

TEST(OutboxTest, FillsAFrameUpToTheLimit) {
  Outbox outbox;
  for (int i = 0; i < 3; ++i) {
    Chunk chunk = Make(std::string(10'000, static_cast<char>('a' + i)), 1);
    outbox.Append(chunk);
  }
  EXPECT_EQ(Content(outbox.Take(25'000)).size(), 20'000U);
  EXPECT_EQ(outbox.size(), 10'000U);
  EXPECT_EQ(Content(outbox.Take(25'000)), std::string(10'000, 'c'));
}

TEST(OutboxTest, SendsOneChunkEvenOverTheLimit) {
  Outbox outbox;
  Chunk chunk = Make(std::string(10'000, 'x'));
  outbox.Append(chunk);
  EXPECT_EQ(Content(outbox.Take(100)).size(), 10'000U);
}

TEST(OutboxTest, HoldsNoMoreItemsToAFrameThanTheGatewayTakes) {
  Outbox outbox;
  for (const char* text : {"a", "b", "c"}) {
    Chunk chunk = Make(text, 1);
    chunk.items = kMaxFrameItems / 2;
    outbox.Append(chunk);
    EXPECT_EQ(chunk.items, 0U);
  }
  EXPECT_EQ(Content(outbox.Take(1000)), "ab");
  EXPECT_EQ(Content(outbox.Take(1000)), "c");

  for (const std::string& text : {std::string(10'000, 'a'), std::string(10'000, 'b')}) {
    Chunk chunk = Make(text);
    chunk.items = kMaxFrameItems;
    outbox.Append(chunk);
  }
  EXPECT_EQ(Content(outbox.Take(100'000)).size(), 10'000U);
}

TEST(OutboxTest, EndsAFrameWhereAChunkAsksForIt) {
  Outbox outbox;
  Chunk first = Make("drain");
  first.ends_frame = true;
  outbox.Append(first);
  Chunk second = Make("ping");
  outbox.Append(second);
  EXPECT_EQ(Content(outbox.Take(1000)), "drain");
  EXPECT_EQ(Content(outbox.Take(1000)), "ping");
}

}  // namespace
}  // namespace sluice::client
