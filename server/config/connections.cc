#include <algorithm>
#include <utility>

#include "server/config/address.h"
#include "server/config/client_id.h"
#include "server/config/pem_files.h"
#include "server/config/sections.h"
#include "server/config/text.h"

namespace sluice {
namespace {

void ReadTls(Reading& reading, MapReader& map, MqttTls& tls) {
  map.Read("caFile", tls.ca_file);
  const bool cert = map.Read("certFile", tls.cert_file);
  const bool key = map.Read("certKeyFile", tls.key_file);
  if (cert && map.Find("certKeyFile") == nullptr) {
    map.Error("certFile", "a certificate without its key; set certKeyFile too, or neither");
  }
  if (key && map.Find("certFile") == nullptr) {
    map.Error("certKeyFile", "a key without its certificate; set certFile too, or neither");
  }
  map.Read("verifyHostname", tls.verify_hostname);
  CheckPemFiles(reading, map, {"certFile", tls.cert_file}, {"certKeyFile", tls.key_file}, {"caFile", tls.ca_file});
}

// The first TLS file that is set; empty: none is.
std::string_view TlsKey(MapReader& map) {
  for (std::string_view key : {"caFile", "certFile", "certKeyFile"}) {
    if (map.Find(key) != nullptr) return key;
  }
  return {};
}

void ReadServer(MapReader& map, MqttOptions& options) {
  std::optional<Text> text = map.ReadText("server");
  if (!text) return;
  absl::StatusOr<ServerAddress> server = ParseServerAddress(text->text);
  if (!server.ok()) {
    if (text->text.find('@') != std::string::npos) text->shown = "an address with '@', not shown";
    map.Reject("server", *text, text::Message(server.status()));
    return;
  }
  const std::string_view tls_key = TlsKey(map);
  if (server->scheme.empty()) {
    server->scheme = tls_key.empty() ? "tcp" : "ssl";
  } else if (!server->secure() && !tls_key.empty()) {
    map.Error("server", text::Concat("found ", text->shown, ", which is plain text, while ", tls_key,
                                     " is set; allowed: ssl:// mqtts:// or wss://, or no TLS files"));
  }
  options.tls.enabled = server->secure();
  options.uri = server->Uri();
  if (options.tls.enabled && !options.tls.verify_hostname) {
    map.Warn("verifyHostname", "any certificate of the CA is taken for the broker's, whatever host it names");
  }
  const bool has_password = map.Find("password") != nullptr || map.Find("passwordFile") != nullptr;
  if (!options.tls.enabled && has_password && !server->loopback()) {
    map.Warn("server", "the password is sent in plain text; ssl:// or wss:// would encrypt it");
  }
}

void ReadPassword(Reading& reading, MapReader& map, MqttOptions& options) {
  map.Read("username", options.username);
  map.Read("password", options.password);
  std::string file;
  if (map.Read("passwordFile", file)) {
    absl::StatusOr<std::string> content = reading.surroundings().read_file(file);
    if (!content.ok()) {
      map.Error("passwordFile", text::Concat("file ", Quoted(file), ": ", text::Message(content.status())));
    } else {
      if (content->ends_with('\n')) content->pop_back();
      if (content->ends_with('\r')) content->pop_back();
      options.password = *std::move(content);
    }
    if (map.Find("password") != nullptr) {
      map.Error("passwordFile", "both password and passwordFile are set; allowed: one of them");
    }
  }
}

void ReadSession(Reading& reading, MapReader& map, MqttOptions& options) {
  map.Read("cleanSession", options.clean_session);
  map.Read("clientId", options.client_id);
  map.ReadSeconds("sessionExpiry", options.session_expiry_s);
  if (options.clean_session) return;
  if (options.client_id.empty()) {
    options.client_id = DerivedClientId(reading.surroundings().host_name, options.name);
    map.Warn("clientId",
             text::Concat("clientId is not set while cleanSession is false: '", options.client_id,
                          "' is used; set it if the host name may change, or each change leaves a session with "
                          "its messages behind at the broker"));
  }
  if (options.mqtt5 && options.session_expiry_s == 0) {
    map.Warn("sessionExpiry", "0 ends the session with the connection: messages of an outage are lost");
  }
}

void ReadConnection(Reading& reading, const Entry& entry, Draft& draft) {
  MapReader map(reading, kConnectionSection, entry, text::Concat("connections.", entry.key));
  if (!map.valid()) return;
  MqttOptions& options = draft.config.connections[entry.key];
  options.name = entry.key;
  std::string protocol = "5";
  map.Read("protocol", protocol);
  options.mqtt5 = protocol == "5";
  ReadTls(reading, map, options.tls);
  ReadServer(map, options);
  ReadPassword(reading, map, options);
  if (!options.mqtt5 && options.username.empty() && map.Find("username") == nullptr &&
      (map.Find("password") != nullptr || map.Find("passwordFile") != nullptr)) {
    map.Error("username", "a password without a username, which MQTT 3.1.1 does not allow; set username");
  }
  ReadSession(reading, map, options);
  map.Read("qos", draft.connections[entry.key].qos);
  map.ReadSeconds("keepAlive", options.keep_alive_s);
  uint32_t connect_timeout_s = 0;
  if (map.ReadSeconds("connectTimeout", connect_timeout_s)) {
    options.connect_timeout = std::chrono::seconds(connect_timeout_s);
  }
  map.Read("maxReconnectInterval", options.max_reconnect_interval);
  map.Read("receiveMaximum", options.receive_maximum);
  map.Read("publishWindow", options.publish_window);
  map.Read("maxPacketBytes", options.max_packet_bytes);
  std::string driver = "wire";
  map.Read("driver", driver);
  options.driver = driver == "paho" ? MqttDriver::kPaho : MqttDriver::kWire;
}

// Two connections with one client id on one broker throw each other out for ever (MQTT 5.0 §3.1.4).
void CheckClientIds(Reading& reading, const Draft& draft) {
  std::map<std::pair<std::string, std::string>, std::string> taken;
  std::map<std::pair<std::string, std::string>, std::string> taken_on_host;
  for (const auto& [name, options] : draft.config.connections) {
    if (options.client_id.empty() || options.uri.empty()) continue;
    const Position at = draft.connections.find(name)->second.at;
    const std::string broker = BrokerIdentity(options.uri);
    auto [other, is_new] = taken.try_emplace({broker, options.client_id}, name);
    if (!is_new) {
      reading.Error(
          at, text::Concat("connections.", name, ": has the clientId and the server of connections.", other->second,
                           ", so the broker would end one for the other; allowed: a clientId of its own"));
      continue;
    }
    // Often one broker with several listeners.
    const std::string host = broker.substr(0, broker.rfind(':'));
    auto [neighbour, first_on_host] = taken_on_host.try_emplace({host, options.client_id}, name);
    if (first_on_host) continue;
    reading.Warn(at, text::Concat("connections.", name, ": has the clientId of connections.", neighbour->second,
                                  " on another port of the same host; if one broker listens on both, it ends one "
                                  "connection for the other for ever"));
  }
}

}  // namespace

void ReadConnections(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("connections");
  if (entry == nullptr) return;
  if (entry->value.kind != Value::Kind::kMap || entry->value.entries.empty()) {
    top.Error("connections", "found no connection; allowed: a map of names, each with a map of keys");
    return;
  }
  for (const Entry& connection : entry->value.entries) {
    if (!text::IsWord(connection.key)) {
      reading.Error(connection.at,
                    "connections: a name that is not shown as it is no plain word; allowed: 1 to 64 letters, digits, "
                    "'-', '_' and '.', and a ': ' behind it");
      continue;
    }
    auto [known, is_new] = draft.connections.try_emplace(connection.key);
    if (!is_new) {
      reading.Error(connection.at, text::Concat("connections: '", connection.key,
                                                "' is given twice; the first is in line ", known->second.at.line));
      continue;
    }
    known->second.at = connection.at;
    ReadConnection(reading, connection, draft);
  }
  CheckClientIds(reading, draft);
}

}  // namespace sluice
