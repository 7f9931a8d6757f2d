// Which of two formats of /metrics somebody asks for.
#pragma once

#include <string_view>
#include <vector>

namespace sluice {

enum class MetricsFormat { kPrometheusText, kOpenMetrics };

// By the values of the Accept headers (RFC 9110 §12.5.1): OpenMetrics where it is named and wanted no less than plain text.
MetricsFormat MetricsFormatFor(const std::vector<std::string_view>& accept);

}  // namespace sluice
