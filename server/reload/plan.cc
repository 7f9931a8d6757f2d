#include "server/reload/plan.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "server/reload/differences.h"
#include "server/reload/plan_parts.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using reload::AtTheStart;
using Kind = PlannedChange::Kind;

constexpr std::string_view kLiveReplies[] = {"allow", "allowLoops", "maxPayloadBytes", "allowControlCharacters"};

bool AreLive(const Keys& keys, std::span<const std::string_view> live) {
  return std::ranges::all_of(keys, [live](std::string_view key) { return std::ranges::find(live, key) != live.end(); });
}

void PlanConnections(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  const auto add = [&plan](const std::string& name, Kind kind, std::string keys, std::string effect) {
    plan.remade.insert(name);
    plan.reconnected.insert(name);
    plan.changes.push_back({.kind = kind,
                            .subject = text::Concat("connection ", name),
                            .keys = std::move(keys),
                            .effect = std::move(effect)});
  };
  for (const auto& [name, options] : running.connections) {
    const auto found = wanted.connections.find(name);
    if (found == wanted.connections.end()) {
      add(name, Kind::kRemoved, "",
          "its subscriptions are left and its session is ended; what it has taken in is delivered, and replies that "
          "come "
          "from then on are dead letters");
    } else if (found->second != options) {
      add(name, Kind::kChanged, JoinKeys(DifferingKeys(options, found->second)),
          options.clean_session
              ? "connected anew; what comes meanwhile is lost, since its broker keeps no session (cleanSession)"
              : "connected anew; its broker keeps what comes meanwhile. Replies that it has not confirmed are "
                "published "
                "again");
    }
  }
  for (const auto& [name, options] : wanted.connections) {
    if (!running.connections.contains(name)) add(name, Kind::kAdded, "", "connected to");
  }
}

void PlanReplies(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  const Keys keys = DifferingKeys(running.replies, wanted.replies);
  if (running.replies == wanted.replies) return;
  if (!AreLive(keys, kLiveReplies)) {
    plan.changes.push_back(AtTheStart("replies", JoinKeys(keys)));
    return;
  }
  plan.replies = true;
  plan.changes.push_back({.subject = "replies",
                          .keys = JoinKeys(keys),
                          .effect = "for replies that come from then on; those in the outbox go out"});
}

void PlanBounds(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  if (running.dead_letters != wanted.dead_letters) {
    plan.dead_letters = true;
    plan.changes.push_back(
        {.subject = "deadLetters", .effect = "the bounds hold from then on: what is past them goes, the oldest first"});
  }
  if (running.tracing != wanted.tracing) {
    plan.tracing = true;
    plan.changes.push_back({.subject = "tracing", .effect = "the bounds hold from then on"});
  }
  if (running.pressure != wanted.pressure) {
    plan.pressure = true;
    plan.changes.push_back({.subject = "pressure", .effect = "intake that rests is looked at anew"});
  }
  if (running.log.format != wanted.log.format) {
    plan.changes.push_back(AtTheStart("log", "format"));
  }
  if (running.log.level != wanted.log.level) {
    plan.log_level = true;
    plan.changes.push_back({.subject = "log", .keys = "level", .effect = "at once"});
  }
  if (running.shutdown_drain != wanted.shutdown_drain) {
    plan.changes.push_back({.subject = "shutdown", .keys = "drain", .effect = "for the next shutdown"});
  }
}

void PlanPermissions(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  // A file of their own is watched, and what it says has been taken up already.
  const bool in_file = !running.permissions_file.empty() || !wanted.permissions_file.empty();
  if (in_file || running.permissions == wanted.permissions) return;
  if (running.permissions.empty() || wanted.permissions.empty()) {
    plan.changes.push_back(
        {.subject = "permissions",
         .effect = "whether there are rules at all is decided at the start only: restart the gateway",
         .restart = true});
    return;
  }
  plan.permissions = true;
  plan.changes.push_back({.subject = "permissions",
                          .effect = "for replies at once; a stream whose chains, window or rate differ is drained, and "
                                    "its worker comes back under the new rules"});
}

void PlanRest(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  const auto compare = [&plan](const auto& a, const auto& b, const char* subject, const char* keys = "") {
    if (a != b) plan.changes.push_back(AtTheStart(subject, keys));
  };
  compare(running.name, wanted.name, "gateway", "name");
  compare(running.max_template_chains, wanted.max_template_chains, "maxTemplateChains");
  compare(running.template_chain_idle, wanted.template_chain_idle, "templateChainIdle");
  compare(running.permissions_file, wanted.permissions_file, "permissionsFile");
  compare(running.workers, wanted.workers, "workers");
  compare(running.http, wanted.http, "http");
  compare(running.admin, wanted.admin, "admin");
  compare(running.otlp, wanted.otlp, "telemetry", "otlp");
  compare(running.audit_file, wanted.audit_file, "audit", "file");
  if (running.journal != wanted.journal) {
    plan.changes.push_back(AtTheStart("journal", JoinKeys(DifferingKeys(running.journal, wanted.journal))));
  }
}

// "2 connections" of those that are in both and equal.
std::string Count(size_t count, std::string_view one) {
  return text::Concat(count, " ", one, std::string_view(count == 1 ? "" : "s"));
}

std::string KeptOf(const GatewayConfig& running, const GatewayConfig& wanted) {
  const auto connections = std::ranges::count_if(running.connections, [&wanted](const auto& each) {
    const auto found = wanted.connections.find(each.first);
    return found != wanted.connections.end() && found->second == each.second;
  });
  const auto routes = std::ranges::count_if(running.routes, [&wanted](const RouteConfig& each) {
    return std::ranges::find(wanted.routes, each) != wanted.routes.end();
  });
  const auto chains = std::ranges::count_if(running.chains, [&wanted](const auto& each) {
    const auto found = wanted.chains.find(each.first);
    return found != wanted.chains.end() && found->second == each.second;
  });
  return text::Concat(Count(static_cast<size_t>(connections), "connection"), ", ",
                      Count(static_cast<size_t>(routes), "route"), ", ", Count(static_cast<size_t>(chains), "chain"));
}

}  // namespace

bool ReloadPlan::needs_restart() const {
  return std::ranges::any_of(changes, [](const PlannedChange& change) { return change.restart; });
}

std::string ReloadPlan::RestartReasons() const {
  std::string reasons;
  for (const PlannedChange& change : changes) {
    if (!change.restart) continue;
    const std::string keys = change.keys.empty() ? "" : text::Concat(" (", change.keys, ")");
    if (!reasons.empty()) reasons += '\n';
    text::AppendPart(reasons, text::Concat(change.subject, keys, ": ", change.effect));
  }
  return reasons;
}

ReloadPlan PlanReload(const GatewayConfig& running, const GatewayConfig& wanted) {
  ReloadPlan plan;
  PlanConnections(running, wanted, plan);
  reload::PlanRoutes(running, wanted, plan);
  for (const std::string& name : plan.remade) {
    const auto found = wanted.connections.find(name);
    if (found != wanted.connections.end() && found->second.share_connection) plan.reconnected.insert(name);
  }
  reload::PlanChains(running, wanted, plan);
  PlanReplies(running, wanted, plan);
  PlanBounds(running, wanted, plan);
  PlanPermissions(running, wanted, plan);
  PlanRest(running, wanted, plan);
  plan.kept = KeptOf(running, wanted);
  return plan;
}

}  // namespace sluice
