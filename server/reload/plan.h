// What a change of the configuration comes to: what stays as it is, what changes, and what becomes of its messages. Pure:
// nothing here knows of connections, files or time.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "server/config/config.h"

namespace sluice {

// Texts are for people, and hold no values but names and filters of routes: others may be secrets.
struct PlannedChange {
  enum class Kind : uint8_t { kAdded, kRemoved, kChanged };
  Kind kind = Kind::kChanged;
  std::string subject;   // "route 'temp'", "connection plant", "chain 'temperature'", "replies".
  std::string keys;      // Of what is changed: "from.path, to.path". Empty where it is added or removed.
  std::string effect;    // What happens to its messages; with `restart` why it needs one.
  bool restart = false;  // It cannot be done while the gateway runs.

  friend bool operator==(const PlannedChange&, const PlannedChange&) = default;
};

struct ReloadPlan {
  std::vector<PlannedChange> changes;
  std::string kept;  // "1 connection, 12 routes, 3 chains": those that no change names.

  // What is to be touched. Of connections: their names.
  std::set<std::string> rerouted;      // Their routes differ, but not what they subscribe to.
  std::set<std::string> resubscribed;  // What they subscribe to differs, and they take that in place.
  std::set<std::string> remade;        // Their intake goes, and is made anew if they are still there.
  std::set<std::string> reconnected;   // Their connection for replies, likewise.
  bool chains = false;
  bool replies = false;
  bool dead_letters = false;
  bool tracing = false;
  bool permissions = false;
  bool pressure = false;
  bool log_level = false;

  bool empty() const { return changes.empty(); }
  // Then none of it is done.
  bool needs_restart() const;
  // A line for each change that needs one; for people.
  std::string RestartReasons() const;
};

// Both have been checked by the loader.
ReloadPlan PlanReload(const GatewayConfig& running, const GatewayConfig& wanted);

}  // namespace sluice
