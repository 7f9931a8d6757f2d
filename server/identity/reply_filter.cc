#include "server/identity/reply_filter.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "server/identity/text.h"
#include "server/message/topic.h"
#include "server/route/topic_matcher.h"

namespace sluice {
namespace {

constexpr std::string_view kTopic = "${topic}";
constexpr std::string_view kLevel = "${topic.";
constexpr uint32_t kMostLevels = 65'535;

absl::Status Refuse(const char* why) { return absl::InvalidArgumentError(why); }

}  // namespace

absl::StatusOr<ReplyFilter::Level> ReplyFilter::ParseLevel(std::string_view text) {
  using Kind = Level::Kind;
  if (text == "+") return Level{Kind::kPlus, {}};
  if (text == "#") return Level{Kind::kHash, {}};
  if (text == kTopic) return Level{Kind::kTopic, {}};
  if (text.find("${") == std::string_view::npos) return Level{Kind::kText, std::string(text)};
  Level level{Kind::kPieces, {}};
  while (!text.empty()) {
    const size_t begin = text.find("${");
    if (begin != 0) level.pieces.push_back({.text = std::string(text.substr(0, begin))});
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    if (text.starts_with(kTopic))
      return Refuse("has '${topic}' in a level with other characters; it is levels of its own");
    const size_t end = text.find('}');
    if (end == std::string_view::npos) return Refuse("has a '${' without '}'");
    if (!text.starts_with(kLevel)) return Refuse("has a '${' that begins neither ${topic} nor ${topic.N}");
    Piece piece;
    const char* const number = text.data() + kLevel.size();
    const auto [rest, error] = std::from_chars(number, text.data() + end, piece.level);
    if (error != std::errc() || rest != text.data() + end || piece.level == 0 || piece.level > kMostLevels) {
      return Refuse("has a ${topic.N} whose N is no number from 1 to 65535");
    }
    level.pieces.push_back(std::move(piece));
    text.remove_prefix(end + 1);
  }
  return level;
}

absl::StatusOr<ReplyFilter> ReplyFilter::Parse(std::string_view text) {
  ReplyFilter filter;
  filter.text_ = text;
  std::string plain;  // With a word in place of each reference, to be checked as a filter.
  for (const std::string_view part : SplitAt(text, '/')) {
    absl::StatusOr<Level> level = ParseLevel(part);
    if (!level.ok()) return level.status();
    if (!plain.empty() || !filter.levels_.empty()) plain += '/';
    if (level->kind == Level::Kind::kPieces) {
      for (const Piece& piece : level->pieces) plain += piece.level == 0 ? piece.text : "x";
      filter.fixed_ = false;
    } else if (level->kind == Level::Kind::kTopic) {
      plain += 'x';
      filter.fixed_ = false;
    } else {
      plain += part;
    }
    filter.levels_.push_back(*std::move(level));
  }
  if (absl::Status status = CheckTopicFilter(plain); !status.ok()) return status;
  return filter;
}

bool ReplyFilter::MatchesLevel(const Level& level, std::string_view reply_level, std::string_view message_topic,
                               bool in_doubt) {
  for (const Piece& piece : level.pieces) {
    std::string_view expected = piece.text;
    if (piece.level != 0) {
      const std::optional<std::string_view> referred = TopicLevel(message_topic, piece.level);
      if (!referred) return in_doubt;
      expected = *referred;
    }
    if (!reply_level.starts_with(expected)) return false;
    reply_level.remove_prefix(expected.size());
  }
  return reply_level.empty();
}

bool ReplyFilter::Matches(std::string_view reply_topic, std::string_view message_topic, bool in_doubt) const {
  using Kind = Level::Kind;
  const Kind first = levels_.front().kind;
  if (!in_doubt && reply_topic.starts_with('$') && (first == Kind::kPlus || first == Kind::kHash)) return false;
  std::string_view rest = reply_topic;
  bool done = false;  // The last level has been read.
  const auto next = [&rest, &done](size_t size) {
    done = size == rest.size();
    rest.remove_prefix(done ? size : size + 1);
  };
  for (const Level& level : levels_) {
    // `a/#` matches `a`, too.
    if (level.kind == Kind::kHash) return true;
    if (done) return false;
    if (level.kind == Kind::kTopic) {
      const size_t size = message_topic.size();
      if (!rest.starts_with(message_topic) || (rest.size() > size && rest[size] != '/')) return false;
      next(size);
      continue;
    }
    const std::string_view reply_level = rest.substr(0, rest.find('/'));
    if (level.kind == Kind::kText && reply_level != level.text) return false;
    if (level.kind == Kind::kPieces && !MatchesLevel(level, reply_level, message_topic, in_doubt)) return false;
    next(reply_level.size());
  }
  return done;
}

}  // namespace sluice
