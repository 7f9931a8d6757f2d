// Many topic filters, matched at once: the cost of a match grows with the levels of the topic and the filters that
// match, hardly with the number of filters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace sluice {

// Thread-compatible: const calls may run at the same time.
class TopicTrie {
 public:
  // `filter` is valid and without `$share/GROUP/`. The same filter may come with several values.
  void Insert(std::string_view filter, uint32_t value);

  // Appends the value of each filter that matches the (valid) topic, once per Insert(), in no stated order. Allocates
  // only what `values` needs to grow.
  void Match(std::string_view topic, std::vector<uint32_t>& values) const;

 private:
  static constexpr uint32_t kNone = 0;  // No node: the root is nobody's child.

  struct Node {
    absl::flat_hash_map<std::string, uint32_t> children;  // By literal level.
    uint32_t plus = kNone;
    std::vector<uint32_t> here;  // Of filters that end at this node.
    std::vector<uint32_t> hash;  // Of filters that end in `#` below it.
  };

  uint32_t Child(uint32_t node, std::string_view level);
  const uint32_t* FindLiteral(const Node& node, std::string_view level) const;
  void MatchFrom(uint32_t node, std::string_view rest, std::vector<uint32_t>& values) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);  // [0] is the root.
};

}  // namespace sluice
