// What a connection derives and shares: client ids, replies, status, ALPN, retained messages.
#include <gmock/gmock.h>

#include "server/mqtt/client_ids.h"
#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class ConnectionKeys : public LoadErrors {
 protected:
  MqttOptions Plant(std::string_view connection) {
    LoadResult result = world_.Load(WithConnection(connection));
    EXPECT_EQ(Lines(result), "");
    return result.config.connections["plant"];
  }
  // Of connections in flow style, a line each from line 2 on; routes are those of `a`.
  std::string OfConnections(std::string_view connections,
                            std::string_view routes = "{from: {path: a}, to: {path: b}}") {
    std::string yaml = "connections:\n" + std::string(connections) + "routes:\n";
    for (size_t at = 0; at < routes.size();) {
      const size_t end = std::min(routes.find(';', at), routes.size());
      std::string route(routes.substr(at, end - at));
      route.insert(1, "connection: a, ");
      yaml += "  - " + route + "\n";
      at = end + 1;
    }
    return Errors(yaml + "workers: {listen: 'unix:/w', insecure: true}\n");
  }
};

// ------------------------------------------------------------------------------------------------ servers

TEST_F(ConnectionKeys, AListOfServersIsTakenInItsOrder) {
  const MqttOptions options = Plant("server: ['a:1', 'mqtt://b', 'tcp://[::1]:9'], clientId: x");
  EXPECT_EQ(options.uri, "tcp://a:1");
  EXPECT_THAT(options.more_uris, ElementsAre("tcp://b:1883", "tcp://[::1]:9"));
  EXPECT_THAT(Plant("server: [a], clientId: x").more_uris, testing::IsEmpty());
}

TEST_F(ConnectionKeys, AServerIsListedOnceAndAllAreEncryptedOrNone) {
  EXPECT_EQ(OfConnections("  a: {server: ['h:1', 'tcp://H.:1'], clientId: x}\n"),
            "gw.yaml:2:23: connections.a.server[1]: found 'tcp://H.:1', which is in the list already; allowed: each "
            "server once\n");
  EXPECT_EQ(OfConnections("  a: {server: ['h:1', 'ssl://i'], clientId: x}\n"),
            "gw.yaml:2:23: connections.a.server[1]: found 'ssl://i', which is encrypted, while the first of the list "
            "is not; allowed: all with TLS, or none\n");
  EXPECT_EQ(OfConnections("  a: {server: [], clientId: x}\n"),
            "gw.yaml:2:15: connections.a.server: found an empty list; allowed: host:port, or one of tcp:// mqtt:// "
            "ssl:// mqtts:// ws:// wss:// before it; or a list of these\n");
  EXPECT_THAT(OfConnections("  a: {server: ['h:1', 'u:p@i'], clientId: x}\n"),
              testing::HasSubstr("connections.a.server[1]: found an address with '@', not shown"));
}

TEST_F(ConnectionKeys, TwoConnectionsMayNotShareAClientIdOnAnyServer) {
  EXPECT_THAT(OfConnections("  a: {server: ['h:1', 'i:1'], clientId: x}\n  b: {server: ['j:1', 'i:1'], clientId: x}\n"),
              testing::HasSubstr("connections.b: has the clientId and the server of connections.a"));
}

TEST_F(ConnectionKeys, AServerReferenceIsFollowedWithMqtt5AndTheWireDriverOnly) {
  EXPECT_TRUE(Plant("server: h, clientId: x, followServerReference: true").follow_server_reference);
  EXPECT_THAT(OfConnections("  a: {server: h, clientId: x, followServerReference: true, protocol: '3.1.1'}\n"),
              testing::HasSubstr("followServerReference: found true while protocol is 3.1.1"));
  EXPECT_THAT(OfConnections("  a: {server: h, clientId: x, followServerReference: true, driver: paho}\n"),
              testing::HasSubstr("followServerReference: found true while driver is paho"));
}

// ------------------------------------------------------------------------------------------------ client ids

TEST(ClientIds, AreDerivedFromTheConfiguredOne) {
  MqttOptions options{.client_id = "gw"};
  EXPECT_EQ(RepliesClientId(options), "gw-replies");
  EXPECT_EQ(IntakeClientId(options, 0), "gw");
  EXPECT_EQ(IntakeClientId(options, 1), "gw-2");
  options.replies_client_id = "out";
  EXPECT_EQ(RepliesClientId(options), "out");
  options.share_connection = true;
  EXPECT_EQ(RepliesClientId(options), "gw");
}

