// Where to connect to and where to listen, as text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// A broker's address, taken apart.
struct ServerAddress {
  std::string scheme;  // tcp, ssl, ws or wss; empty when none was written.
  std::string host;    // IPv6 without its brackets.
  uint16_t port = 0;   // 0: none was written.
  std::string path;    // Of ws and wss; begins with '/', or is empty.

  bool secure() const { return scheme == "ssl" || scheme == "wss"; }
  bool loopback() const;
  uint16_t EffectivePort() const;  // The scheme's own where none was written.
  // SCHEME://HOST:PORT[/PATH] with the effective port. Needs a scheme.
  std::string Uri() const;
};

// HOST:PORT, with brackets around an IPv6 address.
std::string Authority(std::string_view host, uint16_t port);

// HOST, HOST:PORT, :PORT (127.0.0.1), or one of these behind tcp:// mqtt:// ssl:// tls:// mqtts:// ws:// wss://. mqtt
// is tcp, tls and mqtts are ssl. IPv6 in brackets. The error's message says what is wrong without repeating the text,
// which may hold a password.
absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view text);

// One text for the usual ways to name one broker: "HOST:PORT" of a ServerAddress::Uri() with the host in small letters,
// without the dot at its end, and "localhost" for this machine's own addresses.
std::string BrokerIdentity(std::string_view uri);

// Refuses a path that a shell would have to expand; worded to stand behind a name of the thing.
absl::Status CheckNoTilde(std::string_view path);

// OK for HOST:PORT (port 0 … 65535; 0 picks a free one) and, with `unix_allowed`, unix:PATH.
absl::Status CheckListenAddress(std::string_view text, bool unix_allowed);

// Whether two listeners cannot have these addresses at once, each a HOST:PORT or unix:PATH that was checked. A wildcard
// takes the port of every address. `canonical` as in Surroundings.
bool ListenersClash(const std::string& a, const std::string& b,
                    const std::function<std::string(const std::string& path)>& canonical);

// Whether only this machine reaches `listen`, a HOST:PORT that was checked: localhost, 127.…, [::1].
bool ListensOnLoopback(std::string_view listen);

}  // namespace sluice
