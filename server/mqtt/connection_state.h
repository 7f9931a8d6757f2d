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
  // stayed out of: "left to others: '$share/g/a'".
  std::string detail;
};

}  // namespace sluice
