// From a name to a connection: look-up, addresses in turn, and the time that all of it may take.
#include <netdb.h>

#include <optional>

#include "tests/integration/mqtt/fake_names.h"
#include "tests/integration/mqtt/transport_fixture.h"
#include "tests/support/free_port.h"
#include "tests/support/raw_server.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Millis kShort{200};  // For what ends by running out of time.

std::string PortText(uint16_t port) { return ":" + std::to_string(port); }

MqttOptions WithTimeout(const std::string& uri, Millis timeout) {
  MqttOptions options = OptionsFor(uri);
  options.connect_timeout = timeout;
  return options;
}

TEST(TransportConnect, ConnectsToAnIpv6Address) {
  std::optional<RawServer> server;
  try {
    server.emplace(RawServer::Options{.address = "::1"});
  } catch (const std::system_error&) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  TestTransport transport(server->uri());
  EXPECT_EQ(Text(transport.Open()), "OK");
}

TEST(TransportConnect, SaysWhereNothingListens) {
  const uint16_t port = FreePort();
  TestTransport transport("tcp://127.0.0.1" + PortText(port));
  const absl::Status status = transport.Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Text(status), "127.0.0.1" + PortText(port) + ": connection refused: nothing listens there");
}

TEST(TransportConnect, SaysWhichAddressOfANameRefused) {
  FakeName name("broker.example", {"127.0.0.1"});
  const std::string port = PortText(FreePort());
  TestTransport transport("tcp://broker.example" + port);
  EXPECT_EQ(Text(transport.Open()),
            "broker.example (127.0.0.1" + port + "): connection refused: nothing listens there");
}

TEST(TransportConnect, GivesUpWhenNobodyAnswersInTime) {
  RawServer server;
  server.SwallowRequests();
  TestTransport transport(WithTimeout(server.uri(), kShort));
  const absl::Status status = transport.Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Text(status), AllOf(StartsWith("127.0.0.1"), HasSubstr("no answer"), HasSubstr("connectTimeout")));
}

TEST(TransportConnect, SaysThatThereIsNoSuchHost) {
  FakeName name("broker.example", EAI_NONAME);
  TestTransport transport("tcp://broker.example:1883");
  EXPECT_EQ(Text(transport.Open()), "broker.example: no such host");
}

TEST(TransportConnect, SaysThatNoNameServerAnswers) {
  FakeName name("broker.example", EAI_AGAIN);
  TestTransport transport("tcp://broker.example:1883");
  EXPECT_EQ(Text(transport.Open()), "broker.example: the name cannot be looked up: no name server answers");
}

TEST(TransportConnect, GivesUpOnALookUpThatTakesTooLong) {
  FakeName name("broker.example", {"127.0.0.1"});
  name.Block();
  TestTransport transport(WithTimeout("tcp://broker.example:1883", kShort));
  const absl::Status status = transport.Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Text(status), StartsWith("broker.example: no answer to the look-up of the name in time"));
  name.Release();
}

TEST(TransportConnect, CanBeLeftBehindWithinALookUp) {
  FakeName name("broker.example", {"127.0.0.1"});
  name.Block();
  auto owner = std::make_shared<int>();
  std::weak_ptr<int> watched = owner;
  std::atomic<bool> done = false;
  {
    EventLoop loop("test-transport");
    std::unique_ptr<Transport> transport = MakeTransport(loop, OptionsFor("tcp://broker.example:1883"));
    loop.Start(std::move(owner));
    Outcome<bool> started;
    loop.Post([&] {
      transport->Open([&done](const absl::Status&) { done = true; });
      started.Set(true);
    });
    started.Get();
    ASSERT_TRUE(Eventually([&] { return name.Blocks(); }));
    EXPECT_FALSE(loop.Stop(Clock::Real().Now() + Millis{10}));
    transport.reset();
  }
  EXPECT_FALSE(watched.expired());
  name.Release();
  EXPECT_TRUE(Eventually([&] { return watched.expired(); }));
  EXPECT_FALSE(done);
}

