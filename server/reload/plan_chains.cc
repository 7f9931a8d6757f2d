#include <algorithm>
#include <set>
#include <utility>

#include "server/reload/differences.h"
#include "server/reload/plan_parts.h"
#include "server/runtime/text.h"

namespace sluice::reload {
namespace {

using Kind = PlannedChange::Kind;

const ChainOptions& OptionsOf(const GatewayConfig& config, const std::string& chain) {
  const auto found = config.chains.find(chain);
  return found == config.chains.end() ? config.chain_defaults : found->second;
}

// Two orders that both promise something: what waits by the one may be overtaken by what comes by the other.
bool BreaksOrder(const OrderBy& before, const OrderBy& after) {
  return before != after && before.kind != OrderBy::Kind::kNone && after.kind != OrderBy::Kind::kNone;
}

PlannedChange Changed(std::string subject, const ChainOptions& before, const ChainOptions& after) {
  PlannedChange change{.subject = std::move(subject), .keys = JoinKeys(DifferingKeys(before, after))};
  change.restart = BreaksOrder(before.order_by, after.order_by);
  change.effect = change.restart ? "what waits by the old order could be overtaken by what comes by the new one: "
                                   "restart the gateway, which sorts all of it anew"
                                 : "what waits stays in its queue; leases and pauses that run keep their ends";
  return change;
}

}  // namespace

PlannedChange AtTheStart(std::string subject, std::string keys) {
  return {.subject = std::move(subject),
          .keys = std::move(keys),
          .effect = "is read at the start only: restart the gateway",
          .restart = true};
}

void PlanChains(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan) {
  plan.chains = running.chains != wanted.chains || running.chain_defaults != wanted.chain_defaults;
  if (running.chain_defaults != wanted.chain_defaults) {
    plan.changes.push_back(Changed("chainDefaults", running.chain_defaults, wanted.chain_defaults));
  }
  std::set<std::string> names;
  for (const GatewayConfig* config : {&running, &wanted}) {
    for (const auto& [name, options] : config->chains) names.insert(name);
  }
  for (const std::string& name : names) {
    const bool was = running.chains.contains(name);
    const bool is = wanted.chains.contains(name);
    const ChainOptions& before = OptionsOf(running, name);
    const ChainOptions& after = OptionsOf(wanted, name);
    if (was && is && before == after) continue;
    PlannedChange change = Changed(text::Concat("chain '", name, "'"), before, after);
    if (!was) change.kind = Kind::kAdded;
    if (!is) change.kind = Kind::kRemoved;
    if (!is && !change.restart) change.effect = "has the defaults; what waits in it is delivered";
    if (!was) change.keys.clear();
    if (!is) change.keys.clear();
    plan.changes.push_back(std::move(change));
  }
}

}  // namespace sluice::reload
