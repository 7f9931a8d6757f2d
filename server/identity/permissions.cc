#include "server/identity/permissions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/identity/text.h"
#include "server/route/chain_pattern.h"
#include "server/route/route.h"

namespace sluice {
namespace {

constexpr std::array<std::string_view, 4> kRoles = {"none", "viewer", "operator", "admin"};

template <typename T>
void Tighten(std::optional<T>& bound, const std::optional<T>& other) {
  if (other && (!bound || *other < *bound)) bound = other;
}

// With where it stands.
absl::Status InRule(const PermissionRule& rule, const std::string& what, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(rule.name, ": ", what, " ", status.message()));
}

template <typename T>
absl::Status ParseAll(const PermissionRule& rule, const std::string& kind, const std::vector<std::string>& texts,
                      std::vector<T>& out) {
  for (const std::string& text : texts) {
    absl::StatusOr<T> parsed = T::Parse(text);
    if (!parsed.ok()) return InRule(rule, absl::StrCat(kind, " '", Printable(text), "'"), parsed.status());
    out.push_back(*std::move(parsed));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ClaimPointer(std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

std::string_view AdminRoleName(AdminRole role) { return kRoles.at(static_cast<size_t>(role)); }

std::optional<AdminRole> AdminRoleOf(std::string_view name) {
  const auto* const found = std::ranges::find(kRoles, name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<AdminRole>(found - kRoles.begin());
}

bool Grants::Rule::Gives(std::string_view chain) const {
  return std::ranges::any_of(chains, [chain](std::string_view pattern) { return MatchesChainPattern(pattern, chain); });
}

bool Grants::MayServe(std::string_view chain) const {
  return std::ranges::any_of(rules_, [chain](const auto& rule) { return rule->Gives(chain); });
}

std::shared_ptr<const ReplyGrants> Grants::RepliesTo(std::string_view chain) const {
  std::vector<ReplyGrants::Allowed> allowed;
  for (const std::shared_ptr<const Rule>& rule : rules_) {
    if (!rule->Gives(chain)) continue;
    for (const ReplyFilter& filter : rule->allow) {
      allowed.push_back({.filter = filter, .qos = rule->qos, .retain = rule->retain, .rule = rule->name});
    }
  }
  return std::make_shared<const ReplyGrants>(std::move(allowed), denied_);
}

StreamGrants::StreamGrants(std::shared_ptr<const Grants> grants, const std::vector<const Chain*>& chains)
    : grants_(std::move(grants)) {
  for (const Chain* chain : chains) replies_.emplace(chain, grants_->RepliesTo(chain->name));
}

bool StreamGrants::Permits(const Chain& chain, const ReplyAct& reply, std::string& why) const {
  const auto found = replies_.find(&chain);
  if (found != replies_.end()) return found->second->Permits(reply, why);
  why = "the chain is none of this stream's";
  return false;
}

std::unique_ptr<const StreamGrants> StreamGrants::Under(std::shared_ptr<const Grants> grants) const {
  std::vector<const Chain*> chains;
  chains.reserve(replies_.size());
  for (const auto& [chain, replies] : replies_) chains.push_back(chain);
  return std::make_unique<const StreamGrants>(std::move(grants), chains);
}

bool StreamGrants::MayServeAny() const {
  return std::ranges::any_of(replies_, [this](const auto& served) { return grants_->MayServe(served.first->name); });
}

bool Grants::SameForStreams(const Grants& other) const {
  const auto filters_are_same = [](const ReplyFilter& a, const ReplyFilter& b) { return a.text() == b.text(); };
  const auto rules_are_same = [&](const std::shared_ptr<const Rule>& a, const std::shared_ptr<const Rule>& b) {
    return a->chains == b->chains && a->qos == b->qos && a->retain == b->retain &&
           std::ranges::equal(a->allow, b->allow, filters_are_same);
  };
  return bounds_ == other.bounds_ && std::ranges::equal(rules_, other.rules_, rules_are_same) &&
         std::ranges::equal(denied_, other.denied_,
                            [&](const auto& a, const auto& b) { return filters_are_same(a.filter, b.filter); });
}

void Permissions::Replace(Permissions&& other) {
  std::shared_ptr<const Rules> fresh = other.rules();
  MutexLock lock(mutex_);
  rules_ = std::move(fresh);
}

std::shared_ptr<const Permissions::Rules> Permissions::rules() const {
  MutexLock lock(mutex_);
  return rules_;
}

bool Permissions::Rule::AppliesTo(const Principal& principal) const {
  const auto is_named = [&principal](const NamePattern& pattern) {
    return std::ranges::any_of(principal.names, [&pattern](const std::string& name) { return pattern.Matches(name); });
  };
  if (!who.empty() && std::ranges::none_of(who, is_named)) return false;
  return std::ranges::all_of(claims, [&principal](const Claim& claim) {
    const auto found = principal.claims.find(claim.pointer);
    return found != principal.claims.end() && std::ranges::any_of(found->second, [&claim](const std::string& value) {
             return std::ranges::any_of(claim.values, [&value](const NamePattern& p) { return p.Matches(value); });
           });
  });
}

absl::StatusOr<Permissions::Rule> Permissions::CompileRule(const PermissionRule& source) {
  Rule rule{.source = source};
  if (source.who.empty() && source.claims.empty()) {
    return absl::InvalidArgumentError(source.name + ": says neither who nor which claims");
  }
  if (absl::Status status = ParseAll(source, "who", source.who, rule.who); !status.ok()) return status;
  for (const auto& [name, values] : source.claims) {
    Claim& claim = rule.claims.emplace_back(Claim{.pointer = ClaimPointer(name)});
    if (absl::Status status = ParseAll(source, "claim", values, claim.values); !status.ok()) return status;
  }
  auto gives = std::make_shared<Grants::Rule>();
  gives->name = source.name;
  gives->chains = source.chains;
  gives->qos = source.reply_qos;
  gives->retain = source.reply_retain;
  if (absl::Status status = ParseAll(source, "filter", source.allow_replies, gives->allow); !status.ok()) return status;
  if (absl::Status status = ParseAll(source, "filter", source.deny_replies, rule.deny); !status.ok()) return status;
  rule.gives = std::move(gives);
  return rule;
}

absl::StatusOr<Permissions> Permissions::Compile(const std::vector<PermissionRule>& rules) {
  auto compiled = std::make_shared<Rules>();
  for (const PermissionRule& source : rules) {
    absl::StatusOr<Rule> rule = CompileRule(source);
    if (!rule.ok()) return rule.status();
    compiled->push_back(*std::move(rule));
  }
  Permissions permissions;
  {
    MutexLock lock(permissions.mutex_);
    permissions.rules_ = std::move(compiled);
  }
  return permissions;
}

std::shared_ptr<const Grants> Permissions::For(const Principal& principal) const {
  const std::shared_ptr<const Rules> current = rules();
  auto grants = std::make_shared<Grants>();
  for (const Rule& rule : *current) {
    if (!rule.AppliesTo(principal)) continue;
    grants->rules_.push_back(rule.gives);
    for (const ReplyFilter& filter : rule.deny) grants->denied_.push_back({.filter = filter, .rule = rule.source.name});
    grants->role_ = std::max(grants->role_, rule.source.role);
    Grants::Bounds& bounds = grants->bounds_;
    Tighten(bounds.window_messages, rule.source.window_messages);
    Tighten(bounds.window_bytes, rule.source.window_bytes);
    Tighten(bounds.streams, rule.source.streams);
    Tighten(bounds.messages_a_second, rule.source.messages_a_second);
    Tighten(bounds.bytes_a_second, rule.source.bytes_a_second);
  }
  return grants;
}

Permissions::Answer Permissions::Explain(const Principal& principal, const Question& question) const {
  Answer answer;
  const auto say = [&answer](std::string reason) { answer.reasons.push_back(std::move(reason)); };
  const std::shared_ptr<const Rules> current = rules();
  if (current->empty()) {
    say("there are no rules: everything is permitted to everybody who is let in");
    answer.permitted = true;
    return answer;
  }
  std::vector<std::string> applying;
  std::vector<std::string> serving;
  for (const Rule& rule : *current) {
    if (!rule.AppliesTo(principal)) continue;
    applying.push_back(rule.source.name);
    if (rule.gives->Gives(question.chain)) serving.push_back(rule.source.name);
  }
  if (applying.empty()) {
    say(absl::StrCat("no rule applies to ", Printable(principal.name())));
    return answer;
  }
  say(absl::StrCat("to ", Printable(principal.name()), " apply: ", absl::StrJoin(applying, ", ")));
  if (serving.empty()) {
    say(absl::StrCat("none of them gives the chain '", Printable(question.chain), "'"));
    return answer;
  }
  say(absl::StrCat("the chain '", Printable(question.chain), "' is given by: ", absl::StrJoin(serving, ", ")));
  answer.permitted = true;
  if (!question.reply) return answer;
  std::string why;
  answer.permitted = For(principal)->RepliesTo(question.chain)->Permits(*question.reply, why);
  say(answer.permitted ? "the reply is permitted" : why);
  return answer;
}

}  // namespace sluice
