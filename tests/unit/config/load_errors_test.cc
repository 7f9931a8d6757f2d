// What a wrong configuration is told: each kind of error with its exact text.
#include <gmock/gmock.h>

#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

TEST_F(LoadErrors, AnEmptyFileLacksTheRequiredSections) {
  for (const char* yaml : {"", "\n\n", "# nothing\n", "---\n", "{}"}) {
    EXPECT_EQ(Errors(yaml),
              "gw.yaml:1:1: key 'connections' is missing; allowed: a map of names, each with a map of keys\n"
              "gw.yaml:1:1: key 'routes' is missing; allowed: a list of maps\n"
              "gw.yaml:1:1: key 'workers' is missing; allowed: a map of keys\n")
        << yaml;
  }
}

TEST_F(LoadErrors, AFileThatIsNoMap) {
  EXPECT_EQ(Errors("hello"), "gw.yaml:1:1: the file: found a single value; allowed: a map of keys\n");
  EXPECT_EQ(Errors("- a"), "gw.yaml:1:1: the file: found a list; allowed: a map of keys\n");
}

TEST_F(LoadErrors, UnknownKeysWithTheNearestKnownOne) {
  EXPECT_EQ(
      OfLine("repplies: {}"),
      "gw.yaml:5:1: unknown key 'repplies' (did you mean 'replies'?); known keys: gateway, connections, routes, "
      "chainDefaults, chains, maxTemplateChains, templateChainIdle, replies, deadLetters, tracing, telemetry, workers, "
      "permissions, "
      "permissionsFile, pressure, http, log, "
      "shutdown, journal, admin, audit\n");
  EXPECT_EQ(
      OfLine("HTTP: {}"),
      "gw.yaml:5:1: unknown key 'HTTP' (did you mean 'http'?); known keys: gateway, connections, routes, "
      "chainDefaults, chains, maxTemplateChains, templateChainIdle, replies, deadLetters, tracing, telemetry, workers, "
      "permissions, "
      "permissionsFile, pressure, http, log, "
      "shutdown, journal, admin, audit\n");
  EXPECT_EQ(OfLine("log: {levle: info}"),
            "gw.yaml:5:7: log: unknown key 'levle' (did you mean 'level'?); known keys: level, format\n");
  EXPECT_EQ(OfLine("log: {elephant: info}"), "gw.yaml:5:7: log: unknown key 'elephant'; known keys: level, format\n");
  EXPECT_EQ(OfLine("log: {<<: {level: info}}"),
            "gw.yaml:5:7: log: YAML's merge key '<<' is not supported; known keys: level, format\n");
}

TEST_F(LoadErrors, DuplicateKeys) {
  EXPECT_EQ(OfLine("log:\n  level: info\n  level: debug"),
            "gw.yaml:7:3: log: key 'level' is given twice; the first is in line 6\n");
  EXPECT_EQ(OfLine("workers: {insecure: true}"), "gw.yaml:5:1: key 'workers' is given twice; the first is in line 3\n");
  EXPECT_EQ(OfLine("chains: {a: {}, a: {}}"), "gw.yaml:5:17: chains: 'a' is given twice; the first is in line 5\n");
  EXPECT_EQ(OfConnection("server: b, clientID: a, clientid: b"),
            "gw.yaml:2:35: connections.plant: key 'clientid' is given twice; the first is in line 2\n");
  EXPECT_EQ(Errors("connections:\n  a: {server: b, clientId: x}\n  a: {server: b, clientId: y}\n"
                   "routes: [{from: {path: a}, to: {path: b}}]\nworkers: {listen: 'unix:/w', insecure: true}\n"),
            "gw.yaml:3:3: connections: 'a' is given twice; the first is in line 2\n");
}

TEST_F(LoadErrors, ValuesOfTheWrongKind) {
  EXPECT_EQ(OfLine("log: [info]"), "gw.yaml:5:6: log: found a list; allowed: a map of keys\n");
  EXPECT_EQ(OfLine("log: info"), "gw.yaml:5:6: log: found a single value; allowed: a map of keys\n");
  EXPECT_EQ(OfLine("log: {level: [info]}"),
            "gw.yaml:5:14: log.level: found a list; allowed: debug, info, warning, error\n");
  EXPECT_EQ(OfLine("log: {level: }"), "gw.yaml:5:7: log.level: found nothing; allowed: debug, info, warning, error\n");
  EXPECT_EQ(OfLine("log: {level: {a: b}}"),
            "gw.yaml:5:14: log.level: found a map; allowed: debug, info, warning, error\n");
  EXPECT_EQ(OfLine("replies: {allow: a/b}"),
            "gw.yaml:5:18: replies.allow: found a single value; allowed: a list of topic filters such as "
            "plant/+/reply/#\n");
  EXPECT_EQ(OfLine("chains: [a]"),
            "gw.yaml:5:9: chains: found no map; allowed: a map of names, each with a map of keys\n");
  EXPECT_EQ(Errors("connections: {}\nroutes: {}\nworkers: {listen: 'unix:/w', insecure: true}"),
            "gw.yaml:1:14: connections: found no connection; allowed: a map of names, each with a map of keys\n"
            "gw.yaml:2:9: routes: found no list of routes; allowed: a list of maps, each beginning with '- '\n");
}

