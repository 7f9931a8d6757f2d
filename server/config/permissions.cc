// Who may do what, and whether that can be meant: rules that nothing reaches, chains that nobody may serve.
#include "server/identity/permissions.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "server/config/document.h"
#include "server/config/nearest.h"
#include "server/config/permissions_file.h"
#include "server/config/reader.h"
#include "server/config/sections.h"
#include "server/config/target.h"
#include "server/message/topic_matcher.h"
#include "server/route/chain_pattern.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// What names of principals begin with, and where they come from.
enum class Source : uint8_t { kUri, kDns, kEmail, kSubject, kToken };
struct NameKind {
  std::string_view prefix;
  Source source;
};
constexpr std::array kNameKinds = {NameKind{"spiffe://", Source::kUri},    NameKind{"uri:", Source::kUri},
                                   NameKind{"dns:", Source::kDns},         NameKind{"email:", Source::kEmail},
                                   NameKind{"subject:", Source::kSubject}, NameKind{"sub:", Source::kToken}};

bool IsTaken(const AuthenticationOptions& auth, Source source) {
  if (source == Source::kToken) return !auth.tokens.empty();
  if (!auth.certificates) return false;
  switch (source) {
    case Source::kUri:
      return auth.certificates->uri;
    case Source::kDns:
      return auth.certificates->dns;
    case Source::kEmail:
      return auth.certificates->email;
    default:
      return auth.certificates->subject;
  }
}

std::vector<const AuthenticationOptions*> AuthsOf(const GatewayConfig& config) {
  std::vector<const AuthenticationOptions*> auths;
  for (const auto* auth : {&config.workers.auth, &config.admin.auth}) {
    if (*auth) auths.push_back(&**auth);
  }
  return auths;
}

