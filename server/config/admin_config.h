// The listener for sluicectl.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/certificates/listener_tls.h"
#include "server/identity/authentication_options.h"
#include "server/identity/permission_rule.h"

namespace sluice {

// The same over HTTP, for browsers. Who they are, admin.auth says.
struct DashboardConfig {
  std::string listen;  // HOST:PORT; empty: none.
  std::optional<ListenerTls> tls;
  bool insecure = false;                   // Plain text on an address that others can reach.
  std::vector<std::string> hosts;          // What it is called by, in small letters and without a port.
  AdminRole unasked = AdminRole::kViewer;  // What those may whom nobody asks, without admin.auth.

  friend bool operator==(const DashboardConfig&, const DashboardConfig&) = default;
};

struct AdminConfig {
  // unix:PATH or HOST:PORT; empty: nobody administers. Nothing: admin.sock beside the journal, where there is one.
  std::optional<std::string> listen;
  std::optional<ListenerTls> tls;
  bool insecure = false;                      // Plain text on an address that others can reach.
  bool reflection = true;                     // grpc.reflection.
  std::optional<AuthenticationOptions> auth;  // Nothing: whoever reaches a HOST:PORT may all. Not for a Unix socket.
  DashboardConfig dashboard;

  friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

}  // namespace sluice
