#include "server/mqtt/wire/read_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace sluice::wire {
namespace {

constexpr size_t kBlock = 1'024;
constexpr size_t kHuge = 268'435'455;

// Reads as much of `bytes` as there is space for; how much that was.
size_t Read(ReadBuffer& buffer, std::string_view bytes) {
  const size_t read = std::min(bytes.size(), buffer.Space().size());
  std::memcpy(buffer.Space().data(), bytes.data(), read);
  buffer.Commit(read);
  return read;
}

TEST(ReadBuffer, ReadsSmallPacketsIntoOneBlock) {
  ReadBuffer buffer(kBlock);
  const char* block = buffer.Space().data();
  Read(buffer, "first second");
  EXPECT_EQ(buffer.bytes(), "first second");
  buffer.Consume(6, 20);
  EXPECT_EQ(buffer.bytes(), "second");
  EXPECT_EQ(buffer.storage(), nullptr);
  buffer.Consume(6, 2);
  EXPECT_EQ(buffer.Space().data(), block);
  EXPECT_EQ(buffer.Space().size(), kBlock);
}

TEST(ReadBuffer, KeepsALargePacketInABlockOfItsOwnSize) {
  ReadBuffer buffer(kBlock);
  std::string stream;
  for (size_t i = 0; i < 3'000'000; ++i) stream += static_cast<char>(i % 251);
  const std::string packet = stream.substr(10, 2'000'000);
  size_t read = Read(buffer, stream);
  buffer.Consume(10, packet.size());
  while (buffer.bytes().size() < packet.size()) {
    const size_t got = Read(buffer, std::string_view(stream).substr(read, 50'000));
    ASSERT_GT(got, 0u);
    read += got;
    if (buffer.bytes().size() < packet.size()) buffer.Consume(0, packet.size());
  }
  EXPECT_EQ(buffer.bytes(), packet);
  std::shared_ptr<const void> kept = buffer.storage();
  ASSERT_NE(kept, nullptr);
  buffer.Consume(packet.size(), 2);
  EXPECT_EQ(buffer.storage(), nullptr);
  EXPECT_EQ(std::memcmp(kept.get(), packet.data(), packet.size()), 0);
}

TEST(ReadBuffer, AnAnnouncedPacketCostsNoMoreThanDoubleOfWhatCame) {
  ReadBuffer buffer(kBlock);
  const std::string chunk(100'000, 'x');
  size_t came = Read(buffer, "some bytes");
  buffer.Consume(0, kHuge);
  EXPECT_LE(buffer.Space().size(), 256u << 10);
  while (came < 10'000'000) {
    came += Read(buffer, chunk);
    buffer.Consume(0, kHuge);
    ASSERT_GT(buffer.Space().size(), 0u);
    ASSERT_LE(came + buffer.Space().size(), std::max(2 * came, size_t{256u << 10}));
  }
}

TEST(ReadBuffer, ForgetsALargePacketThatWillNotCome) {
  ReadBuffer buffer(kBlock);
  Read(buffer, "some bytes");
  buffer.Consume(0, kHuge);
  buffer.Clear();
  EXPECT_EQ(buffer.bytes(), "");
  EXPECT_EQ(buffer.Space().size(), kBlock);
}

}  // namespace
}  // namespace sluice::wire
