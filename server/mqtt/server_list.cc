#include "server/mqtt/server_list.h"

#include <algorithm>

namespace sluice {

std::vector<std::string> ServersOf(const MqttOptions& options) {
  std::vector<std::string> servers = {options.uri};
  servers.insert(servers.end(), options.more_uris.begin(), options.more_uris.end());
  return servers;
}

ServerList::ServerList(const MqttOptions& options)
    : servers_(ServersOf(options)), follows_(options.follow_server_reference) {}

void ServerList::Up() {
  last_ = current();
  tried_ = 0;
}

bool ServerList::Failed() {
  named_.clear();
  at_ = (at_ + 1) % servers_.size();
  if (++tried_ < servers_.size()) return true;
  tried_ = 0;
  return false;
}

bool ServerList::Refer(const std::vector<std::string>& named) {
  if (!follows_ || referrals_ == kMostReferrals) return false;
  const auto other = std::ranges::find_if(named, [this](const std::string& uri) { return uri != current(); });
  if (other == named.end()) return false;
  ++referrals_;
  // It may be one of the list, whose place is known.
  const auto own = std::ranges::find(servers_, *other);
  named_ = own == servers_.end() ? *other : "";
  if (own != servers_.end()) at_ = static_cast<size_t>(own - servers_.begin());
  return true;
}

}  // namespace sluice
