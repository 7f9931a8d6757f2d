#include "server/mqtt/transport/endpoint.h"

#include <algorithm>

#include "server/config/address.h"

namespace sluice {

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view uri) {
  absl::StatusOr<ServerAddress> address = ParseServerAddress(uri);
  if (!address.ok()) return address.status();
  Endpoint endpoint{.host = address->host,
                    .port = address->EffectivePort(),
                    .tls = address->secure(),
                    .websocket = address->scheme == "ws" || address->scheme == "wss",
                    .path = address->path};
  if (endpoint.websocket && endpoint.path.empty()) endpoint.path = "/mqtt";
  return endpoint;
}

std::vector<std::string> ServersReferredTo(std::string_view reference, std::string_view uri) {
  std::vector<std::string> uris;
  const absl::StatusOr<ServerAddress> own = ParseServerAddress(uri);
  if (!own.ok()) return uris;
  while (!reference.empty()) {
    const size_t end = std::min(reference.find(' '), reference.size());
    const std::string_view name = reference.substr(0, end);
    reference.remove_prefix(std::min(end + 1, reference.size()));
    if (name.empty()) continue;
    absl::StatusOr<ServerAddress> named = ParseServerAddress(name);
    if (!named.ok() || named->host.empty()) continue;
    if (named->scheme.empty()) {
      named->scheme = own->scheme;
      named->path = own->path;
    }
    if (named->secure() == own->secure()) uris.push_back(named->Uri());
  }
  return uris;
}

std::string_view WithoutRootDot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace sluice