// Why nobody is called so; empty: somebody may be.
std::string WhyNobody(const std::string& pattern, const std::vector<const AuthenticationOptions*>& auths) {
  const std::string_view begin = std::string_view(pattern).substr(0, pattern.find('*'));
  const auto fits = [begin](const NameKind& kind) {
    return begin.starts_with(kind.prefix) || kind.prefix.starts_with(begin);
  };
  if (std::ranges::none_of(kNameKinds, fits)) {
    return "names of principals begin with spiffe://, uri:, dns:, email:, subject: or sub:";
  }
  const auto taken = [&](const NameKind& kind) {
    return fits(kind) && std::ranges::any_of(
                             auths, [&kind](const AuthenticationOptions* auth) { return IsTaken(*auth, kind.source); });
  };
  if (std::ranges::none_of(kNameKinds, taken)) return "no auth takes names of this kind";
  const bool lower = std::ranges::none_of(begin, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (begin.starts_with("dns:") && !lower) return "host names are compared in small letters";
  return "";
}

// Chains that the configuration names, each with the place of its route or section.
struct KnownChains {
  std::set<std::string, std::less<>> names;
  std::vector<std::pair<std::string, Position>> of_routes;
  bool templates = false;  // A route may lead to chains that are not named.

  bool Has(std::string_view pattern) const {
    return templates || std::ranges::any_of(
                            names, [pattern](const std::string& name) { return MatchesChainPattern(pattern, name); });
  }
};

// `route_at`: of config.routes; empty: nobody asks.
KnownChains ChainsOf(const GatewayConfig& config, const std::vector<Position>& route_at) {
  KnownChains known;
  for (const auto& [name, options] : config.chains) known.names.insert(name);
  for (size_t i = 0; i < config.routes.size(); ++i) {
    const absl::StatusOr<TargetParts> target = ParseTarget(config.routes[i].target);
    if (!target.ok()) continue;
    if (target->is_template) {
      known.templates = true;
    } else if (known.names.insert(target->chain).second || config.chains.contains(target->chain)) {
      known.of_routes.emplace_back(target->chain, i < route_at.size() ? route_at[i] : Position{});
    }
  }
  return known;
}

class Checker {
 public:
  Checker(Reading& reading, const GatewayConfig& config, const KnownChains& known)
      : reading_(reading), config_(config), known_(known) {}

  void Rule(MapReader& map, const PermissionRule& rule) {
    if (!map.valid()) return;
    const bool gives = !rule.chains.empty() || rule.role != AdminRole::kNone;
    const bool takes = !rule.deny_replies.empty() || rule.window_messages || rule.window_bytes || rule.streams ||
                       rule.messages_a_second || rule.bytes_a_second;
    if (rule.who.empty() && rule.claims.empty()) {
      reading_.Error(map.at(), text::Concat(map.path(),
                                            ": says neither who nor which claims; allowed: one of them, or "
                                            "both; who: ['**'] is everybody"));
    }
    if (!gives && !takes) {
      reading_.Error(map.at(), text::Concat(map.path(),
                                            ": gives nothing and denies nothing; allowed: chains, "
                                            "a role, replies.deny or a bound"));
    }
    if (rule.role != AdminRole::kNone && !config_.admin.auth) {
      map.Warn("role", "nobody asks administrators who they are, so it gives nothing; admin.auth does");
    }
    if (rule.chains.empty() && !rule.allow_replies.empty()) {
      reading_.Error(map.at(), text::Concat(map.path(),
                                            ": replies.allow is for messages of its chains, and it names "
                                            "none; allowed: chains"));
    }
    Who(map, rule);
    Chains(map, rule);
    for (const std::string& allowed : rule.allow_replies) {
      for (const std::string& denied : rule.deny_replies) {
        if (denied != allowed && denied != "#") continue;
        reading_.Warn(map.at(), text::Concat(map.path(), ": replies.allow ", Quoted(allowed),
                                             " gives nothing, as replies.deny ", Quoted(denied), " denies all of it"));
      }
    }
  }

  // `at`: where the rules stand; nothing: where each route does.
  void All(const std::vector<PermissionRule>& rules, std::optional<Position> rules_at) {
    for (const auto& [chain, route_at] : known_.of_routes) {
      const auto gives = [&chain](const PermissionRule& rule) {
        return std::ranges::any_of(
            rule.chains, [&chain](const std::string& pattern) { return MatchesChainPattern(pattern, chain); });
      };
      if (std::ranges::any_of(rules, gives)) continue;
      reading_.Warn(rules_at.value_or(route_at),
                    text::Concat("permissions: no rule lets anybody serve the chain ", Quoted(chain), " that ",
                                 rules_at ? "a" : "this", " route leads to"));
    }
  }

 private:
  void Who(MapReader& map, const PermissionRule& rule) {
    const std::vector<const AuthenticationOptions*> auths = AuthsOf(config_);
    if (auths.empty()) return;  // Reported, for all rules at once.
    for (const std::string& pattern : rule.who) {
      const std::string why = WhyNobody(pattern, auths);
      if (!why.empty()) map.Warn("who", text::Concat(Quoted(pattern), " is nobody: ", why));
    }
    size_t issuers = 0;
    for (const AuthenticationOptions* auth : auths) issuers = std::max(issuers, auth->tokens.size());
    if (!rule.claims.empty() && issuers == 0) map.Warn("claims", "nobody has them: no auth takes tokens");
    const bool by_subject =
        std::ranges::any_of(rule.who, [](const std::string& pattern) { return pattern.starts_with("sub:"); });
    if (by_subject && issuers > 1 && !rule.claims.contains("iss")) {
      map.Warn("who", "several issuers may have such a subject; claims: {iss: ISSUER} says whose it is");
    }
  }

  void Chains(MapReader& map, const PermissionRule& rule) {
    for (const std::string& pattern : rule.chains) {
      if (known_.Has(pattern)) continue;
      const std::vector<std::string_view> names(known_.names.begin(), known_.names.end());
      map.Warn("chains", text::Concat(Quoted(pattern), " is no chain that a route leads to or that chains names",
                                      DidYouMean(pattern, names)));
    }
  }

  Reading& reading_;
  const GatewayConfig& config_;
  const KnownChains& known_;
};

template <typename T>
void ReadBound(MapReader& map, std::string_view key, std::optional<T>& bound) {
  T value = 0;
  if (map.Find(key) != nullptr && map.Read(key, value)) bound = value;
}

PermissionRule ReadRule(Reading& reading, MapReader& map) {
  PermissionRule rule{.name = map.path()};
  map.Read("name", rule.name);
  map.Read("who", rule.who);
  map.Read("claims", rule.claims);
  map.Read("chains", rule.chains);
  std::string role = "none";
  map.Read("role", role);
  rule.role = AdminRoleOf(role).value_or(AdminRole::kNone);
  if (const Entry* entry = map.Find("replies")) {
    MapReader replies(reading, kPermissionRepliesSection, *entry, map.PathOf("replies"));
    replies.Read("allow", rule.allow_replies);
    replies.Read("deny", rule.deny_replies);
    replies.Read("qos", rule.reply_qos);
    replies.Read("retain", rule.reply_retain);
  }
  if (const Entry* entry = map.Find("window")) {
    MapReader window(reading, kPermissionWindowSection, *entry, map.PathOf("window"));
    ReadBound(window, "messages", rule.window_messages);
    ReadBound(window, "bytes", rule.window_bytes);
  }
  ReadBound(map, "streams", rule.streams);
  if (const Entry* entry = map.Find("rate")) {
    MapReader rate(reading, kPermissionRateSection, *entry, map.PathOf("rate"));
    ReadBound(rate, "messages", rule.messages_a_second);
    ReadBound(rate, "bytes", rule.bytes_a_second);
  }
  return rule;
}

// The list under `permissions` of a map. `rules_at`: as Checker::All has it.
std::vector<PermissionRule> ReadRules(Reading& reading, MapReader& map, const Value& list, const GatewayConfig& config,
                                      const KnownChains& known, std::optional<Position> rules_at) {
  std::vector<PermissionRule> rules;
  if (list.kind != Value::Kind::kList || list.items.empty()) {
    map.Error("permissions", "found no list of rules; allowed: a list of maps, each beginning with '- '");
    return rules;
  }
  Checker checker(reading, config, known);
  for (size_t i = 0; i < list.items.size(); ++i) {
    const Value& item = list.items[i];
    const std::string path = text::Concat("permissions[", i, "]");
    const Entry rule_entry{.key = path, .at = item.at, .value = item};
    MapReader one(reading, kPermissionSection, rule_entry, path);
    PermissionRule rule = ReadRule(reading, one);
    checker.Rule(one, rule);
    rules.push_back(std::move(rule));
  }
  if (config.workers.auth) checker.All(rules, rules_at);
  return rules;
}

void ReadFile(Reading& reading, MapReader& top, Draft& draft) {
  std::string file;
  if (!top.Read("permissionsFile", file)) return;
  draft.config.permissions_file = file;
  const absl::StatusOr<std::string> text = reading.surroundings().read_file(file);
  if (!text.ok()) {
    top.Error("permissionsFile",
              text::Concat("file ", Quoted(file), " cannot be read: ", text::Message(text.status())));
    return;
  }
  PermissionsResult result = LoadPermissions(*text, file, draft.config, reading.surroundings());
  draft.config.permissions = std::move(result.rules);
  reading.AddOthers(std::move(result.errors), std::move(result.warnings));
}

}  // namespace

