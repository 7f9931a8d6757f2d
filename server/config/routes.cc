#include <algorithm>
#include <optional>
#include <vector>

#include "server/config/nearest.h"
#include "server/config/sections.h"
#include "server/config/target.h"
#include "server/message/topic.h"
#include "server/message/topic_matcher.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::vector<std::string_view> Names(const Draft& draft) {
  std::vector<std::string_view> names;
  names.reserve(draft.connections.size());
  for (const auto& [name, connection] : draft.connections) names.push_back(name);
  return names;
}

// Of a route that names none, if there is one only. What is put while the gateway runs changes nothing for such routes.
std::optional<std::string_view> DefaultConnection(const Draft& draft) {
  std::optional<std::string_view> only;
  for (const auto& [name, connection] : draft.connections) {
    if (connection.at.source != 0) continue;
    if (only) return std::nullopt;
    only = name;
  }
  return only;
}

// What errors call it: one that was put stands for itself.
std::string RouteKey(size_t index, Position at) {
  return at.source == 0 ? text::Concat("routes[", index, "]") : "route";
}

void ReadConnectionName(MapReader& map, const Draft& draft, RouteConfig& route) {
  std::optional<Text> name = map.ReadText("connection");
  const std::vector<std::string_view> names = Names(draft);
  if (names.empty()) return;  // Reported by `connections`; no route can be right.
  if (!name) {
    if (map.Find("connection") != nullptr) return;
    const std::optional<std::string_view> only = DefaultConnection(draft);
    if (!only) {
      map.Error("connection", text::Concat("key 'connection' is missing while there is more than one; allowed: ",
                                           text::Join(names, ", ")));
      return;
    }
    route.connection = *only;
    return;
  }
  if (std::find(names.begin(), names.end(), name->text) == names.end()) {
    map.Error("connection", text::Concat("found ", name->shown, ", which is no connection",
                                         DidYouMean(name->text, names), "; allowed: ", text::Join(names, ", ")));
    return;
  }
  route.connection = name->text;
}

void ReadFrom(MapReader& map, const Draft& draft, RouteConfig& route) {
  std::string path;
  if (map.Read("path", path)) {
    const SubscriptionName subscription = *ParseSubscription(path);  // Checked by Read.
    route.filter = subscription.filter;
    route.share = subscription.share;
  }
  if (std::optional<Text> share = map.ReadText("share")) {
    if (absl::Status status = CheckShareName(share->text); !status.ok()) {
      map.Reject("share", *share, text::Message(status));
    } else if (!route.share.empty()) {
      map.Error("share", "the path has a $share/GROUP/ already; allowed: one of them");
    } else {
      route.share = share->text;
    }
  }
  if (auto connection = draft.connections.find(route.connection); connection != draft.connections.end()) {
    route.qos = connection->second.qos;
  }
  map.Read("qos", route.qos);
  std::string retained = "new";
  map.Read("retained", retained);
  if (retained == "all") route.retained = Retained::kAll;
  if (retained == "none") route.retained = Retained::kNone;
  map.Read("processors", route.from_processors);
}

// A chain that is not named in `chains` gets the defaults, which is right, unless it was misspelt.
void WarnOfMisspeltChain(MapReader& map, const Draft& draft, const TargetParts& target) {
  if (target.is_template || draft.config.chains.contains(target.chain)) return;
  std::vector<std::string_view> names;
  names.reserve(draft.config.chains.size());
  for (const auto& [name, options] : draft.config.chains) names.push_back(name);
  const std::string hint = DidYouMean(target.chain, names);
  if (hint.empty()) return;
  map.Warn("path", text::Concat("chain ", Quoted(target.chain), " is not in chains", hint, ", so it has the defaults"));
}

void ReadTo(Reading& reading, MapReader& map, const Draft& draft, RouteConfig& route) {
  if (std::optional<Text> path = map.ReadText("path")) {
    absl::StatusOr<TargetParts> target = ParseTarget(path->text);
    if (!target.ok()) {
      map.Reject("path", *path, text::Message(target.status()));
    } else {
      route.target = target->text;
      WarnOfMisspeltChain(map, draft, *target);
      for (const std::string& name : target->names) {
        if (name == "topic" || !reading.surroundings().environment(name)) continue;
        map.Warn("path", text::Concat("${", name,
                                      "} stands for metadata of each message here, not for the environment "
                                      "variable of that name"));
      }
    }
  }
  if (map.Read("chains", route.chains) && !route.target.empty() && !text::Contains(route.target, "${")) {
    map.Error("chains", "the path names one chain; allowed: only with a path that has a '${'");
  }
  map.Read("processors", route.to_processors);
}

