#include "server/mqtt/transport/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Endpoint, KnowsTheProtocolsOfEachScheme) {
  struct {
    const char* uri;
    bool tls;
    bool websocket;
  } const cases[] = {{"tcp://broker:1", false, false},
                     {"ssl://broker:1", true, false},
                     {"ws://broker:1", false, true},
                     {"wss://broker:1", true, true}};
  for (const auto& expected : cases) {
    SCOPED_TRACE(expected.uri);
    absl::StatusOr<Endpoint> endpoint = ParseEndpoint(expected.uri);
    ASSERT_TRUE(endpoint.ok());
    EXPECT_EQ(endpoint->host, "broker");
    EXPECT_EQ(endpoint->port, 1);
    EXPECT_EQ(endpoint->tls, expected.tls);
    EXPECT_EQ(endpoint->websocket, expected.websocket);
  }
}

TEST(ServersReferredTo, AreTakenWithWhatIsNotSaidAsTheBrokersOwn) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(ServersReferredTo("other", "tcp://broker:1883"), ElementsAre("tcp://other:1883"));
  EXPECT_THAT(ServersReferredTo("b:18  [::1]:19", "ssl://a:8883"), ElementsAre("ssl://b:18", "ssl://[::1]:19"));
  EXPECT_THAT(ServersReferredTo("b", "wss://a:443/mqtt"), ElementsAre("wss://b:443/mqtt"));
  EXPECT_THAT(ServersReferredTo("mqtt://b mqtts://c", "ssl://a:8883"), ElementsAre("ssl://c:8883"))
      << "what is encrypted stays so";
  EXPECT_THAT(ServersReferredTo("not@one b:port", "tcp://a:1883"), IsEmpty());
  EXPECT_THAT(ServersReferredTo("", "tcp://a:1883"), IsEmpty());
}

TEST(Endpoint, ARootDotIsNoPartOfTheName) {
  EXPECT_EQ(WithoutRootDot("broker.example."), "broker.example");
  EXPECT_EQ(WithoutRootDot("broker.example"), "broker.example");
  EXPECT_EQ(WithoutRootDot("."), ".");
}

TEST(Endpoint, TakesTheSchemesPortWhereNoneIsWritten) {
  EXPECT_EQ(ParseEndpoint("tcp://broker")->port, 1883);
  EXPECT_EQ(ParseEndpoint("ssl://broker")->port, 8883);
  EXPECT_EQ(ParseEndpoint("ws://broker/mqtt")->port, 80);
  EXPECT_EQ(ParseEndpoint("wss://broker/mqtt")->port, 443);
}

TEST(Endpoint, TakesAnIpv6AddressOutOfItsBrackets) {
  absl::StatusOr<Endpoint> endpoint = ParseEndpoint("wss://[2001:db8::1]:9001/broker?tenant=a");
  ASSERT_TRUE(endpoint.ok());
  EXPECT_EQ(endpoint->host, "2001:db8::1");
  EXPECT_EQ(endpoint->port, 9001);
  EXPECT_EQ(endpoint->path, "/broker?tenant=a");
}

TEST(Endpoint, AsksForThePathThatBrokersServeUnlessAnotherIsWritten) {
  EXPECT_EQ(ParseEndpoint("ws://broker:9001")->path, "/mqtt");
  EXPECT_EQ(ParseEndpoint("ws://broker:9001/")->path, "/");
  EXPECT_EQ(ParseEndpoint("tcp://broker:1883")->path, "");
}

TEST(Endpoint, RefusesWhatIsNoAddress) {
  for (const char* uri : {"", "http://broker:80", "tcp://broker:0", "tcp://broker:65536", "tcp://::1:1883",
                          "tcp://[::1:1883", "tcp://broker:1883/path", "tcp://user:secret@broker:1883"}) {
    EXPECT_EQ(ParseEndpoint(uri).status().code(), absl::StatusCode::kInvalidArgument) << uri;
  }
}

}  // namespace
}  // namespace sluice
