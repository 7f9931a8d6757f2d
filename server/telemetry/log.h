// Structured logs: one line per event in the life of a connection, a stream or the process; none per message.
//
//   log::Info("mqtt connected", {{"connection", name}, {"session_present", present}});
//
// Text on a terminal (with the local time, "2026-11-29T15:13:45.123+01:00"), JSON otherwise (UTC). Thread-safe. spdlog
// stays behind log.cc. Never pass a secret: fields are written as they are.
#pragma once

#include <cmath>
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sluice::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kAuto, kText, kJson };

// A named value. Strings are copied only when the line is written.
struct Field {
  Field(std::string_view k, std::string_view v) : key(k), value(v), quoted(true) {}
  Field(std::string_view k, const std::string& v) : Field(k, std::string_view(v)) {}
  Field(std::string_view k, const char* v) : Field(k, std::string_view(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  Field(std::string_view k, Number v) : key(k), text(std::to_string(v)), value(text), quoted(false) {}
  // JSON has no word for infinities and NaN: they are quoted.
  template <std::floating_point Number>
  Field(std::string_view k, Number v) : key(k), text(std::to_string(v)), value(text), quoted(!std::isfinite(v)) {}
  Field(const Field&) = delete;
  Field& operator=(const Field&) = delete;

  std::string_view key;
  std::string text;  // Owns the digits of a number; `value` points here then.
  std::string_view value;
  bool quoted;
};

// Before threads start. Default: Info, kAuto, to standard error.
void Configure(Level level, Format format);
// At any time.
void SetLevel(Level level);
// "debug", "info", "warning", "error", as the configuration has them.
Level LevelNamed(std::string_view name);

void Write(Level level, std::string_view event, std::initializer_list<Field> fields);
inline void Debug(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kDebug, event, fields);
}
inline void Info(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kInfo, event, fields);
}
inline void Warning(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kWarning, event, fields);
}
inline void Error(std::string_view event, std::initializer_list<Field> fields = {}) {
  Write(Level::kError, event, fields);
}

}  // namespace sluice::log
