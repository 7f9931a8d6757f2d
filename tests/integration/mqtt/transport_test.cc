// Bytes over TCP: what reads, writes, the good-bye and the end promise.
#include "server/mqtt/transport/transport.h"

#include <sys/socket.h>

#include "tests/integration/mqtt/stack_peer.h"
#include "tests/integration/mqtt/transport_fixture.h"
#include "tests/support/free_port.h"
#include "tests/support/raw_server.h"

namespace sluice {
namespace {

using testing::StartsWith;

// Far more than the buffers of two sockets hold.
constexpr size_t kLarge = 12u << 20;

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

// Made once: it takes a tenth of a second.
struct Certificates {
  CertificateAuthority authority;
  CertificateFiles server = authority.Server();

  static const Certificates& Get() {
    static const Certificates certificates;
    return certificates;
  }
};

// Connected to a peer of the test, over each of the schemes.
class TransportTest : public testing::TestWithParam<const char*> {
 protected:
  TransportTest() {
    Outcome<absl::Status> opened = transport.StartOpen();
    peer = ServeStack(GetParam(), server.Accept(), Certificates::Get().server);
    EXPECT_EQ(Text(opened.Get()), "OK");
  }

  MqttOptions Options() {
    MqttOptions options = OptionsFor(server.uri(GetParam()));
    options.tls.ca_file = Certificates::Get().authority.ca_file();
    return options;
  }

  // TLS takes an end before the first word from the broker for a sign that it wants a certificate.
  void HearSomething() {
    if (GetParam() != std::string("ssl")) return;
    peer->Send("x");
    EXPECT_EQ(transport.ReadExactly(1), "x");
  }

