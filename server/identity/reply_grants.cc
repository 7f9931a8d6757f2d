#include "server/identity/reply_grants.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice {
namespace {

// Up to so many filters are looked at one by one, which costs less than to find them.
constexpr size_t kFew = 6;

}  // namespace

ReplyGrants::ReplyGrants(std::vector<Allowed> allowed, std::vector<Denied> denied)
    : allowed_(std::move(allowed)), denied_(std::move(denied)) {
  Wanted wanted;
  const auto count = [&wanted](const ReplyFilter& filter) {
    for (const auto& [level, text] : filter.fixed_levels()) ++wanted[{level, std::string(text)}];
  };
  for (const Allowed& one : allowed_) count(one.filter);
  for (const Denied& one : denied_) count(one.filter);
  for (uint32_t i = 0; i < allowed_.size(); ++i) CandidatesFor(allowed_[i].filter, wanted).allowed.push_back(i);
  for (uint32_t i = 0; i < denied_.size(); ++i) CandidatesFor(denied_[i].filter, wanted).denied.push_back(i);
}

ReplyGrants::Candidates& ReplyGrants::CandidatesFor(const ReplyFilter& filter, const Wanted& wanted) {
  if (allowed_.size() + denied_.size() <= kFew) return others_;
  // The text that it shares with the fewest, so that a topic leads to few filters.
  size_t fewest = SIZE_MAX;
  ReplyFilter::FixedLevel best{};
  for (const ReplyFilter::FixedLevel& fixed : filter.fixed_levels()) {
    const size_t sharing = wanted.at({fixed.level, std::string(fixed.text)});
    if (sharing > fewest) continue;
    fewest = sharing;
    best = fixed;
  }
  if (fewest == SIZE_MAX) return others_;
  auto found = std::ranges::find(by_level_, best.level, &ByLevel::level);
  if (found == by_level_.end()) {
    by_level_.push_back({.level = best.level, .of_text = {}});
    found = by_level_.end() - 1;
  }
  return found->of_text[std::string(best.text)];
}

bool ReplyGrants::Permits(const ReplyAct& reply, std::string& why) const {
  thread_local std::vector<std::string_view> reply_room;
  thread_local std::vector<std::string_view> message_room;
  const SplitTopic topic(reply.topic, reply_room);
  const SplitTopic message(reply.message_topic, message_room);
  if (IsPermitted(reply, topic, message)) return true;
  why = WhyNot(reply, topic, message);
  return false;
}

bool ReplyGrants::IsPermitted(const ReplyAct& reply, const SplitTopic& topic, const SplitTopic& message) const {
  bool allowed = false;
  // False: one of them forbids the reply.
  const auto look = [&](const Candidates& candidates) {
    const auto forbids = [&](uint32_t i) { return denied_[i].filter.Forbids(topic, message); };
    if (std::ranges::any_of(candidates.denied, forbids)) return false;
    const auto allows = [&](uint32_t i) {
      const Allowed& one = allowed_[i];
      return reply.qos <= one.qos && (one.retain || !reply.retain) && one.filter.Allows(topic, message);
    };
    allowed = allowed || std::ranges::any_of(candidates.allowed, allows);
    return true;
  };
  if (!look(others_)) return false;
  for (const ByLevel& by_level : by_level_) {
    if (by_level.level >= topic.levels.size()) continue;
    const std::string_view text = topic.levels[by_level.level];
    const auto found = by_level.of_text.find(absl::string_view(text.data(), text.size()));
    if (found != by_level.of_text.end() && !look(found->second)) return false;
  }
  return allowed;
}

std::string ReplyGrants::WhyNot(const ReplyAct& reply, const SplitTopic& topic, const SplitTopic& message) const {
  for (const Denied& denied : denied_) {
    if (!denied.filter.Forbids(topic, message)) continue;
    return absl::StrCat("the rule '", denied.rule, "' denies replies to '", denied.filter.text(), "'");
  }
  const Allowed* nearly = nullptr;
  for (const Allowed& allowed : allowed_) {
    if (allowed.filter.Allows(topic, message)) nearly = &allowed;
  }
  if (nearly == nullptr) return "no rule permits this worker a reply of this topic to this message";
  if (reply.qos > nearly->qos) {
    return absl::StrCat("the rule '", nearly->rule, "' permits QoS ", static_cast<int>(nearly->qos), " at most");
  }
  return absl::StrCat("the rule '", nearly->rule, "' permits no retained reply");
}

}  // namespace sluice
