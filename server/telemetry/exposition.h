// What /metrics answers.
#pragma once

#include <string>

#include "server/telemetry/metrics.h"

namespace sluice {

// All of the registry in Prometheus' text format 0.0.4. Thread-safe; calls the registry's callbacks.
std::string PrometheusText(const MetricsRegistry& registry);

}  // namespace sluice
