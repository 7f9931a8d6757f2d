#include "server/mqtt/packet_size.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

OutboundMessage Of(size_t topic, size_t payload, Qos qos) {
  OutboundMessage message;
  message.topic = std::string(topic, 't');
  message.payload = std::string(payload, 'p');
  message.qos = qos;
  return message;
}

TEST(PacketSize, CountsHeaderTopicIdentifierAndPayload) {
  EXPECT_EQ(PublishPacketBytes(Of(3, 5, Qos::kAtMostOnce), false), 2u + 2 + 3 + 5);
  EXPECT_EQ(PublishPacketBytes(Of(3, 5, Qos::kAtLeastOnce), false), 2u + 2 + 3 + 2 + 5);
  EXPECT_EQ(PublishPacketBytes(Of(3, 5, Qos::kExactlyOnce), true), 2u + 2 + 3 + 2 + 1 + 5);
}

TEST(PacketSize, GrowsWithTheRemainingLengthsOwnLength) {
  EXPECT_EQ(PublishPacketBytes(Of(1, 124, Qos::kAtMostOnce), false), 2u + 127);
  EXPECT_EQ(PublishPacketBytes(Of(1, 125, Qos::kAtMostOnce), false), 3u + 128);
  EXPECT_EQ(PublishPacketBytes(Of(1, 16'380, Qos::kAtMostOnce), false), 3u + 16'383);
  EXPECT_EQ(PublishPacketBytes(Of(1, 16'381, Qos::kAtMostOnce), false), 4u + 16'384);
  EXPECT_EQ(PublishPacketBytes(Of(1, 2'097'149, Qos::kAtMostOnce), false), 5u + 2'097'152);
}

TEST(PacketSize, CountsPropertiesWithMqtt5Only) {
  OutboundMessage message = Of(1, 1, Qos::kAtMostOnce);
  auto properties = std::make_unique<Properties>();
  properties->content_type = "ab";     // 3 + 2
  properties->response_topic = "abc";  // 3 + 3
  properties->correlation_data = "";   // 3
  properties->expiry_s = 1;            // 5
  properties->user = {{"k", "v"}};     // 1 + 2 + 1 + 2 + 1
  message.properties = std::move(properties);
  EXPECT_EQ(PublishPacketBytes(message, false), 2u + 4);
  EXPECT_EQ(PublishPacketBytes(message, true), 2u + 4 + 1 + 5 + 6 + 3 + 5 + 7);
}

}  // namespace
}  // namespace sluice