void ReadRoute(Reading& reading, const Entry& entry, std::map<std::string, Position>& ids, Draft& draft) {
  MapReader map(reading, kRouteSection, entry, entry.key);
  if (!map.valid()) return;
  RouteConfig route;
  ReadConnectionName(map, draft, route);
  if (const Entry* from = map.Find("from")) {
    MapReader inner(reading, kRouteFromSection, *from, map.PathOf("from"));
    ReadFrom(inner, draft, route);
  }
  if (const Entry* to = map.Find("to")) {
    MapReader inner(reading, kRouteToSection, *to, map.PathOf("to"));
    ReadTo(reading, inner, draft, route);
  }
  map.Read("trustReplyHeaders", route.trust_reply_headers);
  map.Read("id", route.id);
  if (route.id.empty()) route.id = route.filter;
  if (!route.id.empty()) {
    auto [first, is_new] = ids.try_emplace(route.id, entry.at);
    if (!is_new) {
      const bool beside = entry.at.source != first->second.source;
      map.Error("id",
                text::Concat("the id ", Quoted(route.id), " is taken by the route ",
                             reading.Place(first->second, entry.at), "; allowed: ", beside ? "one of the two, or " : "",
                             "an id of its own", map.Find("id") == nullptr ? " (it defaults to the filter)" : ""));
    }
  }
  auto options = draft.config.connections.find(route.connection);
  if (route.qos == Qos::kExactlyOnce && options != draft.config.connections.end() && !options->second.mqtt5 &&
      options->second.driver == MqttDriver::kPaho) {
    reading.Warn(entry.at, text::Concat(entry.key,
                                        ": with driver: paho, QoS 2 over MQTT 3.1.1 is acknowledged before the "
                                        "gateway has the message, so a crash may lose it; use driver: wire, qos 1 or "
                                        "protocol \"5\""));
  }
  draft.config.routes.push_back(std::move(route));
  draft.route_at.push_back(entry.at);
}

// What two routes of one connection take in comes to both, also where only one of them is in a share.
void CheckFiltersOfRoutes(Reading& reading, const Draft& draft) {
  std::map<std::pair<std::string, std::string>, std::vector<size_t>> by_filter;
  for (size_t i = 0; i < draft.config.routes.size(); ++i) {
    const RouteConfig& route = draft.config.routes[i];
    if (route.filter.empty() || route.connection.empty() || route.target.empty()) continue;
    std::vector<size_t>& others = by_filter[{route.connection, route.filter}];
    for (size_t other : others) {
      const Position at = draft.route_at[i];
      const std::string both = text::Concat(RouteKey(i, at), ": takes in ", Quoted(route.filter), " as the route ",
                                            reading.Place(draft.route_at[other], at), " does, ");
      if (draft.config.routes[other].target == route.target) {
        reading.Error(draft.route_at[i],
                      text::Concat(both,
                                   "and leads to the same chain, which would get every message twice; allowed: "
                                   "one of them, or another chain"));
      } else {
        reading.Warn(draft.route_at[i], text::Concat(both, "so every message comes to both chains"));
      }
      break;
    }
    others.push_back(i);
  }
}

// A dead letter that a route takes in again may become one again, without end.
void WarnOfDeadLetterLoops(Reading& reading, const Draft& draft) {
  for (const Draft::DeadLetters& letters : draft.dead_letters) {
    for (const RouteConfig& route : draft.config.routes) {
      if (route.filter.empty() || !FilterMatches(route.filter, letters.topic)) continue;
      reading.Warn(letters.at, text::Concat(letters.key, ": ", Quoted(letters.topic), " is taken in again by route ",
                                            Quoted(route.id), "; a message that fails there too goes round for ever"));
    }
  }
}

}  // namespace

void ReadRoutes(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("routes");
  if (entry == nullptr) return;
  if (entry->value.kind != Value::Kind::kList || entry->value.items.empty()) {
    top.Error("routes", "found no list of routes; allowed: a list of maps, each beginning with '- '");
    return;
  }
  std::map<std::string, Position> ids;
  for (size_t i = 0; i < entry->value.items.size(); ++i) {
    const Value& item = entry->value.items[i];
    ReadRoute(reading, Entry{.key = RouteKey(i, item.at), .at = item.at, .value = item}, ids, draft);
  }
  CheckFiltersOfRoutes(reading, draft);
  WarnOfDeadLetterLoops(reading, draft);
}

}  // namespace sluice
