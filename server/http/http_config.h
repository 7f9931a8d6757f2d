// The listener for health and metrics.
#pragma once

#include <optional>
#include <string>

#include "server/certificates/listener_tls.h"

namespace sluice {

struct HttpConfig {
  std::string listen = "127.0.0.1:9090";  // HOST:PORT; port 0 picks a free one; empty: no HTTP.
  std::optional<ListenerTls> tls;         // Nothing: plain HTTP.
  std::string metrics_token_file;         // /metrics needs its content as a bearer token. Empty: it needs none.

  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

}  // namespace sluice
