#include <algorithm>
#include <utility>

#include "server/certificates/ciphers.h"
#include "server/config/address.h"
#include "server/config/client_id.h"
#include "server/config/pem_files.h"
#include "server/config/sections.h"
#include "server/mqtt/password_file.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// Of the files and their meaning; what only the wire driver can do is refused by CheckDriver().
void ReadTls(Reading& reading, MapReader& map, MqttTls& tls) {
  const Entry nothing;
  const Entry* more = map.Find("tls");
  MapReader inner(reading, kConnectionTlsSection, more == nullptr ? nothing : *more, map.PathOf("tls"));
  inner.Read("alpn", tls.alpn);
  inner.Read("keyPasswordFile", tls.key_password_file);
  inner.Read("crl", tls.crl);
  ReadTlsProtocol(inner, tls.min_version, tls.ciphers);
  map.Read("caFile", tls.ca_file);
  const bool cert = map.Read("certFile", tls.cert_file);
  const bool key = map.Read("certKeyFile", tls.key_file);
  if (cert && map.Find("certKeyFile") == nullptr) {
    map.Error("certFile", "a certificate without its key; set certKeyFile too, or neither");
  }
  if (key && map.Find("certFile") == nullptr) {
    map.Error("certKeyFile", "a key without its certificate; set certFile too, or neither");
  }
  if (!tls.key_password_file.empty() && map.Find("certKeyFile") == nullptr) {
    inner.Error("keyPasswordFile", "a password without its key; set certKeyFile and certFile too, or none of them");
  }
  map.Read("verifyHostname", tls.verify_hostname);
  CheckTlsFiles(reading, {map, "certFile", tls.cert_file}, {map, "certKeyFile", tls.key_file},
                {inner, "keyPasswordFile", tls.key_password_file}, {map, "caFile", tls.ca_file},
                {inner, "crl", tls.crl});
}

// Paho knows no revocation lists, lets no version be set that is above 1.2, and no ciphers of 1.3.
void CheckDriver(Reading& reading, MapReader& map, const MqttOptions& options) {
  const Entry* tls = map.Find("tls");
  if (tls == nullptr || options.driver != MqttDriver::kPaho) return;
  const auto refuse = [&](std::string_view key, std::string_view why) {
    for (const Entry& entry : tls->value.entries) {
      if (entry.key != key) continue;
      reading.Error(entry.value.at, text::Concat(map.PathOf("tls"), ".", key, ": driver is paho, which ", why,
                                                 "; allowed: driver: wire, or no such key"));
    }
  };
  if (!options.tls.crl.empty()) refuse("crl", "knows no revocation lists");
  if (options.tls.min_version != "1.2") refuse("minVersion", "cannot be kept to TLS 1.3");
  if (std::ranges::any_of(options.tls.ciphers, IsTls13Cipher)) refuse("ciphers", "takes ciphers of TLS 1.2 only");
}

// The first key of TLS that is set; empty: none is.
std::string_view TlsKey(MapReader& map) {
  for (std::string_view key : {"caFile", "certFile", "certKeyFile", "tls"}) {
    if (map.Find(key) != nullptr) return key;
  }
  return {};
}

// One of `server`; nothing: it was reported.
std::optional<ServerAddress> ReadAddress(Reading& reading, MapReader& map, Text text, const std::string& path) {
  absl::StatusOr<ServerAddress> server = ParseServerAddress(text.text);
  if (!server.ok()) {
    if (text.text.find('@') != std::string::npos) text.shown = "an address with '@', not shown";
    reading.Error(text.at, text::Concat(path, ": found ", text.shown, " (", text::Message(server.status()),
                                        "); allowed: ", Allowed(kConnectionSection.Find("server"))));
    return std::nullopt;
  }
  const std::string_view tls_key = TlsKey(map);
  if (server->scheme.empty()) {
    server->scheme = tls_key.empty() ? "tcp" : "ssl";
  } else if (!server->secure() && !tls_key.empty()) {
    reading.Error(text.at, text::Concat(path, ": found ", text.shown, ", which is plain text, while ", tls_key,
                                        " is set; allowed: ssl:// mqtts:// or wss://, or no TLS files"));
  }
  return *std::move(server);
}

void ReadServers(Reading& reading, MapReader& map, MqttOptions& options) {
  const bool has_password = map.Find("password") != nullptr || map.Find("passwordFile") != nullptr;
  std::vector<ServerAddress> servers;
  bool leaves = false;  // One is not on this machine.
  for (const auto& [text, path] : map.ReadTexts("server")) {
    std::optional<ServerAddress> server = ReadAddress(reading, map, text, path);
    if (!server) continue;
    const auto same = [&server](const ServerAddress& other) {
      return BrokerIdentity(other.Uri()) == BrokerIdentity(server->Uri());
    };
    if (std::ranges::any_of(servers, same)) {
      reading.Error(text.at, text::Concat(path, ": found ", text.shown,
                                          ", which is in the list already; allowed: each server once"));
      continue;
    }
    if (!servers.empty() && servers.front().secure() != server->secure()) {
      reading.Error(text.at, text::Concat(path, ": found ", text.shown, ", which is ",
                                          server->secure() ? "encrypted" : "plain text",
                                          ", while the first of the list is not; allowed: all with TLS, or none"));
      continue;
    }
    leaves |= !server->loopback();
    servers.push_back(*std::move(server));
  }
  if (servers.empty()) return;
  options.tls.enabled = servers.front().secure();
  options.uri = servers.front().Uri();
  for (size_t i = 1; i < servers.size(); ++i) options.more_uris.push_back(servers[i].Uri());
  if (options.tls.enabled && !options.tls.verify_hostname) {
    map.Warn("verifyHostname", "any certificate of the CA is taken for the broker's, whatever host it names");
  }
  if (!options.tls.enabled && has_password && leaves) {
    map.Warn("server", "the password is sent in plain text; ssl:// or wss:// would encrypt it");
  }
}

