// Where and how an MQTT client connects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/message/qos.h"
#include "server/runtime/clock.h"

namespace sluice {

struct MqttTls {
  bool enabled = false;
  std::string ca_file;    // Empty: the system's.
  std::string cert_file;  // Both or neither.
  std::string key_file;
  std::string key_password_file;     // Decrypts key_file.
  std::string crl;                   // A file (PEM or DER) or a directory: brokers' certificates that are withdrawn.
  std::string min_version = "1.2";   // Or "1.3".
  std::vector<std::string> ciphers;  // Names; empty: all with forward secrecy.
  bool verify_hostname = true;
  std::vector<std::string> alpn;  // Protocols to offer, the best first; empty: none. Each 1 … 255 bytes.

  friend bool operator==(const MqttTls&, const MqttTls&) = default;
};

// Which client takes messages in. Replies always go out through wire/.
enum class MqttDriver : uint8_t { kWire, kPaho };

// What tells others whether the gateway is there: published when the connection for replies comes up, and by the
// broker, as its will, when it goes.
struct MqttStatus {
  std::string topic;
  std::string online = "online";
  std::string offline = "offline";  // At most 65,535 bytes.
  Qos qos = Qos::kAtLeastOnce;
  bool retain = true;

  friend bool operator==(const MqttStatus&, const MqttStatus&) = default;
};

// Where and how to connect. Checked when the configuration is read.
struct MqttOptions {
  std::string name;  // Of the connection in the configuration.
  MqttDriver driver = MqttDriver::kWire;
  // tcp:// ssl:// ws:// wss:// HOST:PORT[/PATH]
  std::string uri;
  // Tried one after the other where `uri` cannot be reached; all with TLS, or none. See server_list.h.
  std::vector<std::string> more_uris;
  // MQTT 5: goes where the broker says that it is to go instead, with the same TLS, or none.
  bool follow_server_reference = false;
  MqttTls tls;
  std::string username;
  std::string password;       // A secret: never logged.
  std::string password_file;  // Read at each attempt to connect; then `password` is empty.
  std::string client_id;      // Empty: the broker chooses.
  // Of the connection for replies; empty: see RepliesClientId() in client_id.h.
  std::string replies_client_id;
  // Replies go out through the connection that takes in.
  bool share_connection = false;
  std::optional<MqttStatus> status;
  bool mqtt5 = true;
  bool clean_session = false;
  uint32_t session_expiry_s = 86'400;
  uint32_t keep_alive_s = 30;
  Millis connect_timeout{10'000};
  Millis max_reconnect_interval{60'000};
  uint32_t max_packet_bytes = 32u << 20;
  uint16_t receive_maximum = 1'000;  // Intake: how much the broker may send unacknowledged.
  uint16_t publish_window = 100;     // Egress: own bound, further held below the broker's Receive Maximum.

  friend bool operator==(const MqttOptions&, const MqttOptions&) = default;
};

}  // namespace sluice
