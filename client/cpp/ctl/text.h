// Values as people read them. What devices and workers have written is made safe for a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::ctl {

// Control characters as \n, \t or \xNN, bytes that are no UTF-8 as '?'; at most `max_chars` characters, then "…".
std::string Printable(std::string_view text, size_t max_chars = SIZE_MAX);

// "0s", "12s", "3m12s", "2h05m", "3d04h": the two largest units.
std::string Age(uint64_t ms);

// "2026-11-22T20:13:30Z".
std::string UtcTime(int64_t unix_ms);

// "12:03:04.118" or, with `micros`, "12:03:04.118402"; in UTC.
std::string TimeOfDay(int64_t unix_us, bool micros);

// A value of an enumeration of the protos: "TRACE_STEP_KIND_LEASE_ENDED" without "TRACE_STEP_KIND_" is "lease ended".
// "?" for what has no name here: a newer gateway says it.
std::string EnumWords(std::string_view name, std::string_view prefix);

// "512 B", "1.5 KiB", "64.0 MiB".
std::string Bytes(uint64_t bytes);

// "1 dead letter", "2 dead letters".
std::string Count(uint64_t count, std::string_view what);

// A second: "0", "0.4", "12.5", "1204".
std::string Rate(double per_second);

// A payload as text where it is one (UTF-8 without control characters but line breaks and tabs), else as hexadecimal
// in lines of 16 bytes. At most `max_bytes` of it; what is left out is said.
std::string Payload(std::string_view payload, uint64_t payload_bytes, size_t max_bytes);

// How a line stands out where there is colour.
enum class Style : uint8_t { kPlain, kHead, kCaution, kTrouble };

// Rows below a head, in columns that are as wide as they must be. The last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { Add(std::move(head), Style::kHead); }
  void Add(std::vector<std::string> row, Style style = Style::kPlain) { rows_.push_back({std::move(row), style}); }
  // A line per row, each indented. `colour`: for a terminal that shows it.
  std::string ToString(size_t indent = 0, bool colour = false) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Style style = Style::kPlain;
  };
  std::vector<Row> rows_;
};

}  // namespace sluice::ctl