// A broker's word on where to go instead comes with MQTT 5 only, and Paho does not hand it on.
void ReadServerReference(MapReader& map, MqttOptions& options) {
  map.Read("followServerReference", options.follow_server_reference);
  if (!options.follow_server_reference) return;
  if (!options.mqtt5) {
    map.Error("followServerReference", "found true while protocol is 3.1.1, which knows none; allowed: false, or 5");
  } else if (options.driver == MqttDriver::kPaho) {
    map.Error("followServerReference",
              "found true while driver is paho, which hands none on; allowed: false, or driver: wire");
  }
}

// What the broker would not take, of the content of a file.
absl::Status CheckPassword(const std::string& content) {
  const std::string password = PasswordOf(content);
  if (password.empty()) return absl::InvalidArgumentError("is empty; allowed: the password, and a line break");
  if (password.size() <= kLongestPassword) return absl::OkStatus();
  return absl::InvalidArgumentError(text::Concat("has more than the ", kLongestPassword, " bytes of an MQTT password"));
}

void ReadPassword(Reading& reading, MapReader& map, MqttOptions& options) {
  map.Read("username", options.username);
  map.Read("password", options.password);
  std::string file;
  if (map.Read("passwordFile", file)) {
    absl::StatusOr<std::string> content = reading.surroundings().read_file(file);
    if (!content.ok()) {
      map.Error("passwordFile", text::Concat("file ", Quoted(file), ": ", text::Message(content.status())));
    } else if (absl::Status status = CheckPassword(*content); !status.ok()) {
      map.Error("passwordFile", text::Concat("file ", Quoted(file), " ", text::Message(status)));
    } else {
      options.password_file = file;
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

void ReadStatus(Reading& reading, MapReader& map, MqttOptions& options) {
  const Entry* entry = map.Find("status");
  if (entry == nullptr) return;
  MapReader inner(reading, kConnectionStatusSection, *entry, map.PathOf("status"));
  if (!inner.valid()) return;
  MqttStatus& status = options.status.emplace();
  inner.Read("topic", status.topic);
  inner.Read("online", status.online);
  inner.Read("offline", status.offline);
  inner.Read("qos", status.qos);
  inner.Read("retain", status.retain);
}

// Which connection replies have, and where the configuration says so.
void ReadReplies(Reading& reading, MapReader& map, MqttOptions& options, Draft::Connection& draft) {
  draft.client_id_at = draft.replies_client_id_at = draft.shared_at = draft.at;
  if (const Entry* id = map.Find("clientId")) draft.client_id_at = id->value.at;
  const bool named = map.Read("repliesClientId", options.replies_client_id);
  if (const Entry* id = map.Find("repliesClientId")) draft.replies_client_id_at = id->value.at;
  const Entry* entry = map.Find("replies");
  if (entry == nullptr) return;
  MapReader inner(reading, kConnectionRepliesSection, *entry, map.PathOf("replies"));
  std::string connection = "own";
  inner.Read("connection", connection);
  options.share_connection = connection == "shared";
  if (!options.share_connection) return;
  draft.shared_at = inner.Find("connection")->value.at;
  if (named)
    map.Error("repliesClientId", "replies.connection is shared, which has clientId only; allowed: one of them");
  if (options.driver == MqttDriver::kPaho) {
    inner.Error("connection",
                "found 'shared' while driver is paho, which only takes in; allowed: own, or driver: wire");
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
  ReadServers(reading, map, options);
  ReadPassword(reading, map, options);
  if (!options.mqtt5 && options.username.empty() && map.Find("username") == nullptr &&
      (map.Find("password") != nullptr || map.Find("passwordFile") != nullptr)) {
    map.Error("username", "a password without a username, which MQTT 3.1.1 does not allow; set username");
  }
  ReadSession(reading, map, options);
  ReadStatus(reading, map, options);
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
  CheckDriver(reading, map, options);
  ReadServerReference(map, options);
  ReadReplies(reading, map, options, draft.connections[entry.key]);
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
      reading.Error(connection.at, text::Concat("connections: '", connection.key, "' is given twice; the first is ",
                                                reading.Place(known->second.at, connection.at)));
      continue;
    }
    known->second.at = connection.at;
    ReadConnection(reading, connection, draft);
  }
}

}  // namespace sluice
