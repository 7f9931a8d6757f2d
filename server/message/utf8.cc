#include "server/message/utf8.h"

#include <cstdint>
#include <cstring>

namespace sluice {
namespace {

// Bytes of the well-formed sequence at `p`, 0 when there is none (RFC 3629 §4).
size_t SequenceSize(const unsigned char* p, size_t left) {
  auto continues = [&](size_t i, unsigned char low = 0x80, unsigned char high = 0xbf) {
    return i < left && p[i] >= low && p[i] <= high;
  };
  unsigned char lead = p[0];
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return continues(1) ? 2 : 0;
  if (lead < 0xf0) {
    unsigned char low = lead == 0xe0 ? 0xa0 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : 0xbf;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead > 0xf4) return 0;
  unsigned char low = lead == 0xf0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xf4 ? 0x8f : 0xbf;
  return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
}

// How many bytes at the front are ASCII, counted in words of eight where it can.
size_t AsciiPrefix(const char* text, size_t size) {
  constexpr uint64_t kNotAscii = 0x8080808080808080u;
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text + i, sizeof word);
    if ((word & kNotAscii) != 0) break;
  }
  while (i < size && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  size_t i = AsciiPrefix(text.data(), text.size());
  while (i < text.size()) {
    size_t step = SequenceSize(reinterpret_cast<const unsigned char*>(text.data()) + i, text.size() - i);
    if (step == 0) return false;
    i += step;
  }
  return true;
}

void MendUtf8(char* text, size_t size) {
  size_t i = AsciiPrefix(text, size);
  while (i < size) {
    size_t step = SequenceSize(reinterpret_cast<const unsigned char*>(text) + i, size - i);
    if (step == 0) text[i] = '?';
    i += step == 0 ? 1 : step;
  }
}

std::string Readable(std::string_view text) {
  std::string readable(text);
  MendUtf8(readable.data(), readable.size());
  for (char& c : readable) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return readable;
}

std::string ReadableTopic(std::string_view topic) {
  constexpr size_t kMost = 200;
  return Readable(topic.substr(0, kMost));
}

std::string_view CutUtf8(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace sluice
