// Which requests are looked at at all: those that a page of this very listener makes, or a person's tool, and none that
// another site makes a browser send.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/http_message.h"

namespace sluice {

// A header that pages of other sites cannot send without asking first, which nobody answers.
inline constexpr char kDashboardHeader[] = "sluice-dashboard";

struct GateRefusal {
  int status = 403;
  std::string why;  // For people; goes to the audit and to the caller.
};

// Thread-safe.
class RequestGate {
 public:
  // `hosts`: the names, in small letters, without a port, that the dashboard is called by besides its numeric addresses
  // and "localhost". `tls`: pages of this listener come by https.
  RequestGate(std::vector<std::string> hosts, bool tls) : hosts_(std::move(hosts)), tls_(tls) {}

  // Of every request. A name in Host that nobody has given to the dashboard is how another site's page reaches an address
  // inside (DNS rebinding): 421. Other than one Host: 400.
  std::optional<GateRefusal> CheckHost(const HttpRequest& request) const;
  // Of a call besides: it has kDashboardHeader, comes from a page of the same origin where it comes from a page, and is
  // JSON where it has a body. 403, 415.
  std::optional<GateRefusal> CheckCall(const HttpRequest& request) const;

 private:
  bool Knows(std::string_view host) const;

  const std::vector<std::string> hosts_;
  const bool tls_;
};

}  // namespace sluice
