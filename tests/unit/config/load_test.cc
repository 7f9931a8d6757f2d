// What a right configuration becomes: defaults, every key, settings of the command line.
#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/load_fixture.h"

namespace sluice {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

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