PermissionsResult LoadPermissions(std::string_view text, const std::string& file, const GatewayConfig& config,
                                  const Surroundings& surroundings) {
  PermissionsResult result;
  std::variant<Value, Diagnostic> document = ParseDocument(text, file);
  if (auto* error = std::get_if<Diagnostic>(&document)) {
    result.errors.push_back(std::move(*error));
    return result;
  }
  const Entry root{.key = "", .at = {.line = 1, .column = 1}, .value = std::get<Value>(std::move(document))};
  Reading reading(file, surroundings);
  MapReader map(reading, kPermissionsFileSection, root, "");
  if (const Entry* entry = map.valid() ? map.Find("permissions") : nullptr) {
    result.rules = ReadRules(reading, map, entry->value, config, ChainsOf(config, {}), entry->at);
  }
  result.errors = reading.TakeErrors();
  result.warnings = reading.TakeWarnings();
  return result;
}

void ReadPermissions(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("permissions");
  const bool has_file = top.Find("permissionsFile") != nullptr;
  if (entry == nullptr && !has_file) {
    if (draft.config.workers.auth) {
      top.Warn("permissions",
               "there are none, so whoever workers.auth lets in may serve every chain and publish to "
               "every topic");
    }
    return;
  }
  if (entry != nullptr && has_file) {
    top.Error("permissionsFile", "both permissions and permissionsFile are set; allowed: one of them");
  }
  if (AuthsOf(draft.config).empty()) {
    top.Error(has_file ? "permissionsFile" : "permissions",
              "nobody is asked who it is, so no rule would apply; allowed: workers.auth, admin.auth or both "
              "besides");
  }
  if (has_file) ReadFile(reading, top, draft);
  if (entry == nullptr) return;
  const KnownChains known = ChainsOf(draft.config, draft.route_at);
  draft.config.permissions = ReadRules(reading, top, entry->value, draft.config, known, std::nullopt);
}

}  // namespace sluice
