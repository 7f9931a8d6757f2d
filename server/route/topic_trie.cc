#include "server/route/topic_trie.h"

#include "server/message/topic_matcher.h"

namespace sluice {
namespace {

void Append(const std::vector<uint32_t>& from, std::vector<uint32_t>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

// Debian's Abseil has a string_view type of its own.
absl::string_view Key(std::string_view level) { return {level.data(), level.size()}; }

}  // namespace

void TopicTrie::Insert(std::string_view filter, uint32_t value) {
  uint32_t node = 0;
  LevelReader levels(filter);
  while (!levels.done()) {
    const std::string_view level = levels.Next();
    if (level == "#") {
      nodes_[node].hash.push_back(value);
      return;
    }
    node = Child(node, level);
  }
  nodes_[node].here.push_back(value);
}

uint32_t TopicTrie::Child(uint32_t node, std::string_view level) {
  const auto added = static_cast<uint32_t>(nodes_.size());
  uint32_t& child =
      level == "+" ? nodes_[node].plus : nodes_[node].children.try_emplace(std::string(level), kNone).first->second;
  if (child != kNone) return child;
  child = added;
  nodes_.emplace_back();  // Ends the life of `child`'s reference.
  return added;
}

const uint32_t* TopicTrie::FindLiteral(const Node& node, std::string_view level) const {
  if (node.children.empty()) return nullptr;
  auto it = node.children.find(Key(level));
  return it == node.children.end() ? nullptr : &it->second;
}

void TopicTrie::Match(std::string_view topic, std::vector<uint32_t>& values) const {
  if (!IsDollarTopic(topic)) {
    MatchFrom(0, topic, values);
    return;
  }
  // Leading wildcards do not see it: only the root's literal children are left.
  LevelReader levels(topic);
  const uint32_t* literal = FindLiteral(nodes_[0], levels.Next());
  if (literal == nullptr) return;
  if (!levels.done()) {
    MatchFrom(*literal, levels.rest(), values);
    return;
  }
  Append(nodes_[*literal].here, values);
  Append(nodes_[*literal].hash, values);
}

// Loops along one path and recurses only where a literal and a `+` both lead on, so that its depth is bounded by the
// number of such branches in the filters, whatever the topic.
void TopicTrie::MatchFrom(uint32_t node, std::string_view rest, std::vector<uint32_t>& values) const {
  LevelReader levels(rest);
  while (true) {
    const Node& at = nodes_[node];
    Append(at.hash, values);
    const uint32_t* literal = FindLiteral(at, levels.Next());
    if (levels.done()) {
      for (uint32_t last : {literal == nullptr ? kNone : *literal, at.plus}) {
        if (last == kNone) continue;
        Append(nodes_[last].here, values);
        Append(nodes_[last].hash, values);  // `a/#` also matches its parent `a` (MQTT 5.0 §4.7.1.2).
      }
      return;
    }
    if (literal != nullptr && at.plus != kNone) MatchFrom(at.plus, levels.rest(), values);
    node = literal != nullptr ? *literal : at.plus;
    if (node == kNone) return;
  }
}

}  // namespace sluice
