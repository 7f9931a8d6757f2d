// Protobuf's `string` fields must be UTF-8: one bad byte makes the receiver reject the whole frame.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// True for well-formed UTF-8 (RFC 3629: no surrogates, no over-long forms).
bool IsUtf8(std::string_view text);

// Overwrites each byte that belongs to no well-formed sequence with '?'. The size stays.
void MendUtf8(char* text, size_t size);

// The text for people and for protobuf: as MendUtf8() does, and control characters too. The size stays.
std::string Readable(std::string_view text);

// A topic in a log line or a reason: Readable(), at most its first 200 bytes.
std::string ReadableTopic(std::string_view topic);

// At most `max_bytes` of `text`, cut between characters.
std::string_view CutUtf8(std::string_view text, size_t max_bytes);

}  // namespace sluice
