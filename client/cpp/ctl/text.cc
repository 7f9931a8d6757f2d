#include "client/cpp/ctl/text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "server/message/utf8.h"

namespace sluice::ctl {
namespace {

template <typename... Arguments>
std::string Format(const char* format, Arguments... arguments) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, arguments...);
  return buffer.data();
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool Continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// U+0080 … U+009F: some terminals obey them.
bool IsC1(std::string_view text, size_t at) {
  return text[at] == '\xc2' && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
}

std::string Escaped(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  return Format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
}

size_t Width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return !Continues(c); }));
}

bool IsText(std::string_view payload) {
  if (!IsUtf8(payload)) return false;
  for (size_t i = 0; i < payload.size(); ++i) {
    const char c = payload[i];
    if ((IsControl(c) && c != '\n' && c != '\t' && c != '\r') || IsC1(payload, i)) return false;
  }
  return true;
}

std::string Hex(std::string_view bytes) {
  constexpr size_t kPerLine = 16;
  std::string text;
  for (size_t begin = 0; begin < bytes.size(); begin += kPerLine) {
    const std::string_view line = bytes.substr(begin, kPerLine);
    text += Format("%08zx ", begin);
    for (size_t i = 0; i < kPerLine; ++i) {
      text += i < line.size() ? Format(" %02x", static_cast<unsigned>(static_cast<unsigned char>(line[i]))) : "   ";
    }
    text += "  ";
    for (char c : line) text += IsControl(c) || static_cast<unsigned char>(c) >= 0x80 ? '.' : c;
    text += '\n';
  }
  return text;
}

}  // namespace

std::string Printable(std::string_view text, size_t max_chars) {
  std::string valid(text);
  MendUtf8(valid.data(), valid.size());
  std::string out;
  size_t chars = 0;
  for (size_t i = 0; i < valid.size();) {
    if (chars++ == max_chars) return out + "…";
    if (IsControl(valid[i])) {
      out += Escaped(valid[i++]);
    } else if (IsC1(valid, i)) {
      out += Escaped(valid[i + 1]);
      i += 2;
    } else {
      do out += valid[i++];
      while (i < valid.size() && Continues(valid[i]));
    }
  }
  return out;
}

std::string Age(uint64_t ms) {
  const uint64_t s = ms / 1'000;
  if (s < 60) return Format("%us", static_cast<unsigned>(s));
  if (s < 3'600) return Format("%um%02us", static_cast<unsigned>(s / 60), static_cast<unsigned>(s % 60));
  if (s < 86'400) return Format("%uh%02um", static_cast<unsigned>(s / 3'600), static_cast<unsigned>(s / 60 % 60));
  return Format("%llud%02uh", static_cast<unsigned long long>(s / 86'400), static_cast<unsigned>(s / 3'600 % 24));
}

std::string UtcTime(int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer.data();
}

std::string TimeOfDay(int64_t unix_us, bool micros) {
  constexpr int64_t kMicrosOfSecond = 1'000'000;
  const std::time_t seconds = unix_us / kMicrosOfSecond;
  const int rest = static_cast<int>(unix_us % kMicrosOfSecond);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  const std::string time = Format("%02d:%02d:%02d.", parts.tm_hour, parts.tm_min, parts.tm_sec);
  return time + (micros ? Format("%06d", rest) : Format("%03d", rest / 1'000));
}

std::string EnumWords(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return "?";
  std::string words(name.substr(prefix.size()));
  for (char& c : words) c = c == '_' ? ' ' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return words;
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1'024) return Format("%u B", static_cast<unsigned>(bytes));
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1'024;
  size_t unit = 0;
  for (; value >= 1'024 && unit + 1 < kUnits.size(); ++unit) value /= 1'024;
  return Format("%.1f %s", value, kUnits[unit]);
}

std::string Count(uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

std::string Payload(std::string_view payload, uint64_t payload_bytes, size_t max_bytes) {
  std::string_view shown = payload.substr(0, max_bytes);
  std::string text;
  if (IsText(payload)) {
    shown = CutUtf8(payload, max_bytes);
    text = shown;
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
  } else {
    text = Hex(shown);
  }
  if (shown.size() < payload_bytes) {
    text += "… (" + std::to_string(payload_bytes - shown.size()) + " more bytes: --full)\n";
  }
  return text;
}

std::string Rate(double per_second) {
  if (per_second < 0.05) return "0";
  return per_second < 100 ? Format("%.1f", per_second) : Format("%.0f", per_second);
}

std::string Table::ToString(size_t indent, bool colour) const {
  std::vector<size_t> widths;
  for (const Row& row : rows_) {
    widths.resize(std::max(widths.size(), row.cells.size()));
    for (size_t i = 0; i < row.cells.size(); ++i) widths[i] = std::max(widths[i], Width(row.cells[i]));
  }
  std::string text;
  for (const auto& [row, style] : rows_) {
    const bool styled = colour && style != Style::kPlain;
    text.append(indent, ' ');
    if (styled) text += style == Style::kHead ? "\x1b[1m" : style == Style::kCaution ? "\x1b[33m" : "\x1b[31m";
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    if (styled) text += "\x1b[0m";
    text += '\n';
  }
  return text;
}

}  // namespace sluice::ctl
