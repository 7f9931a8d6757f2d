#include "server/message/trace_context.h"

#include <cstddef>
#include <vector>

#include "server/runtime/text.h"

namespace sluice {
namespace {

constexpr std::string_view kEntry = "sluice=";
constexpr std::string_view kReplyMark = "r";
constexpr size_t kSpanDigits = 16;
// The specification's bound on members, and one of our own on bytes: a property has at most 65,535.
constexpr size_t kMostMembers = 32;
constexpr size_t kMostStateBytes = 8'192;

// Lower-case digits only, as the specification has it. Nothing: there is something else.
std::optional<uint64_t> ParseHex(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    if (text::IsDigit(c)) {
      value = value << 4 | static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value << 4 | (static_cast<uint64_t>(c - 'a') + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

std::string OthersIn(std::string_view tracestate) {
  std::string others;
  if (tracestate.size() > kMostStateBytes) return others;
  size_t members = 0;
  for (std::string_view member : text::Split(tracestate, ',')) {
    member = text::Trimmed(member);
    if (member.empty() || member.starts_with(kEntry)) continue;
    if (++members >= kMostMembers) break;  // One is the gateway's.
    if (!others.empty()) others += ',';
    others += member;
  }
  return others;
}

}  // namespace

std::optional<TraceParent> ParseTraceparent(std::string_view text) {
  // VERSION-TRACE-SPAN-FLAGS: 2, 32, 16 and 2 digits.
  constexpr size_t kSize = 55;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::optional<uint64_t> version = ParseHex(text.substr(0, 2));
  if (!version || *version == 0xff) return std::nullopt;
  if (text.size() > kSize && (*version == 0 || text[kSize] != '-')) return std::nullopt;
  const std::optional<uint64_t> high = ParseHex(text.substr(3, 16));
  const std::optional<uint64_t> low = ParseHex(text.substr(19, 16));
  const std::optional<uint64_t> span = ParseHex(text.substr(36, kSpanDigits));
  const std::optional<uint64_t> flags = ParseHex(text.substr(53, 2));
  if (!high || !low || !span || !flags || (*high | *low) == 0 || *span == 0) return std::nullopt;
  return TraceParent{.trace = {*high, *low}, .span = *span, .sampled = (*flags & 1) != 0};
}

std::string FormatTraceparent(const TraceParent& parent) {
  std::string text = "00-";
  text::AppendHex64(parent.trace.high, text);
  text::AppendHex64(parent.trace.low, text);
  text += '-';
  text::AppendHex64(parent.span, text);
  text += parent.sampled ? "-01" : "-00";
  return text;
}

std::optional<SpanId> GatewayEntryOf(std::string_view tracestate, EntryOf what) {
  for (std::string_view member : text::Split(tracestate, ',')) {
    member = text::Trimmed(member);
    if (!member.starts_with(kEntry)) continue;
    member.remove_prefix(kEntry.size());
    if (member.starts_with(kReplyMark) != (what == EntryOf::kReply)) return std::nullopt;
    if (what == EntryOf::kReply) member.remove_prefix(kReplyMark.size());
    return member.size() == kSpanDigits ? ParseHex(member) : std::nullopt;
  }
  return std::nullopt;
}

std::string WithGatewayEntry(std::string_view tracestate, SpanId parent, EntryOf what) {
  std::string text(kEntry);
  if (what == EntryOf::kReply) text += kReplyMark;
  text::AppendHex64(parent, text);
  const std::string others = OthersIn(tracestate);
  if (!others.empty()) text.append(",").append(others);
  return text;
}

}  // namespace sluice
