// What a principal may do: the rules of `permissions`, and what they come to for one principal and one stream.
//
// Rules add up: what one of them gives is given. What one of them denies is denied, whichever gives it, and of bounds the
// tightest holds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/identity/name_pattern.h"
#include "server/identity/permission_rule.h"
#include "server/identity/principal.h"
#include "server/identity/reply_filter.h"
#include "server/identity/reply_grants.h"
#include "server/runtime/mutex.h"

namespace sluice {

class Chain;

// What one principal may do. Immutable, hence thread-safe; shared by its streams.
class Grants {
 public:
  bool MayServe(std::string_view chain) const;
  std::shared_ptr<const ReplyGrants> RepliesTo(std::string_view chain) const;
  AdminRole role() const { return role_; }

  // Nothing: no bound.
  struct Bounds {
    std::optional<uint32_t> window_messages;
    std::optional<uint64_t> window_bytes;
    std::optional<uint32_t> streams;
    std::optional<uint32_t> messages_a_second;
    std::optional<uint64_t> bytes_a_second;

    friend bool operator==(const Bounds&, const Bounds&) = default;
  };
  const Bounds& bounds() const { return bounds_; }

  // They come to the same for a worker's stream, whatever their rules are called.
  bool SameForStreams(const Grants& other) const;

 private:
  friend class Permissions;
  struct Rule {
    std::string name;
    std::vector<std::string> chains;
    std::vector<ReplyFilter> allow;
    Qos qos;
    bool retain;

    bool Gives(std::string_view chain) const;
  };
  std::vector<std::shared_ptr<const Rule>> rules_;
  std::vector<ReplyGrants::Denied> denied_;
  AdminRole role_ = AdminRole::kNone;
  Bounds bounds_;
};

// What one stream may do: its principal's grants, found by chain without a search of rules. Immutable, hence
// thread-safe.
class StreamGrants {
 public:
  // `chains` outlive it.
  StreamGrants(std::shared_ptr<const Grants> grants, const std::vector<const Chain*>& chains);

  const Grants& grants() const { return *grants_; }
  // The same stream under other grants. Its chains must still be there.
  std::unique_ptr<const StreamGrants> Under(std::shared_ptr<const Grants> grants) const;
  // One of its chains at least.
  bool MayServeAny() const;
  // Of a message of `chain`, one of the stream's.
  bool Permits(const Chain& chain, const ReplyAct& reply, std::string& why) const;

 private:
  const std::shared_ptr<const Grants> grants_;
  absl::flat_hash_map<const Chain*, std::shared_ptr<const ReplyGrants>> replies_;
};

// The rules. Thread-safe.
class Permissions {
 public:
  Permissions() = default;
  Permissions(Permissions&& other) noexcept : rules_(other.rules()) {}
  Permissions& operator=(Permissions&& other) noexcept {
    Replace(std::move(other));
    return *this;
  }

  // INVALID_ARGUMENT: a pattern or a filter that is none, and in which rule.
  static absl::StatusOr<Permissions> Compile(const std::vector<PermissionRule>& rules);

  // From now on those of `other`. What For() gave stays what it was.
  void Replace(Permissions&& other);

  // No rule at all: everything is permitted, to everybody.
  bool empty() const { return rules()->empty(); }
  std::shared_ptr<const Grants> For(const Principal& principal) const;

  struct Question {
    std::string chain;
    std::optional<ReplyAct> reply;
  };
  struct Answer {
    bool permitted = false;
    std::vector<std::string> reasons;  // Sentences, in the order in which it was decided.
  };
  // What the principal may, and by which rules. Agrees with what For() and StreamGrants decide.
  Answer Explain(const Principal& principal, const Question& question) const;

 private:
  struct Claim {
    std::string pointer;
    std::vector<NamePattern> values;
  };
  struct Rule {
    PermissionRule source;
    std::vector<NamePattern> who;
    std::vector<Claim> claims;
    std::shared_ptr<const Grants::Rule> gives;
    std::vector<ReplyFilter> deny;

    bool AppliesTo(const Principal& principal) const;
  };
  using Rules = std::vector<Rule>;
  static absl::StatusOr<Rule> CompileRule(const PermissionRule& source);
  std::shared_ptr<const Rules> rules() const;

  mutable Mutex mutex_;
  std::shared_ptr<const Rules> rules_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const Rules>();
};

// "groups" → "/groups"; what begins with '/' is a JSON Pointer already.
std::string ClaimPointer(std::string_view name);

// "viewer" …; "none".
std::string_view AdminRoleName(AdminRole role);
std::optional<AdminRole> AdminRoleOf(std::string_view name);

}  // namespace sluice
