#include "client/cpp/src/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <memory>
#include <tuple>
#include <utility>

namespace sluice::client {
namespace {

constexpr uint16_t kDefaultPort = 7443;

bool IsIp(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  return inet_pton(AF_INET, host.c_str(), binary.data()) == 1 || inet_pton(AF_INET6, host.c_str(), binary.data()) == 1;
}

Status Bad(std::string_view text, const char* why) {
  return {StatusCode::kInvalidArgument,
          "gateway \"" + std::string(text) + "\": " + why + "; give HOST:PORT, [IPv6]:PORT or HOST"};
}

bool SameReplica(const Address& a, const Address& b) { return a.ip == b.ip && a.port == b.port; }

std::vector<Address> Missing(const std::vector<Address>& from, const std::vector<Address>& in) {
  std::vector<Address> missing;
  for (const Address& address : from) {
    const auto same = [&](const Address& other) { return SameReplica(address, other); };
    if (std::none_of(in.begin(), in.end(), same) && std::none_of(missing.begin(), missing.end(), same)) {
      missing.push_back(address);
    }
  }
  return missing;
}

Status AskSystem(const std::string& host, std::vector<std::string>& ips) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return {StatusCode::kNotFound, gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    ips.emplace_back(text.data());
  }
  return {};
}

Status AskUser(const ResolverFunction& resolver, const std::string& host, std::vector<std::string>& ips) {
  try {
    if (Status status = resolver(host, ips); !status.ok()) return status;
  } catch (const std::exception& error) {
    return {StatusCode::kUnknown, std::string("options.resolver threw: ") + error.what()};
  } catch (...) {
    return {StatusCode::kUnknown, "options.resolver threw something that is not a std::exception"};
  }
  for (const std::string& ip : ips) {
    if (!IsIp(ip))
      return {StatusCode::kInvalidArgument, "options.resolver gave \"" + ip + "\", which is no IP address"};
  }
  return {};
}

}  // namespace

Status ParseTarget(std::string_view text, Target& target) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Bad(text, "the closing ] is missing");
    host = text.substr(1, close - 1);
    std::string_view rest = text.substr(close + 1);
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') return Bad(text, "only :PORT may follow the ]");
    if (has_port) port = rest.substr(1);
  } else if (const size_t colon = text.rfind(':'); colon != std::string_view::npos && text.find(':') == colon) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  if (host.empty()) return Bad(text, "the host is missing");
  if (host.find('/') != std::string_view::npos) return Bad(text, "it is not a URL");
  unsigned number = kDefaultPort;
  if (has_port) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc() || end != port.data() + port.size() || number < 1 || number > 65535) {
      return Bad(text, "the port is not a number from 1 to 65535");
    }
  }
  target.host = std::string(host);
  target.port = static_cast<uint16_t>(number);
  target.literal = IsIp(target.host);
  if (!target.literal && target.host.find(':') != std::string::npos) return Bad(text, "it is no IPv6 address");
  return {};
}

std::string Address::ToString() const {
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

std::string Address::Uri() const { return (ip.find(':') != std::string::npos ? "ipv6:" : "ipv4:") + ToString(); }

Lookup Resolve(const Target& target, Options::Family family, const ResolverFunction& resolver) {
  if (target.literal) return {.status = {}, .addresses = {{target.host, target.port, target.host}}};
  std::vector<std::string> ips;
  if (Status status = resolver ? AskUser(resolver, target.host, ips) : AskSystem(target.host, ips); !status.ok()) {
    return {.status = std::move(status), .addresses = {}};
  }
  std::vector<Address> v4;
  std::vector<Address> v6;
  for (std::string& ip : ips) {
    (ip.find(':') != std::string::npos ? v6 : v4).push_back({std::move(ip), target.port, target.host});
  }
  std::vector<Address> chosen;
  const bool want_v4 =
      family == Options::Family::kAll || (family == Options::Family::kPreferIpv4 ? !v4.empty() : v6.empty());
  const bool want_v6 = family == Options::Family::kAll || !want_v4;
  if (want_v4) chosen.insert(chosen.end(), v4.begin(), v4.end());
  if (want_v6) chosen.insert(chosen.end(), v6.begin(), v6.end());
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  if (chosen.empty()) return {.status = {StatusCode::kNotFound, "the name has no address"}, .addresses = {}};
  return {.status = {}, .addresses = std::move(chosen)};
}

AddressChanges Compare(const std::vector<Address>& before, const std::vector<Address>& after) {
  return {.added = Missing(after, before), .gone = Missing(before, after)};
}

}  // namespace sluice::client
