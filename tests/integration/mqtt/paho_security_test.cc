// The paho driver and brokers that want to know who it is, or that are not who they should be.
#include "tests/integration/mqtt/fixture.h"
#include "tests/support/certificates.h"

namespace sluice {
namespace {

class PahoSecurity : public PahoVersions {};
INSTANTIATE_TEST_SUITE_P(Versions, PahoSecurity, testing::Bool(), VersionName);

MqttOptions TlsOptions(const Mosquitto& broker, const std::string& ca_file, bool mqtt5 = true,
                       const std::string& host = "localhost") {
  MqttOptions options = OptionsFor(broker.tls_uri(host), mqtt5);
  options.tls.enabled = true;
  options.tls.ca_file = ca_file;
  return options;
}

Mosquitto::Options TlsBroker(const CertificateFiles& server, const std::string& client_ca_file = "") {
  Mosquitto::Options options;
  options.tls_cert_file = server.cert_file;
  options.tls_key_file = server.key_file;
  options.tls_client_ca_file = client_ca_file;
  return options;
}

TEST_P(PahoSecurity, ConnectsOverTls) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, authority.ca_file(), GetParam()), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  ExpectFirst("encrypted", intake, broker);
}

TEST_P(PahoSecurity, ConnectsOverWebSocketsAndTls) {
  CertificateAuthority authority;
  Mosquitto::Options broker_options = TlsBroker(authority.Server());
  broker_options.websockets = true;
  Mosquitto broker(broker_options);
  MqttOptions options = TlsOptions(broker, authority.ca_file(), GetParam());
  options.uri = broker.wss_uri();
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  ExpectFirst("encrypted", intake, broker);
}

TEST(PahoTls, ChecksAnAddressLikeAName) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("IP:127.0.0.1")));
  TestIntake intake(TlsOptions(broker, authority.ca_file(), true, "127.0.0.1"), kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

TEST(PahoTls, RefusesAnotherAuthority) {
  CertificateAuthority authority;
  CertificateAuthority other;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, other.ca_file()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("TLS failed"));
  EXPECT_FALSE(intake->State().ready);
}

TEST(PahoTls, RefusesACertificateForAnotherHost) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("DNS:broker.example")));
  TestIntake intake(TlsOptions(broker, authority.ca_file()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("TLS failed"));
}

TEST(PahoTls, TakesACertificateForAnotherHostOnlyWhenToldTo) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("DNS:broker.example")));
  MqttOptions options = TlsOptions(broker, authority.ca_file());
  options.tls.verify_hostname = false;
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

TEST(PahoTls, RefusesAnUnknownAuthorityWithoutACaFile) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, ""), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("TLS failed"));
}

TEST(PahoTls, ShowsItsOwnCertificate) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server(), authority.ca_file()));
  CertificateFiles client = authority.Client("sluice");
  MqttOptions options = TlsOptions(broker, authority.ca_file());
  TestIntake without(options, kSubscriptions);
  EXPECT_TRUE(without.DetailHas("TLS failed"));
  options.client_id = "sluice-1";
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = client.key_file;
  TestIntake with(options, kSubscriptions);
  EXPECT_TRUE(with.Ready());
}

TEST(PahoTls, NeverSpeaksTlsToAPlainListenerAsIfItWere) {
  CertificateAuthority authority;
  Mosquitto broker;
  MqttOptions options = OptionsFor("ssl://127.0.0.1:" + std::to_string(broker.port()));
  options.tls.enabled = true;
  options.tls.ca_file = authority.ca_file();
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("TLS failed"));
}

TEST_P(PahoSecurity, SaysThatThePasswordIsWrong) {
  Mosquitto broker({.users = {{"gateway", "right"}}});
  MqttOptions options = Options(broker);
  options.username = "gateway";
  options.password = "s3cret-but-wrong";
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("connection refused by the broker: "));
  // mosquitto says "not authorized" for both, with 3.1.1 as return code 5.
  EXPECT_TRUE(intake.DetailHas(GetParam() ? "0x87 not authorized" : "5 not authorized"));
  EXPECT_EQ(intake->State().detail.find("s3cret"), std::string::npos);
  Counter& refused = intake.metrics().GetCounter("sluice_mqtt_connects_total", "",
                                                 {{"connection", "plant"}, {"role", "intake"}, {"result", "refused"}});
  EXPECT_TRUE(Eventually([&] { return refused.value() >= 2; })) << "keeps trying";
}

TEST_P(PahoSecurity, ConnectsWithAPassword) {
  Mosquitto broker({.users = {{"gateway", "right"}}});
  MqttOptions options = Options(broker);
  options.username = "gateway";
  options.password = "right";
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

TEST(PahoSecurityMqtt5, NamesARefusedSubscription) {
  Mosquitto broker({.refuse_subscriptions = "secret/#"});
  TestIntake intake(OptionsFor(broker.uri()), {{.filter = "open/#", .qos = Qos::kAtLeastOnce, .id = 1},
                                               {.filter = "secret/#", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_TRUE(intake.DetailHas("subscription 'secret/#' refused: 0x87 not authorized"));
  EXPECT_FALSE(intake->State().ready);
  Gauge& refused = intake.metrics().GetGauge("sluice_mqtt_subscriptions_refused", "", {{"connection", "plant"}});
  EXPECT_TRUE(Eventually([&] { return refused.value() == 1; }));
  auto asked = [&] {
    size_t count = 0;
    std::string log = broker.log();
    for (size_t at = log.find("\tsecret/#"); at != std::string::npos; at = log.find("\tsecret/#", at + 1)) ++count;
    return count;
  };
  EXPECT_TRUE(Eventually([&] { return asked() >= 3; })) << "keeps asking for it";
}

TEST(PahoSecurityMqtt311, NamesARefusedSubscription) {
  Mosquitto broker({.refuse_subscriptions = "secret/#"});
  TestIntake intake(OptionsFor(broker.uri(), /*mqtt5=*/false),
                    {{.filter = "secret/#", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_TRUE(intake.DetailHas("subscription 'secret/#' refused: 0x80"));
}

}  // namespace
}  // namespace sluice
