// Ends what another replica has left at the brokers.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

struct EndedSession {
  std::string connection;
  std::string client_id;
  bool ended = false;
  std::string detail;  // Why not, for people.
};

// Thread-safe. May wait for brokers, for seconds.
class SessionEnder {
 public:
  virtual ~SessionEnder() = default;
  // `gateway` is the name of a replica, or empty, and then `client_id` is one; `connection` empty: all. An error says
  // what is wrong with these; what went wrong at a broker stands in the answer.
  virtual absl::StatusOr<std::vector<EndedSession>> EndSessions(const std::string& gateway,
                                                                const std::string& client_id,
                                                                const std::string& connection) = 0;
};

}  // namespace sluice
