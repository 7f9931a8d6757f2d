#include "server/route/processors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/route/ordering_key.h"
#include "tests/unit/route/route_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

TEST(Processors, BecomeFlagsOfTheRoute) {
  Route route;
  EXPECT_TRUE(ApplyFromProcessor("headersToMetadata", route).ok());
  EXPECT_TRUE(route.headers_to_metadata);
  EXPECT_TRUE(ApplyFromProcessor("setJsonDataType", route).ok());
  EXPECT_EQ(route.data_type, DataType::kJson);
  EXPECT_TRUE(ApplyFromProcessor("setBinaryDataType", route).ok());
  EXPECT_EQ(route.data_type, DataType::kBinary);
  EXPECT_TRUE(ApplyFromProcessor("setTextDataType", route).ok());
  EXPECT_EQ(route.data_type, DataType::kText);
  EXPECT_TRUE(ApplyToProcessor("metadataToHeaders", route).ok());
  EXPECT_TRUE(route.metadata_to_headers);
  EXPECT_TRUE(ApplyToProcessor("responseToBody", route).ok());
}

TEST(Processors, HexIsTextUnlessALaterOneSaysOtherwise) {
  Route route;
  EXPECT_TRUE(ApplyFromProcessor("toHex", route).ok());
  EXPECT_TRUE(route.to_hex);
  EXPECT_EQ(route.data_type, DataType::kText);
  EXPECT_TRUE(ApplyFromProcessor("setJsonDataType", route).ok());
  EXPECT_EQ(route.data_type, DataType::kJson);
}

TEST(Processors, EachListedNameIsTakenOnItsSide) {
  Route route;
  for (std::string_view name : FromProcessorNames()) {
    EXPECT_TRUE(ApplyFromProcessor(name, route).ok()) << name;
    EXPECT_FALSE(ApplyToProcessor(name, route).ok()) << name;
  }
  for (std::string_view name : ToProcessorNames()) {
    EXPECT_TRUE(ApplyToProcessor(name, route).ok()) << name;
    EXPECT_FALSE(ApplyFromProcessor(name, route).ok()) << name;
  }
}

TEST(Processors, AnUnknownNameIsRefusedWithTheKnownOnes) {
  Route route;
  EXPECT_EQ(ApplyFromProcessor("tohex", route).message(),
            "unknown processor 'tohex'; there are headersToMetadata, setJsonDataType, setTextDataType, "
            "setBinaryDataType, toHex");
}

TEST(Processors, NamesThatSteerTheEngineAreNoMetadata) {
  EXPECT_TRUE(IsMetadataName("site"));
  EXPECT_TRUE(IsMetadataName("a_b"));
  EXPECT_FALSE(IsMetadataName("_debugMode"));
  EXPECT_FALSE(IsMetadataName(""));
}

TEST(HexPayload, IsUpperCaseAndLeavesTheRestAsItWas) {
  auto properties = WithExpiry(9);
  properties->response_topic = "r";
  properties->correlation_data = "c";
  MessagePtr original =
      MakeMessage({.topic = "a/b", .payload = std::string("\x00\x0F\xA0\xFF", 4), .properties = std::move(properties)});
  auto message = std::make_shared<Message>();
  message->topic = original->topic;
  message->payload = original->payload;
  message->qos = Qos::kExactlyOnce;
  message->retain = true;
  message->dup = true;
  message->properties = std::make_unique<const Properties>(*original->properties);
  message->received_unix_ms = 1'700'000'000'000;
  message->storage = original;
  const MessagePtr hex = WithHexPayload(message);
  message.reset();  // The new one keeps what it needs.
  original.reset();

  EXPECT_EQ(hex->payload, "000FA0FF");
  EXPECT_EQ(hex->topic, "a/b");
  EXPECT_EQ(hex->qos, Qos::kExactlyOnce);
  EXPECT_TRUE(hex->retain);
  EXPECT_TRUE(hex->dup);
  EXPECT_EQ(hex->received_unix_ms, 1'700'000'000'000);
  EXPECT_EQ(hex->expires(), hex->received + std::chrono::seconds(9));
  ASSERT_NE(hex->properties, nullptr);
  EXPECT_EQ(hex->properties->response_topic, "r");
  EXPECT_EQ(hex->properties->correlation_data, "c");
}

TEST(HexPayload, OfNothingIsNothing) {
  EXPECT_EQ(WithHexPayload(MakeMessage({.topic = "a", .payload = ""}))->payload, "");
}

TEST(OrderingKey, IsTheTopicOrItsLevelOrNone) {
  EXPECT_EQ(OrderingKey({}, "a/b"), "");
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kTopic, 0}, "a/b"), "a/b");
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kLevel, 1}, "a/b"), "a");
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kLevel, 2}, "a/b"), "b");
}

TEST(OrderingKey, OfATopicWithFewerLevelsIsTheTopic) {
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kLevel, 3}, "a/b"), "a/b");
}

TEST(OrderingKey, OfAnEmptyLevelIsStillAKey) {
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kLevel, 1}, "/b"), "/");
  EXPECT_EQ(OrderingKey({OrderBy::Kind::kLevel, 2}, "a//c"), "/");
}

}  // namespace
}  // namespace sluice
