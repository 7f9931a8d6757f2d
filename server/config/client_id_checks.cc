// Two MQTT connections with one client id throw each other out of their broker for ever (MQTT 5.0 §3.1.4). A configured
// connection makes several, with ids that it derives.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/config/address.h"
#include "server/config/sections.h"
#include "server/mqtt/client_ids.h"
#include "server/mqtt/server_list.h"
#include "server/route/subscription_plan.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// An MQTT connection that the gateway will make.
struct Use {
  std::string connection;  // As configured.
  std::string what;        // "the connection for replies"; empty: the one that is named by clientId.
  Position at;             // Of what would have to change.
};

// How many connections its subscriptions need.
size_t GroupsOf(const std::string& connection, bool mqtt5, const Draft& draft) {
  std::vector<Route> routes;
  for (const RouteConfig& spec : draft.config.routes) {
    if (spec.connection != connection || spec.filter.empty()) continue;
    Route& route = routes.emplace_back();
    route.filter = spec.filter;
    route.share = spec.share;
    route.qos = spec.qos;
  }
  std::vector<const Route*> pointers;
  pointers.reserve(routes.size());
  for (const Route& route : routes) pointers.push_back(&route);
  return PlanSubscriptions(pointers, mqtt5).size();
}

// The users of an id, each with what it is called.
std::vector<std::pair<std::string, Use>> UsesOf(const MqttOptions& options, const Draft::Connection& draft,
                                                size_t groups) {
  std::vector<std::pair<std::string, Use>> uses;
  for (size_t i = 0; i < std::max<size_t>(1, groups); ++i) {
    std::string what = i == 0 ? "" : text::Concat("the connection ", i + 1, " for its overlapping filters");
    uses.push_back({IntakeClientId(options, i), {options.name, std::move(what), draft.client_id_at}});
  }
  if (!options.share_connection) {
    const Position at = options.replies_client_id.empty() ? draft.client_id_at : draft.replies_client_id_at;
    uses.push_back({RepliesClientId(options), {options.name, "the connection for its replies", at}});
  }
  return uses;
}

std::string Collision(const std::string& id, const Use& use, const Use& other) {
  if (use.what.empty() && other.what.empty()) {
    return text::Concat("connections.", use.connection, ": has the clientId and the server of connections.",
                        other.connection,
                        ", so the broker would end one for the other; allowed: a clientId of its own");
  }
  auto described = [](const Use& one) {
    return text::Concat("connections.", one.connection, one.what.empty() ? "" : text::Concat(" (", one.what, ")"));
  };
  return text::Concat(described(use), ": has the client id ", Quoted(id), ", as has ", described(other),
                      " on the same server, so the broker would end one for the other; allowed: a clientId or "
                      "repliesClientId that makes them differ");
}

using Taken = std::map<std::pair<std::string, std::string>, Use>;

// Whether `id` is another's on `broker`, which is reported.
bool Collides(Reading& reading, Taken& taken, const std::string& broker, const std::string& id, const Use& use,
              Position at) {
  const auto [other, is_new] = taken.try_emplace({broker, id}, use);
  if (is_new) return false;
  const bool both_named = use.what.empty() && other->second.what.empty();
  reading.Error(both_named ? at : use.at, Collision(id, use, other->second));
  return true;
}

}  // namespace

void CheckClientIds(Reading& reading, const Draft& draft) {
  Taken taken;
  std::map<std::pair<std::string, std::string>, std::string> taken_on_host;
  for (const auto& [name, options] : draft.config.connections) {
    if (options.uri.empty()) continue;
    const Draft::Connection& where = draft.connections.find(name)->second;
    const size_t groups = GroupsOf(name, options.mqtt5, draft);
    if (groups > 1 && options.share_connection) {
      reading.Error(where.shared_at,
                    text::Concat("connections.", name,
                                 ".replies.connection: found 'shared', which is one connection, while "
                                 "filters of its routes overlap, for which MQTT 3.1.1 needs ",
                                 groups, "; allowed: own, protocol \"5\", or filters that do not overlap"));
    }
    bool collides = false;
    for (auto& [id, use] : UsesOf(options, where, groups)) {
      // Of one that collides by its clientId all that is derived from it collides too, and says no more.
      if (id.empty() || collides) continue;
      for (const std::string& server : ServersOf(options)) {
        const std::string broker = BrokerIdentity(server);
        if (Collides(reading, taken, broker, id, use, where.at)) {
          collides = use.what.empty() && taken.at({broker, id}).what.empty();
          break;
        }
        if (!use.what.empty()) continue;
        // Often one broker with several listeners.
        const std::string host = broker.substr(0, broker.rfind(':'));
        const auto [neighbour, first_on_host] = taken_on_host.try_emplace({host, id}, name);
        if (first_on_host || neighbour->second == name) continue;
        reading.Warn(where.at,
                     text::Concat("connections.", name, ": has the clientId of connections.", neighbour->second,
                                  " on another port of the same host; if one broker listens on both, it ends "
                                  "one connection for the other for ever"));
      }
    }
  }
}

}  // namespace sluice
