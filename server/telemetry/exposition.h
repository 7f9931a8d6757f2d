// What /metrics answers.
#pragma once

#include <string>

#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// All of the registry in Prometheus' text format 0.0.4. Thread-safe; calls the registry's callbacks.
std::string PrometheusText(const MetricsRegistry& registry, const Clock& clock = Clock::Real());

}  // namespace sluice
