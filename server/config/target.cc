#include "server/config/target.h"

#include "absl/status/status.h"
#include "server/route/target.h"
#include "server/runtime/text.h"

namespace sluice {
absl::StatusOr<TargetParts> ParseTarget(std::string_view text) {
  constexpr std::string_view kChain = "chain:";
  if (text.starts_with("component:")) {
    return absl::InvalidArgumentError(
        "component: runs a node inside RuleGo's own process; here everything runs in workers, so name a chain that one "
        "of them serves");
  }
  if (text.starts_with(kChain)) text.remove_prefix(kChain.size());
  TargetParts parts;
  parts.text = text;
  std::string* part = &parts.chain;
  while (!text.empty()) {
    const char c = text.front();
    if (text.starts_with("${")) {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) return absl::InvalidArgumentError("a '${' without its '}'");
      const std::string_view name = text.substr(2, end - 2);
      if (name.empty() || text::Contains(name, "${"))
        return absl::InvalidArgumentError("a '${' without a name before its '}'");
      parts.is_template = true;
      parts.names.emplace_back(name);
      part->append(text.substr(0, end + 1));
      text.remove_prefix(end + 1);
      continue;
    }
    if (text::IsBlankOrControl(c)) return absl::InvalidArgumentError("it has a blank or control character");
    if (c == ':') {
      if (part == &parts.start_node) return absl::InvalidArgumentError("more than one ':' behind the chain's id");
      part = &parts.start_node;
    } else {
      part->push_back(text.front());
    }
    text.remove_prefix(1);
  }
  if (parts.chain.empty()) return absl::InvalidArgumentError("the chain's id is missing");
  if (!parts.is_template && parts.chain.size() > kMaxTargetNameBytes) {
    return absl::InvalidArgumentError("the chain's id has more than 256 bytes");
  }
  if (part == &parts.start_node && parts.start_node.empty()) {
    return absl::InvalidArgumentError("the start node behind the ':' is missing");
  }
  // The rest is the route stage's to say: which names there are, and how long a part may be.
  if (auto pattern = TargetPattern::Parse(parts.text); !pattern.ok()) return pattern.status();
  return parts;
}

}  // namespace sluice
