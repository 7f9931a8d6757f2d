// The metadata keys that say where a reply goes, as RuleGo has them.
#pragma once

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"

namespace sluice {

inline constexpr std::string_view kReplyTopicKey = "responseTopic";
inline constexpr std::string_view kReplyQosKey = "responseQos";

// Names of metadata keys are not case-sensitive.
inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return absl::ascii_tolower(static_cast<unsigned char>(x)) == absl::ascii_tolower(static_cast<unsigned char>(y));
  });
}

inline bool IsReplyKey(std::string_view name) {
  return EqualsIgnoreCase(name, kReplyTopicKey) || EqualsIgnoreCase(name, kReplyQosKey);
}

}  // namespace sluice
