// A real broker at the other end: CONNECT and CONNACK over each of the schemes.
#include "tests/integration/mqtt/transport_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/mosquitto.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class TransportBroker : public testing::TestWithParam<const char*> {
 protected:
  Mosquitto::Options BrokerOptions() {
    const bool tls = GetParam() == std::string("ssl") || GetParam() == std::string("wss");
    const CertificateFiles certificate = tls ? authority.Server() : CertificateFiles();
    Mosquitto::Options options;
    options.tls_cert_file = certificate.cert_file;
    options.tls_key_file = certificate.key_file;
    options.websockets = true;
    return options;
  }
  MqttOptions Options() {
    const std::string scheme = GetParam();
    MqttOptions options = OptionsFor(scheme == "tcp"   ? broker.uri()
                                     : scheme == "ssl" ? broker.tls_uri()
                                     : scheme == "ws"  ? broker.ws_uri()
                                                       : broker.wss_uri());
    options.tls.ca_file = authority.ca_file();
    return options;
  }

  CertificateAuthority authority;
  Mosquitto broker{BrokerOptions()};
};

std::string SchemeName(const testing::TestParamInfo<const char*>& scheme) { return scheme.param; }
INSTANTIATE_TEST_SUITE_P(Schemes, TransportBroker, testing::Values("tcp", "ssl", "ws", "wss"), SchemeName);

TEST_P(TransportBroker, AnswersAConnectAndHearsTheGoodbye) {
  TestTransport transport(Options());
  ASSERT_EQ(Text(transport.Open()), "OK");
  // CONNECT of MQTT 5 with clean start, 60 s keep alive and a client id.
  const std::string connect("\x10\x13\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x06sluice", 21);
  ASSERT_EQ(Text(transport.Write(connect)), "OK");
  const std::string connack = transport.ReadExactly(4);
  ASSERT_EQ(connack.size(), 4u);
  EXPECT_EQ(connack[0], '\x20');
  EXPECT_EQ(connack[3], '\0') << "success";
  EXPECT_EQ(Text(transport.Write(std::string("\xE0\x00", 2))), "OK");
  EXPECT_EQ(Text(transport.Close()), "OK");
  EXPECT_TRUE(Eventually([&] { return broker.Logged("Client sluice disconnected."); })) << broker.log();
}

}  // namespace
}  // namespace sluice
