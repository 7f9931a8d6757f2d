// Which keys of two sections of the configuration differ, by the names that they have in the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"

namespace sluice {

// In the order of the file's documentation; none: the two are equal.
using Keys = std::vector<std::string_view>;

Keys DifferingKeys(const RouteConfig& a, const RouteConfig& b);
Keys DifferingKeys(const MqttOptions& a, const MqttOptions& b);
Keys DifferingKeys(const ChainOptions& a, const ChainOptions& b);
Keys DifferingKeys(const RepliesConfig& a, const RepliesConfig& b);
Keys DifferingKeys(const JournalConfig& a, const JournalConfig& b);

// "a, b, c".
std::string JoinKeys(const Keys& keys);

}  // namespace sluice
