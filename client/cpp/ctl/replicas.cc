#include "client/cpp/ctl/replicas.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

namespace sluice::ctl {

absl::StatusOr<std::vector<Target>> ReplicasOf(const Target& target) {
  const size_t colon = target.address.rfind(':');
  if (target.address.starts_with("unix:") || colon == std::string::npos || colon + 1 == target.address.size()) {
    return absl::InvalidArgumentError("--all asks every address behind a name: give --address HOST:PORT, not '" +
                                      target.address + "'");
  }
  const std::string host = target.address.substr(0, colon);
  const std::string port = target.address.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return absl::NotFoundError("'" + host + "' has no address: " + gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::set<std::string> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const bool ipv6 = each->ai_family == AF_INET6;
    addresses.insert((ipv6 ? "[" : "") + std::string(text) + (ipv6 ? "]:" : ":") + port);
  }
  std::vector<Target> replicas;
  for (const std::string& address : addresses) {
    Target& replica = replicas.emplace_back(target);
    replica.address = address;
    replica.server_name = host;
  }
  return replicas;
}

absl::StatusOr<std::vector<ReplicaTarget>> AllReplicas(const std::vector<Target>& targets) {
  std::vector<ReplicaTarget> all;
  for (const Target& target : targets) {
    if (targets.size() > 1 && target.address.starts_with("unix:")) {
      all.push_back({.target = target, .trouble = {}});
      continue;
    }
    absl::StatusOr<std::vector<Target>> replicas = ReplicasOf(target);
    if (!replicas.ok()) {
      if (targets.size() == 1) return replicas.status();
      all.push_back({.target = target, .trouble = replicas.status()});
      continue;
    }
    // Where a name stands for one address, people know it by the name.
    if (replicas->size() == 1) replicas->front().address = target.address;
    for (Target& one : *replicas) all.push_back({.target = std::move(one), .trouble = {}});
  }
  return all;
}

}  // namespace sluice::ctl
