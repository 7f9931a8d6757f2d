#include <utility>

#include "server/config/pem_files.h"
#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kFrameOverhead = 64u << 10;  // Of a frame that carries one message of the largest size.

void CheckSecurity(MapReader& map, const WorkersConfig& workers) {
  if (workers.tls && workers.insecure) {
    map.Error("insecure", "both tls and insecure: true are set; allowed: exactly one of them");
  } else if (!workers.tls && !workers.insecure) {
    map.Error(
        "insecure",
        "neither tls nor insecure is set, so it is not said how workers connect; write tls: {certFile: FILE, "
        "keyFile: FILE, clientCaFile: FILE}, or, for a first try or behind something that encrypts, insecure: true");
  } else if (workers.insecure && !workers.listen.starts_with("unix:")) {
    map.Warn("insecure", text::Concat("workers connect to ", workers.listen,
                                      " in plain text, and whoever reaches it reads messages and publishes replies"));
  }
}

}  // namespace

void ReadListenerTls(Reading& reading, const Section& section, const Entry& entry, std::string path,
                     std::string_view without_ca, const Entry* auth, ListenerTls& tls) {
  MapReader map(reading, section, entry, std::move(path));
  if (map.Find("certFile") != nullptr) map.Read("certFile", tls.cert_file);
  if (map.Find("keyFile") != nullptr) map.Read("keyFile", tls.key_file);
  map.Read("keyPasswordFile", tls.key_password_file);
  ReadTlsProtocol(map, tls.min_version, tls.ciphers);
  const bool asks = section.Has("clientCaFile");  // For clients' certificates.
  if (asks) {
    map.Read("clientCaFile", tls.client_ca_file);
    if (map.Read("clientCrl", tls.client_crl) && map.Find("clientCaFile") == nullptr) {
      map.Error("clientCrl", "no client shows a certificate without clientCaFile; allowed: both, or neither");
    }
  }
  CheckTlsFiles(reading, {map, "certFile", tls.cert_file}, {map, "keyFile", tls.key_file},
                {map, "keyPasswordFile", tls.key_password_file}, {map, "clientCaFile", tls.client_ca_file},
                {map, "clientCrl", tls.client_crl});
  if (asks && auth == nullptr && map.valid() && map.Find("clientCaFile") == nullptr) {
    map.Warn("clientCaFile", without_ca);
  }
}

void ReadWorkers(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("workers");
  if (entry == nullptr) return;
  WorkersConfig& workers = draft.config.workers;
  MapReader map(reading, kWorkersSection, *entry, "workers");
  if (!map.valid()) return;
  map.Read("listen", workers.listen);
  map.Read("socketMode", workers.socket_mode);
  if (workers.socket_mode != "0600" && !workers.listen.starts_with("unix:")) {
    map.Warn("socketMode", text::Concat("it is for a unix:PATH only, and workers.listen is ", workers.listen));
  }
  const Entry* auth = map.Find("auth");
  if (const Entry* tls = map.Find("tls")) {
    ReadListenerTls(reading, kWorkersTlsSection, *tls, "workers.tls",
                    "clientCaFile is not set, so any worker that reaches the port reads messages and publishes replies",
                    auth, workers.tls.emplace());
  }
  if (auth != nullptr) {
    workers.auth = ReadAuthentication(reading, *auth, "workers.auth", workers.tls);
  }
  const bool flag_is_wrong = map.Find("insecure") != nullptr && !map.Read("insecure", workers.insecure);
  if (!flag_is_wrong) CheckSecurity(map, workers);
  map.Read("heartbeat", workers.heartbeat);
  map.Read("maxFrameBytes", workers.max_frame_bytes);
  if (const Entry* window = map.Find("maxWindow")) {
    MapReader limits(reading, kWorkersWindowSection, *window, "workers.maxWindow");
    limits.Read("messages", workers.max_window_messages);
    limits.Read("bytes", workers.max_window_bytes);
  }
  map.Read("maxStreams", workers.max_streams);
  map.Read("maxStreamAge", workers.max_stream_age);
  map.Read("maxStreamsPerConnection", workers.max_streams_per_connection);
  if (uint32_t most = 0; map.Read("maxStreamsPerPrincipal", most)) workers.max_streams_per_principal = most;
  map.Read("maxConnections", workers.max_connections);
  map.Read("maxConnectionsPerAddress", workers.max_connections_per_address);
  map.Read("handshakesPerSecond", workers.handshakes_per_second);
  map.Read("handshakesPerSecondPerAddress", workers.handshakes_per_second_per_address);
  map.Read("handshakeTimeout", workers.handshake_timeout);
  map.Read("threads", workers.threads);
  map.Read("reflection", workers.reflection);
  for (const auto& [name, options] : draft.config.connections) {
    if (workers.max_frame_bytes >= options.max_packet_bytes + kFrameOverhead) continue;
    map.Error("maxFrameBytes",
              text::Concat("found ", workers.max_frame_bytes, " bytes, too few for the ", options.max_packet_bytes,
                           " bytes of connections.", name, ".maxPacketBytes and ", kFrameOverhead,
                           " more; allowed: a larger maxFrameBytes, or a smaller maxPacketBytes"));
  }
}

}  // namespace sluice
