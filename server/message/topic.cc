#include "server/message/topic.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace sluice {
namespace {

constexpr uint64_t kLowBits = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

// Each of eight bytes minus one: its high bit comes up for zero, and may for one whose high bit was set already. Those
// are asked for as well wherever this is used, so that a borrow into the next byte makes no difference.
constexpr uint64_t Lowered(uint64_t word) { return word - kLowBits; }
constexpr uint64_t Without(uint64_t word, char c) { return word ^ (kLowBits * static_cast<uint8_t>(c)); }

// Non-zero when a byte is above ASCII or U+0000.
constexpr uint64_t NotPlain(uint64_t word) { return (word | Lowered(word)) & kHighBits; }
// As above, or a wildcard.
constexpr uint64_t NotPlainName(uint64_t word) {
  return (word | Lowered(word) | Lowered(Without(word, '+')) | Lowered(Without(word, '#'))) & kHighBits;
}

// Non-zero when a byte is above ASCII or a control character.
constexpr uint64_t NotPrintable(uint64_t word) {
  return (word | (word - kLowBits * ' ') | Lowered(Without(word, '\x7F'))) & kHighBits;
}

// Whether `suspicious` is zero for each eight bytes of `text`: the fast path of nearly every topic.
template <typename Suspicious>
bool AllPlain(std::string_view text, Suspicious suspicious) {
  uint64_t word = kLowBits * 'a';
  if (text.size() < sizeof word) {
    if (!text.empty()) std::memcpy(&word, text.data(), text.size());
    return suspicious(word) == 0;
  }
  const char* const last = text.data() + text.size() - sizeof word;
  for (const char* at = text.data(); at < last; at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    if (suspicious(word) != 0) return false;
  }
  // The last eight, of which some may have been looked at before.
  std::memcpy(&word, last, sizeof word);
  return suspicious(word) == 0;
}

absl::Status Refuse(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status RefuseAt(const std::string& what, size_t offset) {
  return Refuse(what + " at byte " + std::to_string(offset + 1));
}

uint8_t ByteAt(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// Length of the well-formed sequence that starts at `i` (Unicode 15, table 3-7), or 0.
size_t SequenceLength(std::string_view text, size_t i) {
  const uint8_t lead = ByteAt(text, i);
  if (lead < 0x80) return 1;
  size_t length = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;  // Bounds of the second byte: they shut out overlong forms, surrogates, and the beyond.
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() - i < length) return 0;
  if (ByteAt(text, i + 1) < low || ByteAt(text, i + 1) > high) return 0;
  for (size_t k = 2; k < length; ++k) {
    if ((ByteAt(text, i + k) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Of the sequence of `length` bytes that starts at `i`.
uint32_t CharacterAt(std::string_view text, size_t i, size_t length) {
  uint32_t character = ByteAt(text, i);
  if (length > 1) character &= 0x7Fu >> length;
  for (size_t k = 1; k < length; ++k) character = character << 6 | (ByteAt(text, i + k) & 0x3Fu);
  return character;
}
bool IsControl(uint32_t character) { return character < 0x20 || (character >= 0x7F && character <= 0x9F); }
bool IsNonCharacter(uint32_t character) {
  return (character >= 0xFDD0 && character <= 0xFDEF) || (character & 0xFFFE) == 0xFFFE;
}

absl::Status CheckLength(std::string_view text) {
  if (text.size() <= kMaxMqttStringBytes) return absl::OkStatus();
  return Refuse("has " + std::to_string(text.size()) + " bytes, more than the 65,535 that MQTT allows");
}

absl::Status CheckUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\0') return RefuseAt("has U+0000", i);
    const size_t length = SequenceLength(text, i);
    if (length == 0) return RefuseAt("is not valid UTF-8", i);
    i += length;
  }
  return absl::OkStatus();
}

absl::Status CheckNotEmpty(std::string_view text) { return text.empty() ? Refuse("is empty") : absl::OkStatus(); }

}  // namespace

absl::Status CheckMqttString(std::string_view text) {
  if (absl::Status status = CheckLength(text); !status.ok()) return status;
  return AllPlain(text, NotPlain) ? absl::OkStatus() : CheckUtf8(text);
}

absl::Status CheckNoControlCharacters(std::string_view text) {
  if (AllPlain(text, NotPrintable)) return absl::OkStatus();
  for (size_t i = 0; i < text.size();) {
    const size_t length = std::max<size_t>(1, SequenceLength(text, i));
    const uint32_t character = CharacterAt(text, i, length);
    if (IsControl(character)) return RefuseAt("has a control character", i);
    if (IsNonCharacter(character)) return RefuseAt("has a non-character of Unicode", i);
    i += length;
  }
  return absl::OkStatus();
}

void MendControlCharacters(std::string& text) {
  if (AllPlain(text, NotPrintable)) return;
  for (size_t i = 0; i < text.size();) {
    const size_t valid = SequenceLength(text, i);
    const size_t length = std::max<size_t>(1, valid);
    const uint32_t character = CharacterAt(text, i, length);
    if (valid == 0 || IsControl(character) || IsNonCharacter(character)) text.replace(i, length, length, '?');
    i += length;
  }
}

absl::Status CheckTopicName(std::string_view topic) {
  const bool fits = !topic.empty() && topic.size() <= kMaxMqttStringBytes;
  if (fits && AllPlain(topic, NotPlainName)) return absl::OkStatus();
  if (absl::Status status = CheckNotEmpty(topic); !status.ok()) return status;
  if (absl::Status status = CheckLength(topic); !status.ok()) return status;
  if (absl::Status status = CheckUtf8(topic); !status.ok()) return status;
  const size_t wildcard = topic.find_first_of("+#");
  if (wildcard == std::string_view::npos) return absl::OkStatus();
  return RefuseAt(std::string("has the wildcard '") + topic[wildcard] + "'", wildcard);
}

absl::Status CheckTopicFilter(std::string_view filter) {
  if (absl::Status status = CheckNotEmpty(filter); !status.ok()) return status;
  if (absl::Status status = CheckMqttString(filter); !status.ok()) return status;
  for (size_t i = filter.find_first_of("+#"); i != std::string_view::npos; i = filter.find_first_of("+#", i + 1)) {
    const bool starts_level = i == 0 || filter[i - 1] == '/';
    const bool ends_filter = i + 1 == filter.size();
    if (filter[i] == '+') {
      const bool ends_level = ends_filter || filter[i + 1] == '/';
      if (!starts_level || !ends_level) {
        return RefuseAt("has a '+' that does not fill a whole level", i);
      }
    } else if (!starts_level) {
      return RefuseAt("has a '#' that does not fill a whole level", i);
    } else if (!ends_filter) {
      return RefuseAt("has a '#' that is not its last level", i);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShareName(std::string_view share) {
  if (absl::Status status = CheckNotEmpty(share); !status.ok()) return status;
  if (absl::Status status = CheckMqttString(share); !status.ok()) return status;
  const size_t forbidden = share.find_first_of("/+#");
  if (forbidden == std::string_view::npos) return absl::OkStatus();
  return RefuseAt(std::string("has a '") + share[forbidden] + "'", forbidden);
}

absl::StatusOr<SubscriptionName> ParseSubscription(std::string_view text) {
  constexpr std::string_view kPrefix = "$share/";
  SubscriptionName name{.share = {}, .filter = text};
  // The prefix counts towards the length on the wire.
  if (absl::Status status = CheckLength(text); !status.ok()) return status;
  if (text.substr(0, kPrefix.size()) == kPrefix) {
    const std::string_view rest = text.substr(kPrefix.size());
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return Refuse("has no filter behind $share/GROUP/");
    name = {.share = rest.substr(0, slash), .filter = rest.substr(slash + 1)};
    if (absl::Status status = CheckShareName(name.share); !status.ok()) {
      return Refuse("has a share name that " + std::string(status.message()));
    }
    if (absl::Status status = CheckTopicFilter(name.filter); !status.ok()) {
      return Refuse("has, behind $share/GROUP/, a filter that " + std::string(status.message()));
    }
    return name;
  }
  if (absl::Status status = CheckTopicFilter(text); !status.ok()) return status;
  return name;
}

std::optional<std::string_view> TopicLevel(std::string_view topic, uint32_t n) {
  if (n == 0) return std::nullopt;
  for (; n > 1; --n) {
    const size_t slash = topic.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    topic.remove_prefix(slash + 1);
  }
  return topic.substr(0, topic.find('/'));
}

}  // namespace sluice
