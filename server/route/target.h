// Where a route's messages go: `ID[:startNode]`, either part with `${name}` in it.
//
// What a name stands for, per message:
//   topic      the message's topic
//   topic.N    level N of it, from 1 (an addition to RuleGo's names); a message without that level has no target
//   other      the first MQTT 5 user property of that name: what RuleGo's metadata would hold. Names that begin with
//              `_` steer RuleGo's engine and are refused, since a device could set them.
// Chain and start node are told apart before anything is filled in: a `:` in a topic or a property stays a character.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/message/message.h"
#include "server/route/chain_directory.h"
#include "server/route/route.h"

namespace sluice {

// The longest name of a chain (Hello.chains of the worker stream) or start node, in bytes.
inline constexpr size_t kMaxTargetNameBytes = 256;

// Immutable.
class TargetPattern {
 public:
  // INVALID_ARGUMENT with what is wrong, worded to stand behind "target '…'". `text` has no "chain:" prefix any more.
  static absl::StatusOr<TargetPattern> Parse(std::string_view text);

  // Whether there is no `${…}` in it.
  bool fixed() const;

  // From now on only names that match one of `patterns` (`*` stands for any characters, also none) are made; none: any.
  void Allow(std::vector<std::string> patterns) { allowed_ = std::move(patterns); }
  bool Allows(std::string_view chain) const;

  // Fills in the message's values, into strings whose room is reused. False when there is no target: a name has no
  // value, the chain is empty or not allowed, or a part is too long or not UTF-8.
  bool Resolve(const Message& message, std::string& chain, std::string& start_node) const;
  // Why Resolve() finds none, for people.
  std::string WhyNot(const Message& message) const;

 private:
  struct Piece {
    enum class Kind : uint8_t { kText, kTopic, kTopicLevel, kProperty };
    Kind kind = Kind::kText;
    std::string text;    // The literal, or the property's name.
    uint32_t level = 0;  // Of kTopicLevel.

    std::optional<std::string_view> ValueIn(const Message& message) const;
    // As it is configured.
    std::string ToString() const;
  };
  using Pieces = std::vector<Piece>;

  static absl::StatusOr<Piece> ParseName(std::string_view name);
  static bool Fill(const Pieces& pieces, const Message& message, std::string& out);

  Pieces chain_;
  Pieces start_node_;  // Empty: the chain's first node.
  std::vector<std::string> allowed_;
};

// Parses `text`; a fixed target's chain is taken from `chains`. `allowed`: see TargetPattern::Allow(); those without a
// `*` are chains of the configuration, and none of those that messages bring. INVALID_ARGUMENT.
absl::StatusOr<Target> MakeTarget(std::string_view text, ChainDirectory& chains, std::vector<std::string> allowed = {});

}  // namespace sluice
