#include "server/telemetry/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace sluice::log {
namespace {

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void AppendJsonString(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          out += "\\u00";
          out += kHex[byte >> 4];
          out += kHex[byte & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || c == '"' || c == '=' || c == '\\' || byte == 0x7f) return true;
  }
  return false;
}

// The process's logger, made at first use. `json` is set before threads start and constant from then on.
struct Logger {
  std::shared_ptr<spdlog::logger> logger;
  bool json = false;

  Logger() { Set(Level::kInfo, Format::kAuto); }

  void Set(Level level, Format format) {
    bool terminal = isatty(STDERR_FILENO) != 0;
    json = format == Format::kJson || (format == Format::kAuto && !terminal);
    if (!json && terminal) {
      logger = std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    } else {
      logger = std::make_shared<spdlog::logger>("sluice", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    }
    logger->set_level(ToSpdlog(level));
    // The message of a JSON line is its inner part, quoted by Write().
    logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%H:%M:%S.%e %^%-7l%$ %v",
                        json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
    logger->flush_on(spdlog::level::debug);
  }

  static Logger& Get() {
    static Logger instance;
    return instance;
  }
};

}  // namespace

void Configure(Level level, Format format) { Logger::Get().Set(level, format); }

void Write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  Logger& logger = Logger::Get();
  if (!logger.logger->should_log(ToSpdlog(level))) return;
  std::string line;
  if (logger.json) {
    line += "\"event\":";
    AppendJsonString(line, event);
    for (const Field& field : fields) {
      line += ',';
      AppendJsonString(line, field.key);
      line += ':';
      if (field.quoted) {
        AppendJsonString(line, field.value);
      } else {
        line += field.value;
      }
    }
  } else {
    line += event;
    for (const Field& field : fields) {
      line += ' ';
      line += field.key;
      line += '=';
      if (field.quoted && NeedsQuotes(field.value)) {
        AppendJsonString(line, field.value);
      } else {
        line += field.value;
      }
    }
  }
  logger.logger->log(ToSpdlog(level), spdlog::string_view_t(line));
}

}  // namespace sluice::log
