// What protobuf would write to standard error by itself goes through our log: its format, its level, and no more lines
// than a rate, whatever strangers send.
#pragma once

#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Once, before threads start. `clock` lives as long as the process.
void CaptureLibraryLogs(const Clock& clock);

// sluice_library_log_lines_total{library}: errors, also those that the rate left out. Of the process.
void AddLibraryLogMetrics(MetricsRegistry& metrics);

}  // namespace sluice
