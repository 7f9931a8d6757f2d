#include "server/mqtt/transport/endpoint.h"

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

std::string_view WithoutRootDot(std::string_view host) {
  if (host.size() > 1 && host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace sluice
