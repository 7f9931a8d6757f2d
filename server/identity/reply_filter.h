// Filters of topics that a rule lets replies go to, or keeps them from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice {

// A topic and its levels, taken apart once for many filters. Views into the topic.
struct SplitTopic {
  // Into `room`, which is reused.
  SplitTopic(std::string_view topic, std::vector<std::string_view>& room);

  std::string_view text;
  std::span<const std::string_view> levels;
};

// A topic filter (MQTT 5.0 §4.7) whose levels may refer to the topic of the message that is answered:
//   ${topic.N}   level N of it, from 1; a level may hold it between other characters: "cmd-${topic.2}"
//   ${topic}     all of it, as levels of their own: "${topic}/reply"
// Levels are compared as they are: a `..` is a name like any other, and what a device put into its topic is text, never a
// wildcard. Immutable.
class ReplyFilter {
 public:
  // INVALID_ARGUMENT with what is wrong, worded to stand behind the filter.
  static absl::StatusOr<ReplyFilter> Parse(std::string_view text);

  // Both topics are valid names. False where the message's topic lacks a level that is referred to; and `+` and `#` in
  // the first level do not match a topic that begins with `$` (§4.7.2).
  bool Allows(const SplitTopic& reply, const SplitTopic& message) const {
    return Matches(reply, message, /*in_doubt=*/false);
  }
  // The same for a filter that forbids: a level that is lacking stands for any, and wildcards match `$` too.
  bool Forbids(const SplitTopic& reply, const SplitTopic& message) const {
    return Matches(reply, message, /*in_doubt=*/true);
  }

  // A text that stands at this level, from 0, of every topic that matches, whichever message is answered.
  struct FixedLevel {
    size_t level;
    std::string_view text;
  };
  // In their order; views into this.
  std::vector<FixedLevel> fixed_levels() const;

  // Refers to no message.
  bool fixed() const { return fixed_; }
  const std::string& text() const { return text_; }

 private:
  static constexpr size_t kNoProbe = SIZE_MAX;

  struct Piece {
    std::string text;
    uint32_t level = 0;  // 0: text.
  };
  struct Level {
    enum class Kind : uint8_t { kText, kPlus, kHash, kTopic, kPieces };
    Kind kind = Kind::kText;
    std::string text;
    std::vector<Piece> pieces{};
  };
  static absl::StatusOr<Level> ParseLevel(std::string_view text);
  static bool MatchesLevel(const Level& level, std::string_view reply_level, const SplitTopic& message, bool in_doubt);
  bool Matches(const SplitTopic& reply, const SplitTopic& message, bool in_doubt) const;

  std::string text_;
  bool fixed_ = true;
  std::vector<Level> levels_;
  // The last level that is plain text and stands at the same place in every topic that matches: what tells filters
  // apart soonest.
  size_t probe_ = kNoProbe;
  std::string probe_text_;
};

}  // namespace sluice
