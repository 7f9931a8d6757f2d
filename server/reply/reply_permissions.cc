#include "server/reply/reply_permissions.h"

#include "absl/strings/str_cat.h"

namespace sluice {

ReplyPermissions::ReplyPermissions(const std::vector<std::string>& allow, bool allow_loops,
                                   const std::vector<const Route*>& routes,
                                   const std::map<std::string, std::string>& broker_of)
    : allow_all_(allow.empty()), routes_(routes) {
  for (const std::string& filter : allow) allowed_.Insert(filter, 0);
  if (allow_loops) return;
  for (uint32_t i = 0; i < routes_.size(); ++i) {
    taken_in_[broker_of.at(routes_[i]->connection)].Insert(routes_[i]->filter, i);
  }
  for (const auto& [connection, broker] : broker_of) {
    if (auto it = taken_in_.find(broker); it != taken_in_.end()) by_connection_.emplace(connection, &it->second);
  }
}

bool ReplyPermissions::Permits(const Route& route, std::string_view topic, std::string& why) const {
  // Reused, so that a reply costs no allocation.
  thread_local std::vector<uint32_t> matches;
  if (allow_all_) {
    if (topic.starts_with('$')) {
      why = "topics that begin with '$' are allowed only where replies.allow names them";
      return false;
    }
  } else {
    matches.clear();
    allowed_.Match(topic, matches);
    if (matches.empty()) {
      why = "no filter of replies.allow matches the topic";
      return false;
    }
  }
  auto taken_in = by_connection_.find(route.connection);
  if (taken_in == by_connection_.end()) return true;
  matches.clear();
  taken_in->second->Match(topic, matches);
  if (matches.empty()) return true;
  why = absl::StrCat("route '", routes_[matches.front()]->id,
                     "' would take the reply in again; replies.allowLoops permits that");
  return false;
}

}  // namespace sluice
