// What a broker is asked for by name: the host, and the protocol behind its port.
#include "tests/integration/mqtt/fake_names.h"
#include "tests/integration/mqtt/stack_peer.h"
#include "tests/integration/mqtt/transport_fixture.h"

namespace sluice {
namespace {

class TransportNames : public testing::Test {
 protected:
  MqttOptions Options(const std::string& host) const {
    MqttOptions options = OptionsFor("ssl://" + host + ":" + std::to_string(listener_.port()));
    options.tls.ca_file = authority_.ca_file();
    return options;
  }
  absl::Status Connect(const MqttOptions& options) {
    transport_.emplace(options);
    Outcome<absl::Status> opened = transport_->StartOpen();
    peer_.emplace(listener_.Accept(), server_);
    return opened.Get();
  }

  CertificateAuthority authority_;
  TlsServerOptions server_{.certificate = authority_.Server("DNS:broker.example,DNS:localhost")};
  RawServer listener_;
  std::optional<TestTransport> transport_;
  std::optional<TlsPeer> peer_;
};

TEST_F(TransportNames, ADotAtTheEndIsNoPartOfWhatACertificateIsFor) {
  // With it, a resolver does not try its search list.
  FakeName name("broker.example.", {"127.0.0.1"});
  EXPECT_EQ(Text(Connect(Options("broker.example."))), "OK");
  EXPECT_EQ(peer_->server_name(), "broker.example");
}

TEST_F(TransportNames, ProtocolsAreOfferedInTheirOrder) {
  server_.protocol = "mqtt";
  MqttOptions options = Options("localhost");
  options.tls.alpn = {"x-amzn-mqtt-ca", "mqtt"};
  EXPECT_EQ(Text(Connect(options)), "OK");
  EXPECT_EQ(peer_->offered(), "\x0ex-amzn-mqtt-ca\x04mqtt");
}

// A port that serves more than WebSockets chooses by it. The handshake of the WebSocket comes behind that.
TEST_F(TransportNames, TheyAreOfferedForWebSocketsToo) {
  server_.protocol = "http/1.1";
  MqttOptions options = Options("localhost");
  options.uri = "wss://localhost:" + std::to_string(listener_.port()) + "/mqtt";
  options.tls.alpn = {"http/1.1"};
  transport_.emplace(options);
  Outcome<absl::Status> opened = transport_->StartOpen();
  peer_.emplace(listener_.Accept(), server_);
  EXPECT_TRUE(peer_->connected());
  EXPECT_EQ(peer_->offered(), "\x08http/1.1");
  peer_.reset();
  EXPECT_THAT(Text(opened.Get()), testing::HasSubstr("after the TLS handshake"));
}

TEST_F(TransportNames, ABrokerThatTakesNoneOfThemSaysSo) {
  server_.protocol = "http/1.1";
  MqttOptions options = Options("localhost");
  options.tls.alpn = {"mqtt"};
  EXPECT_EQ(Text(Connect(options)), "the broker takes none of the protocols of tls.alpn");
}

}  // namespace
}  // namespace sluice
