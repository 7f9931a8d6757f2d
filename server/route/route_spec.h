// A route as it is asked for: in words, as the configuration says it.
#pragma once

#include <string>
#include <vector>

#include "server/message/qos.h"
#include "server/message/retained.h"

namespace sluice {

// MakeRoute (route_table.h) checks it and makes a Route of it.
struct RouteSpec {
  std::string id;
  std::string connection;
  std::string filter;  // Without $share/GROUP/.
  std::string share;   // Empty: not shared.
  Qos qos = Qos::kAtMostOnce;
  Retained retained = Retained::kNew;
  std::vector<std::string> from_processors;
  std::vector<std::string> to_processors;
  bool trust_reply_headers = false;
  std::vector<std::string> chains;  // Of a template: patterns of the names it may make; empty: any.
  std::string target;  // `ID[:startNode]`, with ${…} a template, see target.h; without the "chain:" prefix.

  friend bool operator==(const RouteSpec&, const RouteSpec&) = default;
};

}  // namespace sluice
