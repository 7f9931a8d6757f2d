// Which of its servers a connection goes to: those of its list one after the other, and one that a broker names
// instead of itself (MQTT 5.0 §4.11) before them. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "server/mqtt/options.h"

namespace sluice {

// All that `options` name, in their order.
std::vector<std::string> ServersOf(const MqttOptions& options);

// Not thread-safe.
class ServerList {
 public:
  // So often in a row a connection goes where brokers send it, until one of these connections has held.
  static constexpr size_t kMostReferrals = 4;

  explicit ServerList(const MqttOptions& options);

  // The URI of the attempt that is next or under way, or of the connection there is.
  const std::string& current() const { return named_.empty() ? servers_[at_] : named_; }
  // Its place in the list, from 1; 0: a broker has named it.
  size_t place() const { return named_.empty() ? at_ + 1 : 0; }
  // There may be more than one.
  bool several() const { return servers_.size() > 1 || follows_; }
  // It is not the one that the last connection was to, or nobody knows. What this process holds of a session need not be
  // of the session that it has.
  bool changed() const { return several() && last_ != current(); }

  // The attempt has become a connection. When that breaks it is the first to be tried again, as it has the session.
  void Up();
  // That connection has held for a while.
  void Held() { referrals_ = 0; }
  // The attempt has failed. False: all have been tried, so that it is time for a pause.
  bool Failed();
  // The broker names these instead of itself, URIs, the best first. True: one of them is current now, to be tried
  // without a pause; false: it is not to be followed, or no more.
  bool Refer(const std::vector<std::string>& named);

 private:
  const std::vector<std::string> servers_;
  const bool follows_;
  size_t at_ = 0;
  std::string named_;  // By a broker; empty: `at_` counts.
  std::string last_;   // Of the last connection.
  size_t tried_ = 0;   // Of the list, since the last pause or connection.
  size_t referrals_ = 0;
};

}  // namespace sluice
