// The bounds of the configuration, as metrics beside those that they bound.
#pragma once

#include "server/config/config.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// All but the chains' own, which the dispatcher shows.
void AddLimitMetrics(const GatewayConfig& config, MetricsRegistry& metrics);

}  // namespace sluice
