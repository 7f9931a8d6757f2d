// Metrics of the process itself, under the names that Prometheus' client libraries use.
#pragma once

#include <string_view>

#include "server/telemetry/metrics.h"

namespace sluice {

// "0.1.0": the project's version, as CMake knows it.
std::string_view Version();

// Adds sluice_build_info{version}, process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and
// process_start_time_seconds. They are read from the kernel at each exposition.
void AddProcessMetrics(MetricsRegistry& registry);

}  // namespace sluice
