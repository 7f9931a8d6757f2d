// What a connection to a broker says of itself.
#pragma once

#include <string>

namespace sluice {

// For /readyz, metrics and people.
struct ConnectionState {
  std::string name;  // "plant" or "plant (replies)".
  // Connected, and every subscription granted or stayed out of. A pause on purpose is not ready.
  bool ready = false;
  // Why not: "connection refused", "subscription 'a/#' refused: 0x87 not authorized", "paused: …"; when ready, what is
  // stayed out of: "left to others: '$share/g/a'", and which of several servers it is connected to.
  std::string detail;

  // `server`: empty where there is only one.
  void ShowServer(const std::string& server) {
    if (!ready || server.empty()) return;
    detail += (detail.empty() ? "connected to " : "; connected to ") + server;
  }
};

}  // namespace sluice