TEST(ClientIds, AllAreTheBrokersChoiceWhereItChooses) {
  MqttOptions options;
  EXPECT_EQ(RepliesClientId(options), "");
  EXPECT_EQ(IntakeClientId(options, 0), "");
  EXPECT_EQ(IntakeClientId(options, 1), "");
  options.replies_client_id = "out";
  EXPECT_EQ(RepliesClientId(options), "out");
}

TEST_F(ConnectionKeys, NoDerivedIdIsAnothersConfiguredOne) {
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x}\n  b: {server: h, clientId: x-replies}\n"),
            "gw.yaml:3:28: connections.b: has the client id 'x-replies', as has connections.a (the connection for its "
            "replies) on the same server, so the broker would end one for the other; allowed: a clientId or "
            "repliesClientId that makes them differ\n");
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x, repliesClientId: out}\n"
                          "  b: {server: h, clientId: x-replies}\n"),
            "");
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x, replies: {connection: shared}}\n"
                          "  b: {server: h, clientId: x-replies}\n"),
            "");
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x}\n  b: {server: other, clientId: x-replies}\n"), "");
}

TEST_F(ConnectionKeys, NoDerivedIdIsAnothersDerivedOne) {
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x}\n  b: {server: h, clientId: y, repliesClientId: x-replies}\n"),
            "gw.yaml:3:48: connections.b (the connection for its replies): has the client id 'x-replies', as has "
            "connections.a (the connection for its replies) on the same server, so the broker would end one for the "
            "other; allowed: a clientId or repliesClientId that makes them differ\n");
  EXPECT_EQ(
      OfConnections("  a: {server: h, clientId: x, repliesClientId: x}\n"),
      "gw.yaml:2:48: connections.a (the connection for its replies): has the client id 'x', as has connections.a "
      "on the same server, so the broker would end one for the other; allowed: a clientId or repliesClientId that "
      "makes them differ\n");
}

TEST_F(ConnectionKeys, OverlappingFiltersOfMqtt311CountTheirConnections) {
  const std::string overlap = "{id: r, from: {path: a/#}, to: {path: c}};{id: s, from: {path: a/b}, to: {path: c}}";
  EXPECT_EQ(
      OfConnections("  a: {server: h, clientId: x, protocol: 3.1.1}\n  b: {server: h, clientId: x-2}\n", overlap),
      "gw.yaml:3:28: connections.b: has the client id 'x-2', as has connections.a (the connection 2 for its "
      "overlapping filters) on the same server, so the broker would end one for the other; allowed: a clientId or "
      "repliesClientId that makes them differ\n");
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x}\n  b: {server: h, clientId: x-2}\n", overlap), "")
      << "MQTT 5 needs one";
}

TEST_F(ConnectionKeys, OneBrokerMayBeWrittenInSeveralWays) {
  for (const char* other : {"'mqtt://LocalHost'", "'127.0.0.1:1883'", "'[::1]'", "'localhost.'", "':1883'", "127.1",
                            "'[::ffff:127.0.0.1]'"}) {
    EXPECT_NE(OfConnections(std::string("  a: {server: localhost, clientId: x}\n  b: {server: ") + other +
                            ", clientId: x}\n"),
              "")
        << other;
  }
  EXPECT_EQ(OfConnections("  a: {server: localhost, clientId: x}\n  b: {server: 'localhost:1884', clientId: x}\n"), "");
}

TEST_F(ConnectionKeys, IdsThatTheBrokerChoosesNeverCollide) {
  EXPECT_EQ(OfConnections("  a: {server: h, cleanSession: true}\n  b: {server: h, cleanSession: true}\n"), "");
}

// ------------------------------------------------------------------------------------------------ one connection

TEST_F(ConnectionKeys, RepliesMayShareTheConnectionOfIntake) {
  EXPECT_FALSE(Plant("server: b, clientId: gw").share_connection);
  EXPECT_FALSE(Plant("server: b, clientId: gw, replies: {connection: own}").share_connection);
  EXPECT_TRUE(Plant("server: b, clientId: gw, replies: {connection: shared}").share_connection);
}

