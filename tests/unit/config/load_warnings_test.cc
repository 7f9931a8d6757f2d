// What is allowed but warned of.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config/load_fixture.h"

namespace sluice {
namespace {

TEST_F(Load, WarnsOfWhatIsAllowedButUnsafe) {
  EXPECT_EQ(Warnings(kMinimal), "");
  EXPECT_EQ(
      Warnings(WithConnection("server: b, clientId: gw, username: u, password: hunter2")),
      "gw.yaml:2:19: connections.plant.server: the password is sent in plain text; ssl:// or wss:// would encrypt "
      "it\n");
  EXPECT_EQ(Warnings(WithConnection("server: localhost, clientId: gw, username: u, password: hunter2")), "");
  EXPECT_EQ(Warnings(WithConnection("server: 'ssl://b', clientId: gw, verifyHostname: false")),
            "gw.yaml:2:60: connections.plant.verifyHostname: any certificate of the CA is taken for the broker's, "
            "whatever host it names\n");
  EXPECT_EQ(Warnings(WithConnection("server: b, clientId: gw, sessionExpiry: 0")),
            "gw.yaml:2:51: connections.plant.sessionExpiry: 0 ends the session with the connection: messages of an "
            "outage are lost\n");
  EXPECT_EQ(Warnings(WithConnection("server: b, clientId: gw, protocol: 3.1.1, qos: 2")), "");
  EXPECT_EQ(Warnings(WithConnection("server: b, clientId: gw, protocol: 3.1.1, qos: 2, driver: paho")),
            "gw.yaml:3:10: routes[0]: with driver: paho, QoS 2 over MQTT 3.1.1 is acknowledged before the gateway has "
            "the message, so a crash may lose it; use driver: wire, qos 1 or protocol \"5\"\n");
  EXPECT_EQ(Warnings(WithRoute("from: {path: a}, to: {path: temprature}") + "chains: {temperature: }\n"),
            "gw.yaml:2:34: routes[0].to.path: chain 'temprature' is not in chains (did you mean 'temperature'?), so it "
            "has the defaults\n");
  EXPECT_EQ(
      Warnings(WithRoute("from: {path: a}, to: {path: '${HOME}'}")),
      "gw.yaml:2:34: routes[0].to.path: ${HOME} stands for metadata of each message here, not for the environment "
      "variable of that name\n");
  EXPECT_EQ(Warnings(std::string(kMinimal) + "replies: {allow: []}\n"),
            "gw.yaml:5:18: replies.allow: an empty list allows all topics but those that begin with '$', as if the key "
            "were not there\n");
}

TEST_F(Load, WarnsOfDeadLettersThatComeBack) {
  EXPECT_EQ(
      Warnings(WithRoute("from: {path: 'plant/#'}, to: {path: c}") + "chains: {c: {deadLetterTopic: plant/dead}}\n"),
      "gw.yaml:5:31: chains.c.deadLetterTopic: 'plant/dead' is taken in again by route 'plant/#'; a message that "
      "fails there too goes round for ever\n");
  EXPECT_EQ(Warnings(WithRoute("from: {path: 'plant/+/temp'}, to: {path: c}") +
                     "chains: {c: {deadLetterTopic: plant/dead}}\n"),
            "");
}

TEST_F(Load, WarnsOfOpenListeners) {
  const std::string rest =
      "connections: {plant: {server: b, clientId: gw}}\nroutes: [{from: {path: a}, to: {path: c}}]\n";
  EXPECT_EQ(Warnings(rest + "workers: {insecure: true}\n"),
            "gw.yaml:3:21: workers.insecure: workers connect to 127.0.0.1:7443 in plain text, and whoever reaches it "
            "reads messages and publishes replies\n");
  EXPECT_EQ(
      Warnings(rest + "workers: {tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}\n"),
      "gw.yaml:3:11: workers.tls: clientCaFile is not set, so any worker that reaches the port reads messages and "
      "publishes replies\n");
}

}  // namespace
}  // namespace sluice
