// Which topics a filter takes (MQTT 5.0 §4.7). Pure functions over valid topics and filters (server/message/topic.h);
// filters come without `$share/GROUP/`, which says who shares and not what is matched. TopicTrie (topic_trie.h) does
// the same for many filters at once, and is held to the same table of cases.
#pragma once

#include <string_view>

namespace sluice {

// Whether a topic may be matched by a filter that begins with a wildcard: not if it begins with `$` (§4.7.2).
inline bool IsDollarTopic(std::string_view topic) { return topic.starts_with('$'); }

bool FilterMatches(std::string_view filter, std::string_view topic);

// Whether there is a topic that both filters match.
bool FiltersOverlap(std::string_view a, std::string_view b);

// Walks the levels of a topic or filter without allocating; a text has at least one level, which may be empty.
class LevelReader {
 public:
  explicit LevelReader(std::string_view text) : rest_(text) {}

  // The next level. Not after done().
  std::string_view Next() {
    const size_t slash = rest_.find('/');
    const std::string_view level = rest_.substr(0, slash);
    done_ = slash == std::string_view::npos;
    rest_.remove_prefix(done_ ? rest_.size() : slash + 1);
    return level;
  }
  bool done() const { return done_; }
  // What follows the levels read so far.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace sluice