TEST_F(ConnectionKeys, OneConnectionCannotBeWhatTakesTwo) {
  EXPECT_EQ(OfConnection("server: b, clientId: gw, driver: paho, replies: {connection: shared}"),
            "gw.yaml:2:72: connections.plant.replies.connection: found 'shared' while driver is paho, which only takes "
            "in; allowed: own, or driver: wire\n");
  EXPECT_EQ(OfConnection("server: b, clientId: gw, repliesClientId: out, replies: {connection: shared}"),
            "gw.yaml:2:53: connections.plant.repliesClientId: replies.connection is shared, which has clientId only; "
            "allowed: one of them\n");
  EXPECT_EQ(OfConnections("  a: {server: h, clientId: x, protocol: 3.1.1, replies: {connection: shared}}\n",
                          "{id: r, from: {path: a/#}, to: {path: c}};{id: s, from: {path: a/b}, to: {path: c}}"),
            "gw.yaml:2:70: connections.a.replies.connection: found 'shared', which is one connection, while filters of "
            "its routes overlap, for which MQTT 3.1.1 needs 2; allowed: own, protocol \"5\", or filters that do not "
            "overlap\n");
}

// ------------------------------------------------------------------------------------------------ the rest

TEST_F(ConnectionKeys, StatusHasDefaultsButForItsTopic) {
  EXPECT_FALSE(Plant("server: b, clientId: gw").status);
  EXPECT_EQ(Plant("server: b, clientId: gw, status: {topic: gw/1}").status,
            (MqttStatus{
                .topic = "gw/1", .online = "online", .offline = "offline", .qos = Qos::kAtLeastOnce, .retain = true}));
  EXPECT_EQ(Plant("server: b, clientId: gw, status: {topic: s, online: '', offline: 0, qos: 0, retain: false}").status,
            (MqttStatus{.topic = "s", .online = "", .offline = "0", .qos = Qos::kAtMostOnce, .retain = false}));
  EXPECT_EQ(OfConnection("server: b, clientId: gw, status: {online: up}"),
            "gw.yaml:2:36: connections.plant.status: key 'topic' is missing; allowed: a topic without wildcards\n");
  EXPECT_EQ(
      OfConnection("server: b, clientId: gw, status: {topic: 'a/#'}"),
      "gw.yaml:2:52: connections.plant.status.topic: found 'a/#' (has the wildcard '#' at byte 3); allowed: a topic "
      "without wildcards\n");
}

TEST_F(ConnectionKeys, AlpnMeansTls) {
  const MqttOptions plant = Plant("server: 'b:443', clientId: gw, tls: {alpn: [x-amzn-mqtt-ca, mqtt]}");
  EXPECT_THAT(plant.tls.alpn, ElementsAre("x-amzn-mqtt-ca", "mqtt"));
  EXPECT_EQ(plant.uri, "ssl://b:443");
  EXPECT_THAT(Plant("server: 'ssl://b', clientId: gw, tls: {alpn: mqtt}").tls.alpn, ElementsAre("mqtt"));
  EXPECT_EQ(OfConnection("server: 'tcp://b', clientId: gw, tls: {alpn: mqtt}"),
            "gw.yaml:2:19: connections.plant.server: found 'tcp://b', which is plain text, while tls is set; allowed: "
            "ssl:// mqtts:// or wss://, or no TLS files\n");
  EXPECT_EQ(OfConnection("server: 'ssl://b', clientId: gw, tls: {alpn: ['']}"),
            "gw.yaml:2:57: connections.plant.tls.alpn[0]: found '' (is empty or too long); allowed: a list of protocol "
            "names of 1 to 255 bytes, such as x-amzn-mqtt-ca\n");
}

TEST_F(ConnectionKeys, ARouteSaysWhichRetainedMessagesItTakes) {
  auto retained = [this](std::string_view from) {
    return world_.Load(WithRoute("from: {path: a, " + std::string(from) + "}, to: {path: b}"))
        .config.routes[0]
        .retained;
  };
  EXPECT_EQ(retained("qos: 1"), Retained::kNew);
  EXPECT_EQ(retained("retained: all"), Retained::kAll);
  EXPECT_EQ(retained("retained: new"), Retained::kNew);
  EXPECT_EQ(retained("retained: none"), Retained::kNone);
}

}  // namespace
}  // namespace sluice
