// What may be spelt in several ways, left out, or put as a reference or an alias.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config/load_fixture.h"

namespace sluice {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

TEST_F(Load, TakesRuleGosSpellingsInAConnection) {
  const MqttOptions plant = Plant(
      "SERVER: 'broker:8883', qOS: '1', ClientID: gw, CLEANSESSION: 'true', cAFile: /etc/sluice/ca.pem, "
      "maxreconnectinterval: '10'");
  EXPECT_EQ(plant.uri, "ssl://broker:8883");
  EXPECT_EQ(plant.client_id, "gw");
  EXPECT_TRUE(plant.clean_session);
  EXPECT_EQ(plant.tls.ca_file, "/etc/sluice/ca.pem");
  EXPECT_EQ(plant.max_reconnect_interval, seconds(10));
  EXPECT_EQ(Config(WithConnection("server: b, clientId: gw, qOS: '1'")).routes[0].qos, Qos::kAtLeastOnce);
}

TEST_F(Load, PrefersTheNewerSpellingOverTheAliasAndSaysSo) {
  for (const char* connection :
       {"server: b, clientID: old, clientId: new", "server: b, clientId: new, clientID: old"}) {
    LoadResult result = world_.Load(WithConnection(connection));
    EXPECT_EQ(Lines(result), "");
    EXPECT_EQ(result.config.connections["plant"].client_id, "new");
    EXPECT_THAT(WarningLines(result),
                testing::EndsWith("connections.plant: 'clientID' is ignored, as 'clientId' is given too\n"));
  }
}

TEST_F(Load, TakesFlagsInManySpellings) {
  for (const char* yes : {"true", "True", "'true'", "yes", "on", "1", "'1'"}) {
    EXPECT_TRUE(Plant("server: b, cleanSession: " + std::string(yes)).clean_session) << yes;
  }
  for (const char* no : {"false", "FALSE", "no", "off", "0"}) {
    EXPECT_FALSE(Plant("server: b, clientId: gw, cleanSession: " + std::string(no)).clean_session) << no;
  }
}

TEST_F(Load, TlsFilesMeanTls) {
  EXPECT_EQ(Plant("server: b, clientId: gw").uri, "tcp://b:1883");
  EXPECT_FALSE(Plant("server: b, clientId: gw").tls.enabled);
  EXPECT_EQ(Plant("server: b, clientId: gw, caFile: /etc/sluice/ca.pem").uri, "ssl://b:8883");
  EXPECT_EQ(Plant("server: 'b:1883', clientId: gw, caFile: /etc/sluice/ca.pem").uri, "ssl://b:1883");
  EXPECT_TRUE(Plant("server: b, clientId: gw, caFile: /etc/sluice/ca.pem").tls.enabled);
  EXPECT_EQ(Plant("server: 'wss://b/mqtt', clientId: gw, caFile: /etc/sluice/ca.pem").uri, "wss://b:443/mqtt");
  EXPECT_TRUE(Plant("server: 'mqtts://b', clientId: gw").tls.enabled) << "with the system's CAs";
}

TEST_F(Load, LeavesAPasswordInItsFile) {
  const MqttOptions plant = Plant("server: localhost, clientId: gw, username: u, passwordFile: /etc/sluice/password");
  EXPECT_EQ(plant.password_file, "/etc/sluice/password");
  EXPECT_EQ(plant.password, "");
}

TEST_F(Load, DerivesAStableClientIdForAPersistentSession) {
  LoadResult result = world_.Load(WithConnection("server: b"));
  EXPECT_EQ(result.config.connections["plant"].client_id, "sluice-edge-7-plant");
  EXPECT_EQ(WarningLines(result),
            "gw.yaml:2:3: connections.plant: clientId is not set while cleanSession is false: 'sluice-edge-7-plant' is "
            "used; set it if the host name may change, or each change leaves a session with its messages behind at the "
            "broker\n");
  EXPECT_EQ(Plant("server: b, cleanSession: true").client_id, "") << "the broker chooses";
}

TEST_F(Load, RoutesTakeWhatTheConnectionSays) {
  const GatewayConfig config = Config(
      "connections: {one: {server: a, clientId: gw, qos: 2}, two: {server: b, clientId: gw}}\n"
      "routes:\n"
      "  - {connection: one, from: {path: a}, to: {path: c}}\n"
      "  - {connection: one, from: {path: b, qos: 0}, to: {path: c}}\n"
      "  - {connection: two, from: {path: c}, to: {path: c}}\n"
      "workers: {insecure: true}\n");
  EXPECT_EQ(config.routes[0].qos, Qos::kExactlyOnce);
  EXPECT_EQ(config.routes[1].qos, Qos::kAtMostOnce);
  EXPECT_EQ(config.routes[2].qos, Qos::kAtMostOnce);
  EXPECT_EQ(config.routes[2].connection, "two");
}

TEST_F(Load, ARoutesIdDefaultsToItsFilterAndItsConnectionToTheOnlyOne) {
  const RouteConfig route = Route("from: {path: plant/#}, to: {path: c}");
  EXPECT_EQ(route.id, "plant/#");
  EXPECT_EQ(route.connection, "plant");
}

TEST_F(Load, TakesAShareInThePathOrBesideIt) {
  for (const char* from : {"path: $share/g/plant/#", "path: 'plant/#', share: g"}) {
    const RouteConfig route = Route("from: {" + std::string(from) + "}, to: {path: c}");
    EXPECT_EQ(route.share, "g");
    EXPECT_EQ(route.filter, "plant/#");
    EXPECT_EQ(route.id, "plant/#");
  }
}

TEST_F(Load, LeavesTemplatesOfATargetAlone) {
  world_.variables["topic"] = "not this";
  EXPECT_EQ(Route("from: {path: a}, to: {path: 'chain:${topic}'}").target, "${topic}");
  EXPECT_EQ(Route("from: {path: a}, to: {path: 'x$$y:${unit}'}").target, "x$$y:${unit}");
  EXPECT_EQ(Route("from: {path: '${HOME}'}, to: {path: a}").filter, "/root") << "elsewhere they are references";
}

TEST_F(Load, ExpandsReferencesBeforeTyping) {
  world_.variables["N"] = "2";
  world_.variables["PORT"] = "1999";
  EXPECT_EQ(Route("from: {path: a, qos: '${N}'}, to: {path: a}").qos, Qos::kExactlyOnce);
  EXPECT_EQ(Plant("server: 'b:${PORT}', clientId: gw").uri, "tcp://b:1999");
  EXPECT_EQ(Plant("server: localhost, clientId: gw, username: u, password: 'a$$b'").password, "a$b");
}

TEST_F(Load, TakesAliasesOfYaml) {
  const GatewayConfig config = Config(
      "connections: {plant: {server: b, clientId: gw}}\n"
      "routes: [{from: {path: a}, to: {path: c}}]\n"
      "workers: {insecure: true}\n"
      "chains: {a: &common {lease: 7s}, b: *common}\n");
  EXPECT_EQ(config.chains.at("b").lease, seconds(7));
}

TEST_F(Load, EmptySectionsAreDefaults) {
  EXPECT_EQ(Config(std::string(kMinimal) + "chains:\nreplies: {}\nhttp:\nlog:\nshutdown:\njournal:\nchainDefaults:\n"),
            Config(kMinimal));
  EXPECT_EQ(Config(std::string(kMinimal) + "http: {listen: ''}\n").http.listen, "");
}

}  // namespace
}  // namespace sluice
