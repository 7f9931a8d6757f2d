#include "server/identity/reply_filter.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/identity/text.h"
#include "server/message/topic.h"
#include "server/runtime/text.h"

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
  bool moved = false;  // Behind a `${topic}`, which is several levels.
  std::string plain;   // With a word in place of each reference, to be checked as a filter.
  for (const std::string_view part : text::Split(text, '/')) {
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
    moved = moved || level->kind == Level::Kind::kTopic;
    if (level->kind == Level::Kind::kText && !moved) {
      filter.probe_ = filter.levels_.size();
      filter.probe_text_ = level->text;
    }
    filter.levels_.push_back(*std::move(level));
  }
  if (absl::Status status = CheckTopicFilter(plain); !status.ok()) return status;
  return filter;
}

std::vector<ReplyFilter::FixedLevel> ReplyFilter::fixed_levels() const {
  std::vector<FixedLevel> fixed;
  for (size_t i = 0; i < levels_.size() && levels_[i].kind != Level::Kind::kTopic; ++i) {
    if (levels_[i].kind == Level::Kind::kText) fixed.push_back({.level = i, .text = levels_[i].text});
  }
  return fixed;
}

bool ReplyFilter::MatchesLevel(const Level& level, std::string_view reply_level, const SplitTopic& message,
                               bool in_doubt) {
  for (const Piece& piece : level.pieces) {
    if (piece.level > message.levels.size()) return in_doubt;
    const std::string_view expected = piece.level == 0 ? std::string_view(piece.text) : message.levels[piece.level - 1];
    if (!reply_level.starts_with(expected)) return false;
    reply_level.remove_prefix(expected.size());
  }
  return reply_level.empty();
}

bool ReplyFilter::Matches(const SplitTopic& reply, const SplitTopic& message, bool in_doubt) const {
  using Kind = Level::Kind;
  if (probe_ != kNoProbe && (probe_ >= reply.levels.size() || reply.levels[probe_] != probe_text_)) return false;
  const Kind first = levels_.front().kind;
  if (!in_doubt && reply.text.starts_with('$') && (first == Kind::kPlus || first == Kind::kHash)) return false;
  std::span<const std::string_view> rest = reply.levels;
  for (const Level& level : levels_) {
    // `a/#` matches `a`, too.
    if (level.kind == Kind::kHash) return true;
    if (rest.empty()) return false;
    if (level.kind == Kind::kTopic) {
      const size_t count = message.levels.size();
      if (rest.size() < count || !std::ranges::equal(rest.first(count), message.levels)) return false;
      rest = rest.subspan(count);
      continue;
    }
    if (level.kind == Kind::kText && rest.front() != level.text) return false;
    if (level.kind == Kind::kPieces && !MatchesLevel(level, rest.front(), message, in_doubt)) return false;
    rest = rest.subspan(1);
  }
  return rest.empty();
}

SplitTopic::SplitTopic(std::string_view topic, std::vector<std::string_view>& room) : text(topic) {
  room.clear();
  const char* begin = topic.data();
  const char* const end = begin + topic.size();
  for (const char* at = begin; at != end; ++at) {
    if (*at != '/') continue;
    room.emplace_back(begin, static_cast<size_t>(at - begin));
    begin = at + 1;
  }
  room.emplace_back(begin, static_cast<size_t>(end - begin));
  levels = room;
}

}  // namespace sluice
