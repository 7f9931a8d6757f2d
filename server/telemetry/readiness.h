// What has to be ready before the gateway is.
#pragma once

#include <string>

namespace sluice {

// One thing: a connection, a listener, the process (not while draining).
struct ReadinessItem {
  std::string name;  // "connection plant"
  bool ready = false;
  std::string detail;  // Why not, for people: "connection refused". Never a secret.
};

}  // namespace sluice
