// What gRPC and protobuf would write to standard error by themselves goes through our log: its format, its level, and
// no more lines than a rate, whatever strangers send to a port. And what gRPC tells nobody otherwise is counted:
// connections that never got past their handshake.
#pragma once

#include <string_view>

#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Once, before gRPC is used and threads start. `clock` lives as long as the process.
void CaptureLibraryLogs(const Clock& clock);

// Of the process, whatever listener it was:
//   sluice_listener_handshakes_failed_total{reason}
//   sluice_library_log_lines_total{library}: errors of the libraries, also those that the rate left out.
void AddLibraryLogMetrics(MetricsRegistry& metrics);

// A failed handshake, as gRPC tells it.
struct FailedHandshake {
  std::string_view reason;  // "tls": what came is no TLS, or not TLS that is taken. "closed": gone before. "other".
  std::string_view detail;  // "Ssl handshake failed: … wrong version number".
  std::string_view peer;    // "ipv4:10.0.0.7:4711"; empty: gRPC did not say.
};
// `message` is all that gRPC says: "Handshaking failed: UNKNOWN:Ssl handshake failed: … {…}".
FailedHandshake ParseFailedHandshake(std::string_view message);

}  // namespace sluice
