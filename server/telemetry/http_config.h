// The listener for health and metrics.
#pragma once

#include <string>

namespace sluice {

struct HttpConfig {
  std::string listen = "127.0.0.1:9090";  // HOST:PORT; port 0 picks a free one; empty: no HTTP.

  friend bool operator==(const HttpConfig&, const HttpConfig&) = default;
};

}  // namespace sluice
