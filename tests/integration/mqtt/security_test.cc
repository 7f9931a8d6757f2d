// Both drivers and brokers that want to know who it is, or that are not who they should be.
#include "tests/integration/mqtt/fixture.h"
#include "tests/support/certificates.h"

namespace sluice {
namespace {

const std::vector<Subscription> kSubscriptions = {{.filter = "a", .qos = Qos::kAtLeastOnce, .id = 1}};

class SecurityTest : public testing::TestWithParam<Dialect> {
 protected:
  // What the wire driver says; Paho knows only that something failed.
  static std::string Failure(const std::string& why) {
    return GetParam().driver == MqttDriver::kWire ? why : "TLS failed";
  }
};
INSTANTIATE_TEST_SUITE_P(Dialects, SecurityTest, testing::ValuesIn(AllDialects()), DialectName);

MqttOptions TlsOptions(const Mosquitto& broker, const std::string& ca_file, Dialect dialect,
                       const std::string& host = "localhost") {
  MqttOptions options = OptionsFor(broker.tls_uri(host), dialect);
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

TEST_P(SecurityTest, ConnectsOverTls) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, authority.ca_file(), GetParam()), kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  ExpectToHear(intake, broker, "encrypted");
}

TEST_P(SecurityTest, ConnectsOverWebSocketsAndTls) {
  CertificateAuthority authority;
  Mosquitto::Options broker_options = TlsBroker(authority.Server());
  broker_options.websockets = true;
  Mosquitto broker(broker_options);
  MqttOptions options = TlsOptions(broker, authority.ca_file(), GetParam());
  options.uri = broker.wss_uri();
  TestIntake intake(options, kSubscriptions);
  ASSERT_TRUE(intake.Ready());
  ExpectToHear(intake, broker, "encrypted");
}

TEST_P(SecurityTest, ChecksAnAddressLikeAName) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("IP:127.0.0.1")));
  TestIntake intake(TlsOptions(broker, authority.ca_file(), GetParam(), "127.0.0.1"), kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

TEST_P(SecurityTest, RefusesAnotherAuthority) {
  CertificateAuthority authority;
  CertificateAuthority other;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, other.ca_file(), GetParam()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(Failure("does not hold its authority's certificate")));
  EXPECT_FALSE(intake->State().ready);
}

TEST_P(SecurityTest, RefusesACertificateForAnotherHost) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("DNS:broker.example")));
  TestIntake intake(TlsOptions(broker, authority.ca_file(), GetParam()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(Failure("is not for the host name 'localhost'")));
}

TEST_P(SecurityTest, TakesACertificateForAnotherHostOnlyWhenToldTo) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server("DNS:broker.example")));
  MqttOptions options = TlsOptions(broker, authority.ca_file(), GetParam());
  options.tls.verify_hostname = false;
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

TEST_P(SecurityTest, RefusesAnUnknownAuthorityWithoutACaFile) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server()));
  TestIntake intake(TlsOptions(broker, "", GetParam()), kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(Failure("set caFile to its authority's certificate")));
}

TEST_P(SecurityTest, ShowsItsOwnCertificate) {
  CertificateAuthority authority;
  Mosquitto broker(TlsBroker(authority.Server(), authority.ca_file()));
  CertificateFiles client = authority.Client("sluice");
  MqttOptions options = TlsOptions(broker, authority.ca_file(), GetParam());
  TestIntake without(options, kSubscriptions);
  EXPECT_TRUE(without.DetailHas(Failure("does it require a client certificate (certFile, certKeyFile)?")));
  options.client_id = "sluice-1";
  options.tls.cert_file = client.cert_file;
  options.tls.key_file = client.key_file;
  TestIntake with(options, kSubscriptions);
  EXPECT_TRUE(with.Ready());
}

TEST_P(SecurityTest, NeverSpeaksTlsToAPlainListenerAsIfItWere) {
  CertificateAuthority authority;
  Mosquitto broker;
  MqttOptions options = OptionsFor("ssl://127.0.0.1:" + std::to_string(broker.port()), GetParam());
  options.tls.enabled = true;
  options.tls.ca_file = authority.ca_file();
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas(Failure("is it a TLS port?")));
}

TEST_P(SecurityTest, SaysThatThePasswordIsWrong) {
  Mosquitto broker({.users = {{"gateway", "right"}}});
  MqttOptions options = OptionsFor(broker.uri(), GetParam());
  options.username = "gateway";
  options.password = "s3cret-but-wrong";
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.DetailHas("connection refused by the broker: "));
  // mosquitto says "not authorized" for both, with 3.1.1 as return code 5.
  EXPECT_TRUE(intake.DetailHas(GetParam().mqtt5 ? "0x87 not authorized" : "5 not authorized"));
  EXPECT_EQ(intake->State().detail.find("s3cret"), std::string::npos);
  Counter& refused = intake.metrics().GetCounter("sluice_mqtt_connects_total", "",
                                                 {{"connection", "plant"}, {"role", "intake"}, {"result", "refused"}});
  EXPECT_TRUE(Eventually([&] { return refused.value() >= 2; })) << "keeps trying";
}

TEST_P(SecurityTest, ConnectsWithAPassword) {
  Mosquitto broker({.users = {{"gateway", "right"}}});
  MqttOptions options = OptionsFor(broker.uri(), GetParam());
  options.username = "gateway";
  options.password = "right";
  TestIntake intake(options, kSubscriptions);
  EXPECT_TRUE(intake.Ready());
}

using SecurityMqtt5Test = SecurityTest;
INSTANTIATE_TEST_SUITE_P(Dialects, SecurityMqtt5Test, testing::ValuesIn(Mqtt5Dialects()), DialectName);

TEST_P(SecurityMqtt5Test, NamesARefusedSubscription) {
  Mosquitto broker({.refuse_subscriptions = "secret/#"});
  TestIntake intake(OptionsFor(broker.uri(), GetParam()), {{.filter = "open/#", .qos = Qos::kAtLeastOnce, .id = 1},
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

using SecurityMqtt311Test = SecurityTest;
INSTANTIATE_TEST_SUITE_P(Dialects, SecurityMqtt311Test,
                         testing::Values(Dialect{MqttDriver::kWire, false}, Dialect{MqttDriver::kPaho, false}),
                         DialectName);

TEST_P(SecurityMqtt311Test, NamesARefusedSubscription) {
  Mosquitto broker({.refuse_subscriptions = "secret/#"});
  TestIntake intake(OptionsFor(broker.uri(), GetParam()), {{.filter = "secret/#", .qos = Qos::kAtLeastOnce, .id = 2}});
  EXPECT_TRUE(intake.DetailHas("subscription 'secret/#' refused: 0x80"));
}

}  // namespace
}  // namespace sluice
