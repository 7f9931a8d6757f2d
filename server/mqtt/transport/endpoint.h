// Where a connection goes, and through which protocols.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

struct Endpoint {
  std::string host;  // A name or an address; IPv6 without its brackets.
  uint16_t port = 0;
  bool tls = false;
  bool websocket = false;
  std::string path;  // Of a WebSocket; begins with '/'.
};

// Of MqttOptions::uri. A port that is not written is the scheme's, a WebSocket's path /mqtt.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view uri);

// What a broker names instead of itself (MQTT 5.0 §4.11: names or addresses, with blanks between them), as URIs. What is
// not said is as in `uri`, that of the broker. What is none, or has TLS where that has none, or none where that has it, is
// left out.
std::vector<std::string> ServersReferredTo(std::string_view reference, std::string_view uri);

// The name without the '.' that ends one that is looked up as it is, without the system's search list: certificates and
// HTTP have none.
std::string_view WithoutRootDot(std::string_view host);

}  // namespace sluice