TEST_F(LoadErrors, ValuesOutOfRangeWithTheRange) {
  EXPECT_EQ(OfConnection("server: b, clientId: x, qos: 3"),
            "gw.yaml:2:40: connections.plant.qos: found '3'; allowed: 0, 1 or 2\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, receiveMaximum: 65536"),
            "gw.yaml:2:51: connections.plant.receiveMaximum: found '65536'; allowed: a whole number from 1 to 65535\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, keepAlive: 30"),
            "gw.yaml:2:46: connections.plant.keepAlive: found '30'; allowed: a duration from 1s to 18h, such as 500ms, "
            "30s or 1m30s\n");
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, keepAlive: 1500ms"),
      "gw.yaml:2:46: connections.plant.keepAlive: found '1500ms' (not whole seconds); allowed: a duration from 1s to "
      "18h, such as 500ms, 30s or 1m30s\n");
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, maxReconnectInterval: soon"),
      "gw.yaml:2:57: connections.plant.maxReconnectInterval: found 'soon'; allowed: a duration from 1s to 1h, such as "
      "30s or 1m30s, or a number of seconds\n");
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, maxPacketBytes: 1GiB"),
      "gw.yaml:2:51: connections.plant.maxPacketBytes: found '1GiB'; allowed: a size from 1KiB to 256MiB, such as "
      "1048576, 10MB or 64MiB\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, cleanSession: maybe"),
            "gw.yaml:2:49: connections.plant.cleanSession: found 'maybe'; allowed: true or false\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, protocol: 3"),
            "gw.yaml:2:45: connections.plant.protocol: found '3'; allowed: 5, 3.1.1\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, driver: pahoo"),
            "gw.yaml:2:43: connections.plant.driver: found 'pahoo' (did you mean 'paho'?); allowed: wire, paho\n");
}

TEST_F(LoadErrors, ServersThatAreNone) {
  EXPECT_EQ(
      OfConnection("clientId: x"),
      "gw.yaml:2:3: connections.plant: key 'server' is missing; allowed: host:port, or one of tcp:// mqtt:// ssl:// "
      "mqtts:// ws:// wss:// before it; or a list of these\n");
  EXPECT_EQ(
      OfConnection("clientId: x, server: 'ftp://b'"),
      "gw.yaml:2:32: connections.plant.server: found 'ftp://b' (unknown scheme); allowed: host:port, or one of tcp:// "
      "mqtt:// ssl:// mqtts:// ws:// wss:// before it; or a list of these\n");
}

TEST_F(LoadErrors, TlsThatIsHalfOrNotMeant) {
  EXPECT_EQ(
      OfConnection("clientId: x, server: b, certFile: /etc/sluice/client.pem"),
      "gw.yaml:2:45: connections.plant.certFile: a certificate without its key; set certKeyFile too, or neither\n");
  EXPECT_EQ(
      OfConnection("clientId: x, server: b, certKeyFile: /etc/sluice/client.key"),
      "gw.yaml:2:48: connections.plant.certKeyFile: a key without its certificate; set certFile too, or neither\n");
  EXPECT_EQ(
      OfConnection("clientId: x, server: b, caFile: /no/ca.pem"),
      "gw.yaml:2:43: connections.plant.caFile: found '/no/ca.pem' (No such file or directory); allowed: the path of a "
      "file\n");
  EXPECT_EQ(OfConnection("clientId: x, server: b, caFile: ''"),
            "gw.yaml:2:43: connections.plant.caFile: found '' (is empty); allowed: the path of a file\n");
  for (const std::string scheme : {"tcp", "ws"}) {
    EXPECT_EQ(
        OfConnection("clientId: x, server: '" + scheme + "://b', caFile: /etc/sluice/ca.pem"),
        "gw.yaml:2:32: connections.plant.server: found '" + scheme +
            "://b', which is plain text, while caFile is set; allowed: ssl:// mqtts:// or wss://, or no TLS files\n");
  }
}

