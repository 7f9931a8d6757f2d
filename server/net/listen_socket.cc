#include "server/net/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>

#include "server/runtime/error_text.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// As many as the kernel takes (net.core.somaxconn).
constexpr int kBacklog = 4'096;

absl::Status CannotListen(const std::string& listen, std::string_view why) {
  return absl::UnavailableError(text::Concat("cannot listen on ", listen, ": ", why));
}

struct HostPort {
  std::string host;  // Without brackets; empty: every address.
  std::string written_host;
  uint16_t port = 0;
};

std::optional<HostPort> Parse(std::string_view listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort out;
  const std::string_view digits = listen.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  std::string_view host = listen.substr(0, colon);
  out.written_host = host;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (text::Contains(host, ":")) {
    return std::nullopt;
  }
  out.host = host;
  return out;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

absl::StatusOr<Addresses> LookUp(const std::string& listen, const HostPort& where) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const bool any = where.host.empty();
  if (any) hints.ai_family = AF_INET6;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(any ? "::" : where.host.c_str(), std::to_string(where.port).c_str(), &hints, &found);
  if (error != 0) return CannotListen(listen, error == EAI_SYSTEM ? ErrorText(errno) : gai_strerror(error));
  return Addresses(found, &freeaddrinfo);
}

// Port `port` of `address`. Errors are errno's.
std::optional<FileDescriptor> ListenAt(const addrinfo& address, uint16_t port) {
  FileDescriptor fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return std::nullopt;
  const int yes = 1;
  // Not SO_REUSEPORT: a second gateway on the same port must fail, not share.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_storage at{};
  std::memcpy(&at, address.ai_addr, address.ai_addrlen);
  if (address.ai_family == AF_INET6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(at);
    const int only_v6 = IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) ? 0 : 1;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
    v6.sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in&>(at).sin_port = htons(port);
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), address.ai_addrlen) != 0) return std::nullopt;
  if (listen(fd.get(), kBacklog) != 0) return std::nullopt;
  return fd;
}

int PortOf(int fd) {
  sockaddr_storage at{};
  socklen_t size = sizeof at;
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  if (at.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(at).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(at).sin_port);
}

bool SameAddress(const addrinfo& a, const addrinfo& b) {
  return a.ai_addrlen == b.ai_addrlen && std::memcmp(a.ai_addr, b.ai_addr, a.ai_addrlen) == 0;
}

// Fails when one address of the host cannot be had for the reason `why` (errno): a half of a listener is worse than
// none. An address whose kind this machine does not have (IPv6 switched off) is left out, unless it is the only one.
std::optional<int> ListenAtAll(const addrinfo* found, uint16_t port, ListenSockets& out) {
  int last = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    bool again = false;
    for (const addrinfo* before = found; before != address; before = before->ai_next) {
      again = again || SameAddress(*before, *address);
    }
    if (again) continue;
    std::optional<FileDescriptor> fd = ListenAt(*address, port);
    if (!fd) {
      last = errno;
      if (last == EAFNOSUPPORT || last == EADDRNOTAVAIL) continue;
      return last;
    }
    // Port 0: all addresses have the same one.
    if (port == 0) port = static_cast<uint16_t>(PortOf(fd->get()));
    out.sockets.push_back(*std::move(fd));
  }
  if (!out.sockets.empty()) return std::nullopt;
  return last;
}

absl::StatusOr<ListenSockets> ListenOnTcp(const std::string& listen) {
  const std::optional<HostPort> where = Parse(listen);
  if (!where) return absl::InvalidArgumentError(listen + " is not HOST:PORT");
  absl::StatusOr<Addresses> found = LookUp(listen, *where);
  if (!found.ok()) return found.status();
  ListenSockets out;
  // A free port of one address may be taken at the next one of the host.
  const int attempts = where->port == 0 ? 5 : 1;
  std::optional<int> error;
  for (int i = 0; i < attempts; ++i) {
    out.sockets.clear();
    error = ListenAtAll(found->get(), where->port, out);
    if (!error && !out.sockets.empty()) break;
  }
  if (error && where->host.empty() && *error == EAFNOSUPPORT) {
    // No IPv6 here: every address is every address of IPv4.
    absl::StatusOr<ListenSockets> v4 = ListenOnTcp(text::Concat("0.0.0.0:", where->port));
    if (!v4.ok()) return CannotListen(listen, ErrorText(EAFNOSUPPORT));
    v4->address = text::Concat(":", v4->port);
    return v4;
  }
  if (error) return CannotListen(listen, ErrorText(*error));
  out.port = PortOf(out.sockets.front().get());
  out.address = text::Concat(where->written_host, ":", out.port);
  return out;
}

absl::StatusOr<ListenSockets> ListenOnUnix(const std::string& listen, mode_t mode) {
  ListenSockets out;
  absl::StatusOr<SocketClaim> claim = SocketClaim::Take(listen);
  if (!claim.ok()) {
    return absl::Status(claim.status().code(),
                        text::Concat("cannot listen on ", listen, ": ", text::Message(claim.status())));
  }
  out.claim = *std::move(claim);
  const std::string path = UnixPath(listen);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return CannotListen(listen, ErrorText(errno));
  // Linux makes the file with the mode of the socket's own inode, so it is never open to others, whatever the umask is.
  if (fchmod(fd.get(), 0600) != 0 || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), mode) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return CannotListen(listen, ErrorText(errno));
  }
  out.sockets.push_back(std::move(fd));
  out.address = listen;
  return out;
}

std::string NumericAddress(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
  } else {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      inet_ntop(AF_INET, &v6.s6_addr[12], text.data(), text.size());
    } else {
      inet_ntop(AF_INET6, &v6, text.data(), text.size());
    }
  }
  return text.data();
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<ListenSockets> ListenOn(const std::string& listen, mode_t socket_mode) {
  return IsUnixAddress(listen) ? ListenOnUnix(listen, socket_mode) : ListenOnTcp(listen);
}

Peer PeerOf(int fd, const sockaddr_storage& address) {
  Peer peer;
  if (address.ss_family != AF_INET && address.ss_family != AF_INET6) {
    peer.text = "unix";
    peer.address = "unix";
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.uid = credentials.uid;
      peer.pid = credentials.pid;
    }
    return peer;
  }
  peer.address = NumericAddress(address);
  const uint16_t port = ntohs(address.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(address).sin_port
                                                           : reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  const bool v6 = text::Contains(peer.address, ":");
  peer.text = text::Concat(v6 ? "[" : "", peer.address, v6 ? "]:" : ":", port);
  return peer;
}

AddressKey KeyOf(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    return {AddressKey::Kind::kIpv4, ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr)};
  }
  if (address.ss_family != AF_INET6) return {};
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  uint64_t bits = 0;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    for (size_t i = 12; i < 16; ++i) bits = bits << 8 | v6.s6_addr[i];
    return {AddressKey::Kind::kIpv4, bits};
  }
  for (size_t i = 0; i < 8; ++i) bits = bits << 8 | v6.s6_addr[i];
  return {AddressKey::Kind::kIpv6, bits};
}

std::string HostOf(const std::string& address) {
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address;
  std::fill(std::begin(v6.s6_addr) + 8, std::end(v6.s6_addr), 0);
  std::array<char, INET6_ADDRSTRLEN> text{};
  return text::Concat(inet_ntop(AF_INET6, &v6, text.data(), text.size()), "/64");
}

}  // namespace sluice
