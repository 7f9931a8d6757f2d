// A rule of the configuration's `permissions`: who may do what. Texts only; permissions.h makes something of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/message/message.h"

namespace sluice {

// What somebody may do as an administrator; each may all that those before it may.
enum class AdminRole : uint8_t { kNone, kViewer, kOperator, kAdmin };

struct PermissionRule {
  std::string name;  // For people: as configured, or "permissions[2]".

  // ---- to whom it applies: one of the patterns of `who`, where there are some, and each of `claims`.
  std::vector<std::string> who;                            // NamePattern.
  std::map<std::string, std::vector<std::string>> claims;  // Claim or JSON Pointer → one of these NamePatterns.

  // ---- what it gives
  std::vector<std::string> chains;         // Names, with `*` for any characters.
  std::vector<std::string> allow_replies;  // ReplyFilter, for replies to messages of these chains.
  Qos reply_qos = Qos::kExactlyOnce;       // The highest.
  bool reply_retain = false;
  AdminRole role = AdminRole::kNone;

  // ---- what it takes: holds for all that the principal does, whichever rule gives it
  std::vector<std::string> deny_replies;  // ReplyFilter.
  // Nothing: no bound by this rule.
  std::optional<uint32_t> window_messages;
  std::optional<uint64_t> window_bytes;
  std::optional<uint32_t> streams;            // Of the principal at once, on this gateway.
  std::optional<uint32_t> messages_a_second;  // Replies.
  std::optional<uint64_t> bytes_a_second;     // Of frames from workers.

  friend bool operator==(const PermissionRule&, const PermissionRule&) = default;
};

}  // namespace sluice
