// RuleGo's endpoints, as a configuration for the gateway (docs/rulego.md).
#pragma once

#include <map>
#include <set>
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

// A gateway that runs, to which the endpoints are put.
struct RuleGoTarget {
  std::string connection;     // Of all routes; no other is put. Empty: each endpoint's own.
  std::string password_file;  // With the password of connections that have one, on the gateway's machine. Empty: none.
  // What stands in the gateway's file: connections, each with its servers ("tcp://a:1883, tcp://b:1883"), and chains.
  std::map<std::string, std::string> connections;
  std::set<std::string> chains;
};

// The connections, routes and chains of endpoint DSL: one endpoint, a list of them, or a rule chain with endpoints in its
// metadata. `file` names the text in errors. Pure. Passwords become references to the environment.
RuleGoImport ImportRuleGo(std::string_view text, const std::string& file);

// As ImportRuleGo(); the YAML is what PutConfigurationItems takes. A connection that the gateway's file has under the
// endpoint's name, with the same server, is used as it is.
RuleGoImport ImportRuleGoFor(const RuleGoTarget& target, std::string_view text, const std::string& file);

}  // namespace sluice
