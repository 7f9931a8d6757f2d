// What a right configuration becomes.
#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class Load : public testing::Test {
 protected:
  GatewayConfig Config(std::string_view yaml) {
    LoadResult result = world_.Load(yaml);
    EXPECT_EQ(Lines(result), "");
    return std::move(result.config);
  }
  MqttOptions Plant(std::string_view connection) { return Config(WithConnection(connection)).connections["plant"]; }
  RouteConfig Route(std::string_view route) { return Config(WithRoute(route)).routes.at(0); }
  std::string Warnings(std::string_view yaml) {
    LoadResult result = world_.Load(yaml);
    EXPECT_EQ(Lines(result), "");
    return WarningLines(result);
  }

  FakeWorld world_;
};

TEST_F(Load, LeavesDefaultsWhereNothingIsSaid) {
  GatewayConfig expected;
  expected.name = "edge-7";
  MqttOptions& plant = expected.connections["plant"];
  plant.name = "plant";
  plant.uri = "tcp://broker:1883";
  plant.client_id = "gw";
  RouteConfig& route = expected.routes.emplace_back();
  route.id = "a/b";
  route.connection = "plant";
  route.filter = "a/b";
  route.target = "c";
  expected.workers.listen = "unix:/run/w";
  expected.workers.insecure = true;
  EXPECT_EQ(Config(kMinimal), expected);
}

