// The configuration as the gateway uses it: checked, resolved, with defaults. Each stage declares its own section; this
// puts them together, for the few that see all of it. load.h makes one from YAML by the keys of schema.h, which
// docs/configuration.md shows; nothing here knows of YAML.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "server/config/admin_config.h"
#include "server/deadletter/limits.h"
#include "server/http/http_config.h"
#include "server/identity/permission_rule.h"
#include "server/journal/journal_config.h"
#include "server/mqtt/options.h"
#include "server/pressure/pressure_config.h"
#include "server/reply/replies_config.h"
#include "server/route/chain_options.h"
#include "server/route/route_spec.h"
#include "server/runtime/clock.h"
#include "server/spans/otlp_config.h"
#include "server/tap/tracing_config.h"
#include "server/telemetry/log_config.h"
#include "server/worker/workers_config.h"

namespace sluice {

// Routes are as the stage that makes them wants them.
using RouteConfig = RouteSpec;

struct GatewayConfig {
  // Of this replica, for people: workers, `sluicectl` and the metrics show it. The host's by default.
  std::string name;
  std::map<std::string, MqttOptions> connections;
  std::vector<RouteConfig> routes;
  ChainOptions chain_defaults;
  std::map<std::string, ChainOptions> chains;
  // Of templates (`${topic}`): how many chains messages may bring, and when one that nobody uses is forgotten.
  size_t max_template_chains = 1'000;
  Millis template_chain_idle{600'000};
  RepliesConfig replies;
  DeadLetterLimits dead_letters;
  WorkersConfig workers;
  std::vector<PermissionRule> permissions;  // None: everything is permitted.
  std::string permissions_file;             // Where they stand; empty: in the configuration.
  JournalConfig journal;
  PressureConfig pressure;
  TracingConfig tracing;
  OtlpConfig otlp;
  AdminConfig admin;
  std::string audit_file;  // Empty: the log.
  HttpConfig http;
  LogConfig log;
  Millis shutdown_drain{20'000};
  // Said at start, e.g. a plain-text listener, or a random client id with a persistent session.
  std::vector<std::string> warnings;

  friend bool operator==(const GatewayConfig&, const GatewayConfig&) = default;
};

}  // namespace sluice
