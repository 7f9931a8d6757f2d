#include "server/telemetry/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "server/telemetry/json_string.h"

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

bool NeedsQuotes(std::string_view text) {
  // From 0x80 on it may be a C1 control character or no UTF-8 at all: quoting sees to both.
  auto special = [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte >= 0x7f || c == '"' || c == '=' || c == '\\';
  };
  return text.empty() || std::any_of(text.begin(), text.end(), special);
}

// The process's logger, made at first use. Its format is set before threads start and constant from then on.
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
    logger->set_pattern(
        json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v",
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

void SetLevel(Level level) { Logger::Get().logger->set_level(ToSpdlog(level)); }

Level LevelNamed(std::string_view name) {
  if (name == "debug") return Level::kDebug;
  if (name == "warning") return Level::kWarning;
  return name == "error" ? Level::kError : Level::kInfo;
}

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