TEST_F(LoadErrors, PasswordsThatCannotBe) {
  EXPECT_EQ(
      OfConnection("clientId: x, server: b, username: u, password: hunter2, passwordFile: /etc/sluice/password"),
      "gw.yaml:2:81: connections.plant.passwordFile: both password and passwordFile are set; allowed: one of them\n");
  EXPECT_EQ(
      OfConnection("clientId: x, server: b, username: u, passwordFile: /no/password"),
      "gw.yaml:2:62: connections.plant.passwordFile: found '/no/password' (No such file or directory); allowed: the "
      "path of a file\n");
  EXPECT_EQ(OfConnection("clientId: x, server: b, protocol: 3.1.1, password: hunter2"),
            "gw.yaml:2:3: connections.plant: a password without a username, which MQTT 3.1.1 does not allow; set "
            "username\n");
}

TEST_F(LoadErrors, ConnectionsThatWouldThrowEachOtherOut) {
  EXPECT_EQ(
      Errors("connections:\n  a: {server: b, clientId: x}\n  b: {server: 'mqtt://b', clientId: x}\n"
             "routes: [{connection: a, from: {path: a}, to: {path: b}}]\n"
             "workers: {listen: 'unix:/w', insecure: true}\n"),
      "gw.yaml:3:3: connections.b: has the clientId and the server of connections.a, so the broker would end one for "
      "the other; allowed: a clientId of its own\n");
}

TEST_F(LoadErrors, ReferencesThatCannotBeResolved) {
  EXPECT_EQ(OfConnection("server: '${BROKER}', clientId: x"),
            "gw.yaml:2:19: connections.plant.server: environment variable BROKER is not set; set it, or write "
            "${BROKER:-default}\n");
  EXPECT_EQ(OfConnection("server: '${BROKER', clientId: x"),
            "gw.yaml:2:19: connections.plant.server: holds a '${' that begins no reference; allowed: ${NAME} and "
            "${NAME:-default} without '${' or '}' in the default, and $$ for a literal $\n");
}

TEST_F(LoadErrors, DoNotShowWhatAReferenceStandsFor) {
  world_.variables["SECRET"] = "hunter2";
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, qos: '${SECRET}'"),
      "gw.yaml:2:40: connections.plant.qos: found '${SECRET}' with its environment references replaced; allowed: 0, 1 "
      "or 2\n");
}

TEST_F(LoadErrors, RoutesThatLackParts) {
  EXPECT_EQ(OfRoute("id: x"),
            "gw.yaml:2:5: routes[0]: key 'from' is missing; allowed: a map of keys\n"
            "gw.yaml:2:5: routes[0]: key 'to' is missing; allowed: a map of keys\n");
  EXPECT_EQ(
      OfRoute("from: {}, to: {}"),
      "gw.yaml:2:6: routes[0].from: key 'path' is missing; allowed: a topic filter such as plant/+/temp, or "
      "$share/GROUP/FILTER\n"
      "gw.yaml:2:16: routes[0].to: key 'path' is missing; allowed: chain:ID, ID, or ID:START_NODE; ${topic} and other "
      "metadata names are replaced per message\n");
  EXPECT_EQ(Errors("connections: {plant: {server: b, clientId: x}}\nroutes:\n  - a\n  - {}\n"
                   "workers: {listen: 'unix:/w', insecure: true}\n"),
            "gw.yaml:3:5: routes[0]: found a single value; allowed: a map of keys\n"
            "gw.yaml:4:5: routes[1]: key 'from' is missing; allowed: a map of keys\n"
            "gw.yaml:4:5: routes[1]: key 'to' is missing; allowed: a map of keys\n");
}

TEST_F(LoadErrors, RoutesOfUnknownConnections) {
  EXPECT_EQ(
      OfRoute("connection: plnt, from: {path: a}, to: {path: b}"),
      "gw.yaml:2:18: routes[0].connection: found 'plnt', which is no connection (did you mean 'plant'?); allowed: "
      "plant\n");
  EXPECT_EQ(Errors("connections: {a: {server: b, clientId: x}, c: {server: d, clientId: x}}\n"
                   "routes: [{from: {path: a}, to: {path: b}}]\nworkers: {listen: 'unix:/w', insecure: true}\n"),
            "gw.yaml:2:10: routes[0]: key 'connection' is missing while there is more than one; allowed: a, c\n");
}

TEST_F(LoadErrors, ConnectionsWithErrorsAreKnownToRoutes) {
  EXPECT_EQ(
      Errors("connections: {a: {qos: 3, clientId: x, server: b}}\nroutes: [{connection: a, from: {path: a}, to: {path: "
             "b}}]\nworkers: {listen: 'unix:/w', insecure: true}\n"),
      "gw.yaml:1:24: connections.a.qos: found '3'; allowed: 0, 1 or 2\n");
}

