// Connections, and what comes over them, that a listener refuses: counted by reason, and told within a rate.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "server/runtime/clock.h"
#include "server/telemetry/log.h"
#include "server/telemetry/log_limit.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// Of one listener. Thread-safe. sluice_connections_refused_total{listener, reason}: a connection that was not let in,
// or was ended because it went over a limit.
class Refusals {
 public:
  // `listener`: "workers". `reasons`: every one that Count() will be told, so that each has a series from the start.
  // `clock` and `metrics` outlive it.
  Refusals(std::string listener, std::initializer_list<std::string_view> reasons, const Clock& clock,
           MetricsRegistry& metrics);

  // More reasons, of a layer above. Before threads use it.
  void AddReasons(std::initializer_list<std::string_view> reasons);

  // `reason` as the metric has it: "per_address". `peer`: Peer::text. `detail` for people, with the limit: "1000
  // connections of one address (workers.maxConnectionsPerAddress)". The level is kDebug for what probes of load
  // balancers cause over and over.
  void Count(std::string_view reason, std::string_view peer, std::string_view detail,
             log::Level level = log::Level::kWarning);

  const std::string& listener() const { return listener_; }
  uint64_t count(std::string_view reason) const;

 private:
  const std::string listener_;
  MetricsRegistry& metrics_;
  log::Limiter limit_;
  std::map<std::string, Counter*, std::less<>> counters_;  // Constant once threads run.
};

}  // namespace sluice
