// Where a route leads, as text: RuleGo's `to.path`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

struct TargetParts {
  std::string text;                // Without a "chain:" in front.
  std::string chain;               // Before the ':' of a start node.
  std::string start_node;          // Empty: the chain's own first node.
  bool is_template = false;        // A ${…} in it is resolved per message.
  std::vector<std::string> names;  // What stands in each ${…}.
};

// `chain:ID`, `ID`, `ID:START_NODE`, each with any number of ${NAME} in it. The error's message says what is wrong,
// without the text.
absl::StatusOr<TargetParts> ParseTarget(std::string_view text);

}  // namespace sluice
