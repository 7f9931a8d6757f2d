// What /metrics answers to those who ask for OpenMetrics.
#pragma once

#include <string>

#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// All of the registry in OpenMetrics 1.0's text format, with the exemplars of histograms. Thread-safe; calls the registry's
// callbacks. prometheus-cpp writes the older format only (see exposition.h).
std::string OpenMetricsText(const MetricsRegistry& registry, const Clock& clock = Clock::Real());

}  // namespace sluice
