// The listener for sluicectl.
#pragma once

#include <optional>
#include <string>

#include "server/certificates/listener_tls.h"
#include "server/identity/authentication_options.h"

namespace sluice {

struct AdminConfig {
  // unix:PATH or HOST:PORT; empty: nobody administers. Nothing: admin.sock beside the journal, where there is one.
  std::optional<std::string> listen;
  std::optional<ListenerTls> tls;
  bool insecure = false;                      // Plain text on an address that others can reach.
  bool reflection = true;                     // grpc.reflection.
  std::optional<AuthenticationOptions> auth;  // Nothing: whoever reaches a HOST:PORT may all. Not for a Unix socket.

  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

}  // namespace sluice
