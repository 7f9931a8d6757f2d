// Parts of PlanReload().
#pragma once

#include <string>

#include "server/reload/plan.h"

namespace sluice::reload {

// Of what is read at the start only.
PlannedChange AtTheStart(std::string subject, std::string keys);

void PlanRoutes(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan);
void PlanChains(const GatewayConfig& running, const GatewayConfig& wanted, ReloadPlan& plan);

}  // namespace sluice::reload
