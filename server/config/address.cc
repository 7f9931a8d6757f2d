#include "server/config/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "server/runtime/text.h"

namespace sluice {
namespace {

struct HostPort {
  std::string host;
  std::optional<uint16_t> port;
};

bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (char c : host) {
    if (!text::IsAlnum(c) && c != '.' && c != '-' && c != '_') return false;
  }
  return true;
}

bool IsIpv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) == 1;
}

absl::StatusOr<HostPort> SplitHostPort(std::string_view text) {
  HostPort result;
  std::string_view rest;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return absl::InvalidArgumentError("the '[' of an IPv6 address has no ']'");
    result.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!IsIpv6(result.host)) return absl::InvalidArgumentError("what stands in brackets is no IPv6 address");
    if (!rest.empty() && !rest.starts_with(':')) {
      return absl::InvalidArgumentError("after the ']' of an IPv6 address only :PORT may follow");
    }
  } else {
    const size_t colon = text.find(':');
    if (colon != text.rfind(':')) {
      return absl::InvalidArgumentError("more than one ':' (an IPv6 address needs brackets: [::1]:1883)");
    }
    result.host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? "" : text.substr(colon);
    if (!result.host.empty() && !IsHostName(result.host)) {
      return absl::InvalidArgumentError("the host may hold letters, digits, '.', '-' and '_' only");
    }
  }
  if (rest.empty()) return result;
  rest.remove_prefix(1);
  uint16_t port = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  if (error != std::errc() || end != rest.data() + rest.size()) {
    return absl::InvalidArgumentError("the port must be a number up to 65535");
  }
  result.port = port;
  return result;
}

// The scheme's name in Paho's manner; empty when there is none such.
std::string_view NormalScheme(std::string_view scheme) {
  struct Alias {
    std::string_view written;
    std::string_view normal;
  };
  static constexpr Alias kAliases[] = {{"tcp", "tcp"},   {"mqtt", "tcp"}, {"ssl", "ssl"}, {"tls", "ssl"},
                                       {"mqtts", "ssl"}, {"ws", "ws"},    {"wss", "wss"}};
  for (const Alias& alias : kAliases) {
    if (text::EqualsIgnoreCase(scheme, alias.written)) return alias.normal;
  }
  return {};
}

uint16_t DefaultPort(std::string_view scheme) {
  if (scheme == "ssl") return 8883;
  if (scheme == "ws") return 80;
  if (scheme == "wss") return 443;
  return 1883;
}

// Addresses in one way of writing: IPv4 that is written as IPv6 (::ffff:127.0.0.1) or short (127.1) as IPv4. Names in
// small letters, without the dot at the end.
std::string OneName(const std::string& host) {
  in6_addr address{};
  in_addr four{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET6, host.c_str(), &address) == 1) {
    if (!IN6_IS_ADDR_V4MAPPED(&address)) {
      return inet_ntop(AF_INET6, &address, text.data(), text.size()) != nullptr ? text.data() : host;
    }
    std::memcpy(&four, address.s6_addr + 12, sizeof four);
    return inet_ntop(AF_INET, &four, text.data(), text.size()) != nullptr ? text.data() : host;
  }
  if (inet_aton(host.c_str(), &four) != 0 && inet_ntop(AF_INET, &four, text.data(), text.size()) != nullptr) {
    return text.data();
  }
  std::string name = text::Lower(host);
  if (name.size() > 1 && name.ends_with('.')) name.pop_back();
  return name;
}

bool IsWildcard(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

// "localhost" is either of the loopback addresses, and listeners may take both.
bool SameHost(const std::string& a, const std::string& b) {
  const auto is_loopback = [](const std::string& host) { return host == "127.0.0.1" || host == "::1"; };
  return a == b || (a == "localhost" && is_loopback(b)) || (b == "localhost" && is_loopback(a));
}

}  // namespace

bool ServerAddress::loopback() const { return host == "localhost" || host == "::1" || host.starts_with("127."); }

uint16_t ServerAddress::EffectivePort() const { return port != 0 ? port : DefaultPort(scheme); }

std::string ServerAddress::Uri() const { return text::Concat(scheme, "://", Authority(host, EffectivePort()), path); }

std::string Authority(std::string_view host, uint16_t port) {
  return text::Contains(host, ":") ? text::Concat("[", host, "]:", port) : text::Concat(host, ":", port);
}