TEST_F(LoadErrors, FiltersAndSharesThatMqttForbids) {
  EXPECT_EQ(
      OfRoute("from: {path: 'a/#/b'}, to: {path: b}"),
      "gw.yaml:2:19: routes[0].from.path: found 'a/#/b' (has a '#' that is not its last level at byte 3); allowed: a "
      "topic filter such as plant/+/temp, or $share/GROUP/FILTER\n");
  EXPECT_EQ(
      OfRoute("from: {path: $share/g}, to: {path: b}"),
      "gw.yaml:2:19: routes[0].from.path: found '$share/g' (has no filter behind $share/GROUP/); allowed: a topic "
      "filter such as plant/+/temp, or $share/GROUP/FILTER\n");
  EXPECT_EQ(
      OfRoute("from: {path: a, share: g/h}, to: {path: b}"),
      "gw.yaml:2:29: routes[0].from.share: found 'g/h' (has a '/' at byte 2); allowed: a share name without '/', '+' "
      "and '#'\n");
  EXPECT_EQ(OfRoute("from: {path: $share/g/a, share: g}, to: {path: b}"),
            "gw.yaml:2:38: routes[0].from.share: the path has a $share/GROUP/ already; allowed: one of them\n");
}

TEST_F(LoadErrors, TargetsThatCannotBeReached) {
  EXPECT_EQ(
      OfRoute("from: {path: a}, to: {path: 'component:log'}"),
      "gw.yaml:2:34: routes[0].to.path: found 'component:log' (component: runs a node inside RuleGo's own process; "
      "here everything runs in workers, so name a chain that one of them serves); allowed: chain:ID, ID, or "
      "ID:START_NODE; ${topic} and other metadata names are replaced per message\n");
}

TEST_F(LoadErrors, UnknownProcessors) {
  EXPECT_EQ(OfRoute("from: {path: a, processors: [toHx]}, to: {path: b, processors: [toHex]}"),
            "gw.yaml:2:35: routes[0].from.processors[0]: found 'toHx' (no such processor) (did you mean 'toHex'?); "
            "allowed: a "
            "list of headersToMetadata, setJsonDataType, setTextDataType, setBinaryDataType, toHex\n"
            "gw.yaml:2:70: routes[0].to.processors[0]: found 'toHex' (no such processor); allowed: a list of "
            "responseToBody, metadataToHeaders\n");
}

TEST_F(LoadErrors, DuplicateRouteIds) {
  EXPECT_EQ(
      Errors("connections: {plant: {server: b, clientId: x}}\n"
             "routes:\n"
             "  - {id: one, from: {path: a}, to: {path: b}}\n"
             "  - {id: one, from: {path: b}, to: {path: b}}\n"
             "  - {from: {path: a}, to: {path: d}}\n"
             "  - {from: {path: a}, to: {path: c}}\n"
             "workers: {listen: 'unix:/w', insecure: true}\n"),
      "gw.yaml:4:10: routes[1].id: the id 'one' is taken by the route in line 3; allowed: an id of its own\n"
      "gw.yaml:6:5: routes[3]: the id 'a' is taken by the route in line 5; allowed: an id of its own (it defaults to "
      "the filter)\n");
}

TEST_F(LoadErrors, ComeAllAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(
      Errors("workers: {listen: x}\n"
             "log: {level: loud}\n"
             "routes: [{from: {path: ''}, to: {path: c}}]\n"
             "connections: {plant: {server: b, clientId: x, qos: 9}}\n"),
      "gw.yaml:1:1: workers: neither tls nor insecure is set, so it is not said how workers connect; write tls: "
      "{certFile: FILE, keyFile: FILE, clientCaFile: FILE}, or, for a first try or behind something that encrypts, "
      "insecure: true\n"
      "gw.yaml:1:19: workers.listen: found 'x' (the port is missing); allowed: HOST:PORT or unix:PATH\n"
      "gw.yaml:2:14: log.level: found 'loud'; allowed: debug, info, warning, error\n"
      "gw.yaml:3:24: routes[0].from.path: found '' (is empty); allowed: a topic filter such as plant/+/temp, or "
      "$share/GROUP/FILTER\n"
      "gw.yaml:4:52: connections.plant.qos: found '9'; allowed: 0, 1 or 2\n");
}

TEST_F(LoadErrors, ShowStrangeValuesShortenedAndPrintable) {
  EXPECT_EQ(OfLine("log: {level: \"a\\nb\"}"),
            "gw.yaml:5:14: log.level: found 'a?b'; allowed: debug, info, warning, error\n");
  EXPECT_EQ(OfLine("log: {level: " + std::string(200, 'x') + "}"),
            "gw.yaml:5:14: log.level: found '" + std::string(80, 'x') + "…'; allowed: debug, info, warning, error\n");
}

}  // namespace
}  // namespace sluice