TEST_F(Load, ReadsEveryKey) {
  world_.variables["MQTT_PASSWORD"] = "hunter2";
  const GatewayConfig config = Config(R"(
connections:
  plant:
    server: mqtts://broker.example
    username: gateway
    password: ${MQTT_PASSWORD}
    clientId: sluice-${HOSTNAME:-x}
    protocol: "3.1.1"
    qos: 1
    cleanSession: true
    sessionExpiry: 1h
    caFile: /etc/sluice/ca.pem
    certFile: /etc/sluice/client.pem
    certKeyFile: /etc/sluice/client.key
    verifyHostname: false
    keepAlive: 1m
    connectTimeout: 5s
    maxReconnectInterval: 90
    receiveMaximum: 10
    publishWindow: 20
    maxPacketBytes: 1MiB
    driver: paho
routes:
  - id: temperature
    connection: plant
    trustReplyHeaders: true
    from: {path: plant/+/temp, qos: 2, share: sluice, processors: [setJsonDataType, headersToMetadata]}
    to: {path: "chain:temperature:node3", processors: [responseToBody, metadataToHeaders]}
  - id: lines
    connection: plant
    from: {path: lines/#}
    to: {path: "chain:${topic.2}", chains: [a, "line-*"]}
maxTemplateChains: 50
templateChainIdle: 1m
chainDefaults: {maxAttempts: 9, queue: {maxBytes: 1MiB}}
chains:
  temperature:
    orderBy: topic level 2
    lease: 5s
    maxLease: 1m
    maxAttempts: 3
    retryBackoff: 100ms
    maxRetryBackoff: 2s
    queue: {maxMessages: 50}
    deadLetterTopic: plant/dead
    deadLetterQos: 2
  other:
replies:
  allow: [plant/+/reply/#, $x]
  allowLoops: true
  maxPayloadBytes: 1KiB
  resultTimeout: 2s
  maxOutstandingMessages: 7
  maxOutstandingBytes: 8KiB
  onRefused: retry
workers:
  listen: 0.0.0.0:7000
  tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key, clientCaFile: /etc/sluice/workers-ca.pem}
  insecure: false
  heartbeat: 3s
  maxFrameBytes: 2MiB
  maxWindow: {messages: 11, bytes: 12KiB}
  maxStreams: 13
  maxStreamAge: 2h
  maxStreamsPerConnection: 14
  maxStreamsPerPrincipal: 12
  maxConnections: 15
  maxConnectionsPerAddress: 16
  handshakesPerSecond: 17
  handshakesPerSecondPerAddress: 18
  handshakeTimeout: 19s
  threads: 2
  reflection: true
pressure: {replicas: 3, leaveShareAfter: 45s, noWorkersAfter: 0, high: 80, low: 40}
http: {listen: "[::1]:0"}
log: {level: debug, format: json}
shutdown: {drain: 1m}
journal:
  enabled: false
  path: /data/sluice
  fsync: always
  fsyncInterval: 20ms
  segmentBytes: 1MiB
  maxBytes: 2GiB
  maxMessages: 17
)");
  const MqttOptions& plant = config.connections.at("plant");
  EXPECT_EQ(plant.uri, "ssl://broker.example:8883");
  EXPECT_EQ(plant.username, "gateway");
  EXPECT_EQ(plant.password, "hunter2");
  EXPECT_EQ(plant.client_id, "sluice-x");
  EXPECT_FALSE(plant.mqtt5);
  EXPECT_TRUE(plant.clean_session);
  EXPECT_EQ(plant.session_expiry_s, 3'600u);
  EXPECT_EQ(plant.tls, (MqttTls{.enabled = true,
                                .ca_file = "/etc/sluice/ca.pem",
                                .cert_file = "/etc/sluice/client.pem",
                                .key_file = "/etc/sluice/client.key",
                                .verify_hostname = false}));
  EXPECT_EQ(plant.keep_alive_s, 60u);
  EXPECT_EQ(plant.connect_timeout, seconds(5));
  EXPECT_EQ(plant.max_reconnect_interval, seconds(90));
  EXPECT_EQ(plant.receive_maximum, 10);
  EXPECT_EQ(plant.publish_window, 20);
  EXPECT_EQ(plant.max_packet_bytes, 1u << 20);

  const RouteConfig& route = config.routes.at(0);
  EXPECT_EQ(route.id, "temperature");
  EXPECT_EQ(route.connection, "plant");
  EXPECT_EQ(route.filter, "plant/+/temp");
  EXPECT_EQ(route.share, "sluice");
  EXPECT_EQ(route.qos, Qos::kExactlyOnce);
  EXPECT_THAT(route.from_processors, ElementsAre("setJsonDataType", "headersToMetadata"));
  EXPECT_THAT(route.to_processors, ElementsAre("responseToBody", "metadataToHeaders"));
  EXPECT_EQ(route.target, "temperature:node3");
  EXPECT_TRUE(route.trust_reply_headers);
  EXPECT_THAT(config.routes.at(1).chains, ElementsAre("a", "line-*"));
  EXPECT_EQ(config.max_template_chains, 50u);
  EXPECT_EQ(config.template_chain_idle, minutes(1));

  const ChainOptions& chain = config.chains.at("temperature");
  EXPECT_EQ(chain.order_by, (OrderBy{.kind = OrderBy::Kind::kLevel, .level = 2}));
  EXPECT_EQ(chain.lease, seconds(5));
  EXPECT_EQ(chain.max_lease, minutes(1));
  EXPECT_EQ(chain.max_attempts, 3u);
  EXPECT_EQ(chain.retry_backoff, Millis(100));
  EXPECT_EQ(chain.max_retry_backoff, seconds(2));
  EXPECT_EQ(chain.max_messages, 50u);
  EXPECT_EQ(chain.max_bytes, 1u << 20) << "from chainDefaults";
  EXPECT_EQ(chain.dead_letter_topic, "plant/dead");
  EXPECT_EQ(chain.dead_letter_qos, Qos::kExactlyOnce);
  EXPECT_EQ(config.chains.at("other"), config.chain_defaults);
  EXPECT_EQ(config.chain_defaults.max_attempts, 9u);

  EXPECT_THAT(config.replies.allow, ElementsAre("plant/+/reply/#", "$x"));
  EXPECT_TRUE(config.replies.allow_loops);
  EXPECT_EQ(config.replies.max_payload_bytes, 1'024u);
  EXPECT_EQ(config.replies.result_timeout, seconds(2));
  EXPECT_EQ(config.replies.max_outstanding_messages, 7u);
  EXPECT_EQ(config.replies.max_outstanding_bytes, 8'192u);
  EXPECT_EQ(config.replies.on_refused, OnRefused::kRetry);

  EXPECT_EQ(config.workers.listen, "0.0.0.0:7000");
  EXPECT_EQ(config.workers.tls, (ListenerTls{.cert_file = "/etc/sluice/server.pem",
                                             .key_file = "/etc/sluice/server.key",
                                             .client_ca_file = "/etc/sluice/workers-ca.pem"}));
  EXPECT_FALSE(config.workers.insecure);
  EXPECT_EQ(config.workers.heartbeat, seconds(3));
  EXPECT_EQ(config.workers.max_frame_bytes, 2u << 20);
  EXPECT_EQ(config.workers.max_window_messages, 11u);
  EXPECT_EQ(config.workers.max_window_bytes, 12u << 10);
  EXPECT_EQ(config.workers.max_streams, 13u);
  EXPECT_EQ(config.workers.max_stream_age, minutes(120));
  EXPECT_EQ(config.workers.max_streams_per_connection, 14u);
  EXPECT_EQ(config.workers.max_streams_per_principal, 12u);
  EXPECT_EQ(config.workers.max_connections, 15u);
  EXPECT_EQ(config.workers.max_connections_per_address, 16u);
  EXPECT_EQ(config.workers.handshakes_per_second, 17u);
  EXPECT_EQ(config.workers.handshakes_per_second_per_address, 18u);
  EXPECT_EQ(config.workers.handshake_timeout, Millis(19'000));
  EXPECT_EQ(config.workers.threads, 2u);
  EXPECT_TRUE(config.workers.reflection);
  EXPECT_EQ(
      config.pressure,
      (PressureConfig{
          .replicas = 3, .leave_share_after = seconds(45), .no_workers_after = seconds(0), .high = 80, .low = 40}));
  EXPECT_EQ(config.http.listen, "[::1]:0");
  EXPECT_EQ(config.log, (LogConfig{.level = "debug", .format = "json"}));
  EXPECT_EQ(config.shutdown_drain, minutes(1));
  EXPECT_EQ(config.journal, (JournalConfig{.enabled = false,
                                           .path = "/data/sluice",
                                           .fsync = Fsync::kAlways,
                                           .fsync_interval = Millis(20),
                                           .segment_bytes = 1u << 20,
                                           .max_bytes = 2ull << 30,
                                           .max_messages = 17}));
}

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

TEST_F(Load, SettingsReplaceWhatTheFileSays) {
  const std::vector<Setting> settings = {{{"workers", "listen"}, "0.0.0.0:1"}, {{"log", "level"}, "debug"}};
  LoadResult result = world_.Load(kMinimal, settings);
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.workers.listen, "0.0.0.0:1");
  EXPECT_EQ(result.config.log.level, "debug");
}

TEST_F(Load, SettingsAreNotExpandedAndTheirErrorsNameTheCommandLine) {
  const std::vector<Setting> settings = {{{"log", "level"}, "${HOME}"}};
  EXPECT_EQ(Lines(world_.Load(kMinimal, settings)),
            "command line: log.level: found '${HOME}'; allowed: debug, info, warning, error\n");
}

TEST_F(Load, ReadsAFile) {
  world_.files["/etc/sluice/gw.yaml"] = std::string(kMinimal);
  EXPECT_EQ(LoadConfigFile("/etc/sluice/gw.yaml", world_.surroundings()).config, Config(kMinimal));
  EXPECT_EQ(Lines(LoadConfigFile("/nowhere.yaml", world_.surroundings())),
            "command line: --config /nowhere.yaml: No such file or directory\n");
}

}  // namespace
}  // namespace sluice
