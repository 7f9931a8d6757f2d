// What MQTT allows as text, topic name, topic filter and shared subscription (MQTT 5.0 §1.5.4, §4.7, §4.8.2; MQTT
// 3.1.1 says the same of the first three). Pure functions over views: no state, no allocation unless they refuse.
//
// A refusal is INVALID_ARGUMENT, and its message says what is wrong and at which byte ("has the wildcard '#' at byte
// 4"), worded to stand behind a name of the thing; it never repeats the text, which may not be printable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// The longest UTF-8 string MQTT can carry, in bytes (§1.5.4).
inline constexpr size_t kMaxMqttStringBytes = 65'535;

// Valid UTF-8 as §1.5.4 wants it: no surrogates, no overlong forms, nothing above U+10FFFF, no U+0000, at most 65,535
// bytes. Control characters and non-characters are taken: a receiver may, and the broker did.
absl::Status CheckMqttString(std::string_view text);

// What MQTT 5 lets a receiver refuse as malformed though it is valid (§1.5.4): control characters, U+0001 to U+001F and
// U+007F to U+009F, and non-characters such as U+FFFE. For text that is valid as above.
absl::Status CheckNoControlCharacters(std::string_view text);
// Overwrites the bytes of what CheckNoControlCharacters() refuses, and what is not valid UTF-8, with '?'.
void MendControlCharacters(std::string& text);

// A topic name (§4.7.3): a string as above, not empty, no wildcards.
absl::Status CheckTopicName(std::string_view topic);

// A topic filter (§4.7.1): a string as above, not empty; `+` fills a whole level, `#` a whole level and the last one.
// A `$share` in front is nothing special here: see ParseSubscription().
absl::Status CheckTopicFilter(std::string_view filter);

// A share name (§4.8.2): a string as above, not empty, without `/`, `+` and `#`.
absl::Status CheckShareName(std::string_view share);

// What is subscribed to, taken apart. Views into the text.
struct SubscriptionName {
  std::string_view share;  // Empty: not shared.
  std::string_view filter;
};

// `FILTER` or `$share/GROUP/FILTER` (§4.8.2), both parts checked. `$share/GROUP` without a filter is refused.
absl::StatusOr<SubscriptionName> ParseSubscription(std::string_view text);

// Level `n` (from 1) of a topic name or filter; levels may be empty. nullopt when there are fewer, or `n` is 0.
std::optional<std::string_view> TopicLevel(std::string_view topic, uint32_t n);

}  // namespace sluice
