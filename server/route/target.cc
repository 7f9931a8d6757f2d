#include "server/route/target.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "server/message/topic.h"
#include "server/route/chain_pattern.h"
#include "server/route/processors.h"

namespace sluice {
namespace {

absl::Status Refuse(const std::string& what) { return absl::InvalidArgumentError(what); }

std::optional<std::string_view> UserProperty(const Message& message, std::string_view name) {
  if (message.properties == nullptr) return std::nullopt;
  for (const auto& [property, value] : message.properties->user) {
    if (property == name) return value;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<TargetPattern> TargetPattern::Parse(std::string_view text) {
  TargetPattern pattern;
  Pieces* part = &pattern.chain_;
  auto add_text = [&part](std::string_view literal) {
    if (!literal.empty()) part->push_back({.kind = Piece::Kind::kText, .text = std::string(literal)});
  };
  if (absl::Status status = CheckMqttString(text); !status.ok()) return status;
  while (!text.empty()) {
    const size_t special = std::min(text.find(':'), text.find("${"));
    add_text(text.substr(0, special));
    if (special == std::string_view::npos) break;
    if (text[special] == ':') {
      if (part == &pattern.start_node_) return Refuse("has a second ':'");
      if (pattern.chain_.empty()) return Refuse("names no chain before ':'");
      part = &pattern.start_node_;
      text.remove_prefix(special + 1);
      if (text.empty()) return Refuse("names no start node behind ':'");
      continue;
    }
    const size_t end = text.find('}', special);
    if (end == std::string_view::npos) return Refuse("has a '${' without '}'");
    auto piece = ParseName(text.substr(special + 2, end - special - 2));
    if (!piece.ok()) return piece.status();
    part->push_back(*std::move(piece));
    text.remove_prefix(end + 1);
  }
  if (pattern.chain_.empty()) return Refuse("is empty");
  for (const Pieces* pieces : {&pattern.chain_, &pattern.start_node_}) {
    for (const Piece& piece : *pieces) {
      if (piece.text.size() <= kMaxTargetNameBytes) continue;
      return Refuse("has a name of more than " + std::to_string(kMaxTargetNameBytes) + " bytes");
    }
  }
  return pattern;
}

absl::StatusOr<TargetPattern::Piece> TargetPattern::ParseName(std::string_view name) {
  constexpr std::string_view kLevelPrefix = "topic.";
  if (name == "topic") return Piece{.kind = Piece::Kind::kTopic, .text = {}};
  if (name.starts_with(kLevelPrefix)) {
    const std::string_view digits = name.substr(kLevelPrefix.size());
    uint32_t level = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), level);
    if (error == std::errc() && end == digits.data() + digits.size() && level > 0) {
      return Piece{.kind = Piece::Kind::kTopicLevel, .text = {}, .level = level};
    }
    return Refuse("has '${" + std::string(name) + "}': the level behind 'topic.' is a number from 1");
  }
  if (!IsMetadataName(name)) {
    return Refuse("has '${" + std::string(name) + "}': a name is not empty and does not begin with '_'");
  }
  return Piece{.kind = Piece::Kind::kProperty, .text = std::string(name)};
}

bool TargetPattern::fixed() const {
  for (const Pieces* pieces : {&chain_, &start_node_}) {
    for (const Piece& piece : *pieces) {
      if (piece.kind != Piece::Kind::kText) return false;
    }
  }
  return true;
}

bool TargetPattern::Resolve(const Message& message, std::string& chain, std::string& start_node) const {
  return Fill(chain_, message, chain) && Fill(start_node_, message, start_node) && !chain.empty() && Allows(chain);
}

bool TargetPattern::Allows(std::string_view chain) const {
  return allowed_.empty() || std::ranges::any_of(allowed_, [chain](std::string_view pattern) {
           return MatchesChainPattern(pattern, chain);
         });
}

std::optional<std::string_view> TargetPattern::Piece::ValueIn(const Message& message) const {
  switch (kind) {
    case Kind::kText:
      return text;
    case Kind::kTopic:
      return message.topic;
    case Kind::kTopicLevel:
      return TopicLevel(message.topic, level);
    case Kind::kProperty:
      return UserProperty(message, text);
  }
  return std::nullopt;
}

std::string TargetPattern::Piece::ToString() const {
  switch (kind) {
    case Kind::kText:
      return text;
    case Kind::kTopic:
      return "${topic}";
    case Kind::kTopicLevel:
      return "${topic." + std::to_string(level) + "}";
    case Kind::kProperty:
      return "${" + text + "}";
  }
  return {};
}

std::string TargetPattern::WhyNot(const Message& message) const {
  std::string name;
  for (const Pieces* pieces : {&chain_, &start_node_}) {
    name.clear();
    for (const Piece& piece : *pieces) {
      const std::optional<std::string_view> value = piece.ValueIn(message);
      if (!value) return "the message has no value for " + piece.ToString() + " of the route's target";
      if (name.size() + value->size() > kMaxTargetNameBytes) {
        return "the name that the route's target makes of the message has more than " +
               std::to_string(kMaxTargetNameBytes) + " bytes";
      }
      name += *value;
    }
    if (const absl::Status status = CheckMqttString(name); !status.ok()) {
      return "the name that the route's target makes of the message is no text: " + std::string(status.message());
    }
    if (pieces == &chain_ && !name.empty() && !Allows(name)) return "the route does not allow the chain '" + name + "'";
    if (pieces == &chain_ && name.empty()) return "the name that the route's target makes of the message is empty";
  }
  return "the route's target makes no name of the message";
}

bool TargetPattern::Fill(const Pieces& pieces, const Message& message, std::string& out) {
  out.clear();
  for (const Piece& piece : pieces) {
    const std::optional<std::string_view> value = piece.ValueIn(message);
    if (!value || out.size() + value->size() > kMaxTargetNameBytes) return false;
    out += *value;
  }
  return CheckMqttString(out).ok();
}

absl::StatusOr<Target> MakeTarget(std::string_view text, ChainDirectory& chains, std::vector<std::string> allowed) {
  auto pattern = TargetPattern::Parse(text);
  if (!pattern.ok()) return pattern.status();
  Target target;
  target.text = text;
  if (!pattern->fixed()) {
    for (const std::string& name : allowed) {
      if (name.find('*') == std::string::npos) chains.Keep(name);
    }
    pattern->Allow(std::move(allowed));
    target.pattern = std::make_shared<const TargetPattern>(*std::move(pattern));
    return target;
  }
  if (!allowed.empty()) return Refuse("names one chain: a list of chains is for a target with '${'");
  // A fixed pattern needs nothing of a message.
  std::string chain;
  if (!pattern->Resolve(Message{}, chain, target.start_node)) return Refuse("has a part that is too long");
  target.chain = &chains.Keep(chain);
  return target;
}

}  // namespace sluice