TEST(TransportConnect, TriesTheNextAddressWhenOneRefuses) {
  RawServer server({.address = "127.0.0.2"});
  FakeName name("broker.example", {"127.0.0.1", "127.0.0.2"});
  TestTransport transport("tcp://broker.example" + PortText(server.port()));
  EXPECT_EQ(Text(transport.Open()), "OK");
}

TEST(TransportConnect, TriesTheNextAddressWhenTheMachineHasNoRouteToOne) {
  RawServer server;
  // Multicast: no TCP goes there.
  FakeName name("broker.example", {"224.0.0.1", "127.0.0.1"});
  TestTransport transport("tcp://broker.example" + PortText(server.port()));
  EXPECT_EQ(Text(transport.Open()), "OK");
}

TEST(TransportConnect, KeepsTimeForTheNextAddressWhenOneDoesNotAnswer) {
  RawServer silent;
  RawServer server({.address = "127.0.0.2", .port = silent.port()});
  silent.SwallowRequests();
  FakeName name("broker.example", {"127.0.0.1", "127.0.0.2"});
  TestTransport transport(WithTimeout("tcp://broker.example" + PortText(server.port()), Millis{2'000}));
  EXPECT_EQ(Text(transport.Open()), "OK");
}

TEST(TransportConnect, SaysHowManyAddressesItHasTried) {
  FakeName name("broker.example", {"127.0.0.1", "127.0.0.2", "127.0.0.3"});
  const std::string port = PortText(FreePort());
  TestTransport transport("tcp://broker.example" + port);
  EXPECT_EQ(Text(transport.Open()), "broker.example (127.0.0.3" + port +
                                        "): connection refused: nothing listens there; tried 3 addresses of the host, "
                                        "this is the last");
}

TEST(TransportConnect, ReportsAnAddressThatIsNone) {
  TestTransport transport("tcp://::1:1883");
  const absl::Status status = transport.Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Text(status), HasSubstr("brackets"));
}

// What is to be answered within the handshake, for a server that accepts connections and never says anything.
class TransportHandshake : public testing::TestWithParam<std::pair<const char*, const char*>> {};
INSTANTIATE_TEST_SUITE_P(Schemes, TransportHandshake,
                         testing::Values(std::pair("ssl", "TLS handshake"), std::pair("ws", "WebSocket handshake"),
                                         std::pair("wss", "TLS handshake")),
                         [](const auto& scheme) { return scheme.param.first; });

TEST_P(TransportHandshake, CountsForTheTimeToo) {
  const auto [scheme, handshake] = GetParam();
  RawServer server;
  TestTransport transport(WithTimeout(server.uri(scheme), kShort));
  const absl::Status status = transport.Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Text(status), "127.0.0.1" + PortText(server.port()) + ": connected, but no answer to the " + handshake +
                              " in time (connectTimeout): is it the right port?");
  RawPeer peer = server.Accept();
  EXPECT_FALSE(peer.ReceiveUntil("nothing ends like this").empty()) << "and the connection is closed";
}

TEST_P(TransportHandshake, CanBeDestroyedWithin) {
  RawServer server;
  TestTransport transport(server.uri(GetParam().first));
  Outcome<absl::Status> opened = transport.StartOpen();
  RawPeer peer = server.Accept();
  EXPECT_EQ(peer.Receive(1).size(), 1u);
  transport.Destroy();
  peer.ReceiveUntil("nothing ends like this");
  EXPECT_TRUE(peer.AtEnd());
  EXPECT_FALSE(opened.there());
}

TEST_P(TransportHandshake, CanBeClosedWithin) {
  RawServer server;
  TestTransport transport(server.uri(GetParam().first));
  Outcome<absl::Status> opened = transport.StartOpen();
  RawPeer peer = server.Accept();
  EXPECT_EQ(peer.Receive(1).size(), 1u);
  EXPECT_EQ(Text(transport.Close()), "OK");
  EXPECT_EQ(opened.Get().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice
