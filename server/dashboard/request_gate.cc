#include "server/dashboard/request_gate.h"

#include <algorithm>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr size_t kMostShown = 100;

std::string Shown(std::string_view text) { return text::Concat("'", text.substr(0, kMostShown), "'"); }

// "Gateway.plant:8090" → "gateway.plant"; "[::1]:8090" → "[::1]".
std::string NameOf(std::string_view authority) {
  const size_t end = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  const size_t colon = authority.find(':', end == std::string_view::npos ? 0 : end);
  std::string name = text::Lower(authority.substr(0, colon));
  if (name.ends_with('.')) name.pop_back();
  return name;
}

// No name can look like one: the last label of a name is never all digits (RFC 3696, 2).
bool IsNumeric(std::string_view name) {
  if (name.starts_with('[')) return name.ends_with(']');
  const std::string_view last = name.substr(name.find_last_of('.') + 1);
  return std::ranges::count(name, '.') == 3 && !last.empty() &&
         std::ranges::all_of(last, [](char c) { return text::IsDigit(c); });
}

}  // namespace

bool RequestGate::Knows(std::string_view host) const {
  return host == "localhost" || IsNumeric(host) || std::ranges::find(hosts_, host) != hosts_.end();
}

std::optional<GateRefusal> RequestGate::CheckHost(const HttpRequest& request) const {
  const std::vector<std::string_view> hosts = request.All("host");
  if (hosts.size() != 1) return GateRefusal{400, "a request has one Host"};
  const std::string name = NameOf(hosts.front());
  if (Knows(name)) return std::nullopt;
  return GateRefusal{421, text::Concat("the host ", Shown(name), " is not in admin.dashboard.hosts")};
}

std::optional<GateRefusal> RequestGate::CheckCall(const HttpRequest& request) const {
  if (request.All(kDashboardHeader).empty()) {
    return GateRefusal{403, "the header Sluice-Dashboard is not there; send it with any value"};
  }
  for (const std::string_view site : request.All("sec-fetch-site")) {
    if (site != "same-origin" && site != "none") return GateRefusal{403, text::Concat("it comes from ", Shown(site))};
  }
  const std::vector<std::string_view> hosts = request.All("host");
  for (const std::string_view origin : request.All("origin")) {
    const bool secure = origin.starts_with("https://");
    const size_t begin = origin.find("://");
    const std::string_view authority = begin == std::string_view::npos ? "" : origin.substr(begin + 3);
    const bool scheme_is_ours = secure || (!tls_ && origin.starts_with("http://"));
    if (!scheme_is_ours || hosts.size() != 1 || !text::EqualsIgnoreCase(authority, hosts.front())) {
      return GateRefusal{403, text::Concat("it comes from a page of ", Shown(origin))};
    }
  }
  if (!request.post) return std::nullopt;
  for (const std::string_view type : request.All("content-type")) {
    if (text::Lower(type.substr(0, type.find(';'))) == "application/json") return std::nullopt;
  }
  return GateRefusal{415, "the body is not application/json"};
}

}  // namespace sluice