  RawServer server;
  TestTransport transport{Options()};
  std::unique_ptr<StackPeer> peer;
};

std::string SchemeName(const testing::TestParamInfo<const char*>& scheme) { return scheme.param; }
INSTANTIATE_TEST_SUITE_P(Schemes, TransportTest, testing::Values("tcp", "ssl", "ws", "wss"), SchemeName);

TEST_P(TransportTest, CarriesBytesBothWays) {
  EXPECT_EQ(Text(transport.Write("from the client")), "OK");
  EXPECT_EQ(peer->Receive(15), "from the client");
  peer->Send("from the server");
  EXPECT_EQ(transport.ReadExactly(15), "from the server");
}

TEST_P(TransportTest, ReadsWhatThereIsUpToTheBuffersSize) {
  peer->Send("0123456789");
  EXPECT_EQ(transport.ReadExactly(1), "0");
  // All has arrived with the first byte.
  EXPECT_EQ(transport.Read(4).bytes, "1234");
  EXPECT_EQ(transport.Read(100).bytes, "56789");
}

TEST_P(TransportTest, NeverCompletesWithinTheCallThatAsked) {
  peer->Send("here already");
  Outcome<bool> read;
  Outcome<bool> written;
  std::string buffer(4, '\0');
  transport.Run([&] {
    transport->Read(buffer, [read](const absl::Status&, size_t) mutable { read.Set(true); });
    transport->Write("x", [written](const absl::Status&) mutable { written.Set(true); });
    EXPECT_FALSE(read.there());
    EXPECT_FALSE(written.there());
  });
  read.Get();
  written.Get();
}

TEST_P(TransportTest, WritesAllToAPeerThatReadsSlowly) {
  const std::string bytes = Pattern(kLarge);
  Outcome<absl::Status> written = transport.StartWrite(bytes);
  const std::string start = peer->Receive(1'000'000);
  EXPECT_FALSE(written.there());
  EXPECT_TRUE(start + peer->Receive(kLarge - start.size()) == bytes);
  EXPECT_EQ(Text(written.Get()), "OK");
}

TEST_P(TransportTest, ReadsWhileAWriteWaits) {
  const std::string bytes = Pattern(kLarge);
  Outcome<absl::Status> written = transport.StartWrite(bytes);
  peer->Send("hello");
  EXPECT_EQ(transport.ReadExactly(5), "hello");
  EXPECT_FALSE(written.there());
  EXPECT_TRUE(peer->Receive(kLarge) == bytes);
  EXPECT_EQ(Text(written.Get()), "OK");
}

TEST_P(TransportTest, TriesToWriteFromAnyThreadAndLeavesTheRest) {
  const std::string bytes = Pattern(kLarge);
  size_t written = 0;
  while (size_t more = transport->TryWrite(std::string_view(bytes).substr(written))) written += more;
  EXPECT_EQ(written > 0, GetParam() == std::string("tcp"));
  EXPECT_LT(written, kLarge);
  Outcome<absl::Status> rest = transport.StartWrite(std::string_view(bytes).substr(written));
  EXPECT_TRUE(peer->Receive(kLarge) == bytes);
  EXPECT_EQ(Text(rest.Get()), "OK");
}

TEST_P(TransportTest, SaysThatTheBrokerClosed) {
  Outcome<ReadOutcome> read = transport.StartRead();
  peer->Close();
  EXPECT_EQ(read.Get().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Text(read.Get().status), StartsWith("closed by the broker"));
}

TEST_P(TransportTest, SaysThatTheBrokerClosedWithoutAGoodbye) {
  HearSomething();
  Outcome<ReadOutcome> read = transport.StartRead();
  peer->raw().Close();
  EXPECT_EQ(read.Get().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Text(read.Get().status), "closed by the broker");
}

TEST_P(TransportTest, SaysThatTheBrokerReset) {
  HearSomething();
  Outcome<ReadOutcome> read = transport.StartRead();
  peer->raw().Reset();
  EXPECT_EQ(read.Get().status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Text(read.Get().status), "connection reset by the broker");
  EXPECT_EQ(transport.Write("x").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(transport->TryWrite("x"), 0u);
}

TEST_P(TransportTest, SaysThatAWriteFailed) {
  const std::string bytes = Pattern(kLarge);
  Outcome<absl::Status> written = transport.StartWrite(bytes);
  peer->Receive(1);
  peer->raw().Reset();
  EXPECT_EQ(written.Get().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Text(transport.Close()), "OK");
}

TEST_P(TransportTest, ClosesPolitely) {
  Outcome<absl::Status> closed = transport.StartClose();
  EXPECT_TRUE(peer->ReceivesGoodbye());
  EXPECT_FALSE(closed.there()) << "waits for the broker to close, too";
  peer->Close();
  EXPECT_EQ(Text(closed.Get()), "OK");
}

TEST_P(TransportTest, LosesNothingThatWasWrittenBeforeItClosesThoughMuchIsUnread) {
  peer->Send(std::string(100'000, 'x'));
  EXPECT_EQ(Text(transport.Write("the last words")), "OK");
  Outcome<absl::Status> closed = transport.StartClose();
  EXPECT_EQ(peer->Receive(100), "the last words");
  peer->Close();
  EXPECT_EQ(Text(closed.Get()), "OK");
}

TEST_P(TransportTest, ClosesWhenTheTimeIsUp) {
  EXPECT_EQ(transport.Close(Millis{20}).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(peer->ReceivesGoodbye());
}

TEST_P(TransportTest, ClosesAfterTheBrokerHas) {
  peer->Close();
  EXPECT_FALSE(transport.Read().status.ok());
  EXPECT_EQ(Text(transport.Close()), "OK");
}

TEST_P(TransportTest, CancelsWhatIsOutstandingWhenItCloses) {
  const std::string bytes = Pattern(kLarge);
  Outcome<ReadOutcome> read = transport.StartRead();
  Outcome<absl::Status> written = transport.StartWrite(bytes);
  Outcome<absl::Status> closed = transport.StartClose();
  EXPECT_EQ(read.Get().status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(written.Get().code(), absl::StatusCode::kCancelled);
  peer->Close();
  EXPECT_EQ(Text(closed.Get()), "OK");
}

TEST_P(TransportTest, LeavesTheBuffersAloneOnceItIsDestroyed) {
  transport.Run([&] {
    std::string in(1'000, '\0');
    const std::string out = Pattern(kLarge);
    transport->Read(in, [](const absl::Status&, size_t) { ADD_FAILURE(); });
    transport->Write(out, [](const absl::Status&) { ADD_FAILURE(); });
    peer->Send("read nowhere");
    transport.DestroyHere();
  });
  while (!peer->raw().Receive(1u << 20).empty()) continue;
  transport.Run([] {});
}

TEST_P(TransportTest, MayBeDestroyedByItsOwnCompletion) {
  Outcome<bool> destroyed;
  std::string buffer(4, '\0');
  transport.Run([&] {
    transport->Read(buffer, [this, destroyed](const absl::Status&, size_t) mutable {
      transport.DestroyHere();
      destroyed.Set(true);
    });
  });
  peer->Send("x");
  EXPECT_TRUE(destroyed.Get());
  EXPECT_TRUE(peer->raw().AtEnd());
}

TEST(Transport, MayBeDestroyedByTheFirstOfItsCancelledCompletions) {
  RawServer server;
  TestTransport transport(server.uri());
  ASSERT_EQ(Text(transport.Open()), "OK");
  Outcome<bool> destroyed;
  std::string buffer(4, '\0');
  const std::string bytes = Pattern(kLarge);
  transport.Run([&] {
    transport->Read(buffer, [&transport, destroyed](const absl::Status&, size_t) mutable {
      transport.DestroyHere();
      destroyed.Set(true);
    });
    transport->Write(bytes, [](const absl::Status&) { ADD_FAILURE(); });
    transport->Close(kTestDeadline, [](const absl::Status&) { ADD_FAILURE(); });
  });
  EXPECT_TRUE(destroyed.Get());
}

TEST(Transport, CanBeDestroyedWhileItOpens) {
  RawServer server;
  server.SwallowRequests();
  TestTransport transport(server.uri());
  Outcome<absl::Status> opened = transport.StartOpen();
  transport.Destroy();
  transport.Run([] {});
  EXPECT_FALSE(opened.there());
}

TEST(Transport, CanBeClosedWhileItOpens) {
  RawServer server;
  server.SwallowRequests();
  TestTransport transport(server.uri());
  Outcome<absl::Status> opened = transport.StartOpen();
  EXPECT_EQ(Text(transport.Close()), "OK");
  EXPECT_EQ(opened.Get().code(), absl::StatusCode::kCancelled);
}

TEST(Transport, CanBeClosedWithoutBeingOpened) {
  TestTransport transport("tcp://127.0.0.1:1883");
  EXPECT_EQ(Text(transport.Close()), "OK");
}

TEST(Transport, CanBeClosedAfterItCouldNotBeOpened) {
  TestTransport transport("tcp://127.0.0.1:" + std::to_string(FreePort()));
  EXPECT_FALSE(transport.Open().ok());
  EXPECT_EQ(Text(transport.Close()), "OK");
}

TEST(Transport, WritesNothingWithoutAConnection) {
  TestTransport transport("tcp://127.0.0.1:" + std::to_string(FreePort()));
  EXPECT_EQ(transport->TryWrite("x"), 0u);
  EXPECT_FALSE(transport.Open().ok());
  EXPECT_EQ(transport->TryWrite("x"), 0u);
}

}  // namespace
}  // namespace sluice