std::string BrokerIdentity(std::string_view uri) {
  const absl::StatusOr<ServerAddress> server = ParseServerAddress(uri);
  if (!server.ok()) return std::string(uri);
  std::string host = OneName(server->host);
  if (host == "127.0.0.1" || host == "::1") host = "localhost";
  return Authority(host, server->EffectivePort());
}

bool ListenersClash(const std::string& a, const std::string& b,
                    const std::function<std::string(const std::string& path)>& canonical) {
  const bool a_is_unix = a.starts_with("unix:");
  if (a_is_unix != b.starts_with("unix:")) return false;
  if (a_is_unix) return canonical(a.substr(5)) == canonical(b.substr(5));
  const absl::StatusOr<HostPort> first = SplitHostPort(a);
  const absl::StatusOr<HostPort> second = SplitHostPort(b);
  if (!first.ok() || !second.ok() || !first->port || first->port != second->port || first->port == uint16_t{0}) {
    return false;
  }
  const std::string first_host = OneName(first->host);
  const std::string second_host = OneName(second->host);
  return IsWildcard(first_host) || IsWildcard(second_host) || SameHost(first_host, second_host);
}

absl::StatusOr<ServerAddress> ParseServerAddress(std::string_view text) {
  ServerAddress result;
  if (text::Contains(text, "@")) {
    return absl::InvalidArgumentError("user and password do not belong into the address: use username and password");
  }
  if (const size_t end = text.find("://"); end != std::string_view::npos) {
    if (text::EqualsIgnoreCase(text.substr(0, end), "ref")) {
      return absl::InvalidArgumentError(
          "ref:// borrows a connection in RuleGo; in Sluice a connection is named once, and routes share it by "
          "routes[].connection");
    }
    result.scheme = NormalScheme(text.substr(0, end));
    if (result.scheme.empty()) return absl::InvalidArgumentError("unknown scheme");
    text.remove_prefix(end + 3);
  }
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    result.path = text.substr(slash);
    text = text.substr(0, slash);
    const bool websocket = result.scheme == "ws" || result.scheme == "wss";
    if (!websocket && result.path != "/") return absl::InvalidArgumentError("only ws:// and wss:// have a path");
    if (!websocket) result.path.clear();
    for (char c : result.path) {
      if (text::IsBlankOrControl(c) || static_cast<unsigned char>(c) > 0x7F || c == '#') {
        return absl::InvalidArgumentError("the path may hold printable ASCII without blanks and '#' only");
      }
    }
  }
  absl::StatusOr<HostPort> host_port = SplitHostPort(text);
  if (!host_port.ok()) return host_port.status();
  if (host_port->host.empty() && !host_port->port) return absl::InvalidArgumentError("the host is missing");
  if (host_port->port == uint16_t{0}) return absl::InvalidArgumentError("the port must be from 1 to 65535");
  result.host = host_port->host.empty() ? "127.0.0.1" : host_port->host;
  result.port = host_port->port.value_or(0);
  return result;
}

absl::Status CheckNoTilde(std::string_view path) {
  if (!path.starts_with('~')) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "'~' is not expanded; write the whole path, or ${HOME} for it, or ./ before a name that begins with it");
}

absl::Status CheckListenAddress(std::string_view text, bool unix_allowed) {
  if (text.starts_with("unix:")) {
    if (!unix_allowed) return absl::InvalidArgumentError("a Unix socket is not possible here");
    if (absl::Status status = CheckNoTilde(text.substr(5)); !status.ok()) return status;
    // sockaddr_un holds 108 bytes with the terminating zero.
    if (text.size() <= 5 || text.size() > 5 + 107) {
      return absl::InvalidArgumentError("the path of a Unix socket must have 1 to 107 bytes");
    }
    return absl::OkStatus();
  }
  absl::StatusOr<HostPort> host_port = SplitHostPort(text);
  if (!host_port.ok()) return host_port.status();
  if (!host_port->port) return absl::InvalidArgumentError("the port is missing");
  if (host_port->host.empty()) {
    return absl::InvalidArgumentError(
        "the host is missing; 0.0.0.0 is every address of this machine, 127.0.0.1 this machine only");
  }
  return absl::OkStatus();
}

bool ListensOnLoopback(std::string_view listen) {
  const std::string_view host = listen.substr(0, listen.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace sluice
