// RuleGo's endpoints, as a configuration for the gateway (docs/rulego.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/diagnostic.h"

namespace sluice {

struct RuleGoImport {
  std::string yaml;                   // A whole configuration, with comments; only of use without errors.
  std::vector<Diagnostic> errors;     // What has no meaning in a gateway, with its place.
  std::vector<std::string> warnings;  // Of what is left out, each a line. In the order of their places.
};

// The connections, routes and chains of endpoint DSL: one endpoint, a list of them, or a rule chain with endpoints in its
// metadata. `file` names the text in errors. Pure. Passwords become references to the environment.
RuleGoImport ImportRuleGo(std::string_view text, const std::string& file);

}  // namespace sluice
