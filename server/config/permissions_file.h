// Rules in a file of their own, which is read at the start with the configuration, and again when it changes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/config.h"
#include "server/config/diagnostic.h"
#include "server/config/surroundings.h"

namespace sluice {

struct PermissionsResult {
  std::vector<PermissionRule> rules;
  std::vector<Diagnostic> errors;  // Of the file.
  std::vector<Diagnostic> warnings;
};

// `config` is what the rules are for: its chains, and how principals are named.
PermissionsResult LoadPermissions(std::string_view text, const std::string& file, const GatewayConfig& config,
                                  const Surroundings& surroundings);

}  // namespace sluice
