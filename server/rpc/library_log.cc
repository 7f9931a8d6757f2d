#include "server/rpc/library_log.h"

#include <google/protobuf/stubs/logging.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "server/message/utf8.h"
#include "server/telemetry/log.h"
#include "server/telemetry/log_limit.h"

namespace sluice {
namespace {

constexpr size_t kMostDetail = 300;

// Of the process, as the library's log is.
struct State {
  // Strangers cause these lines, and one says as much as a thousand.
  std::optional<log::Limiter> limit;
  std::atomic<uint64_t> errors{0};

  static State& Get() {
    static State state;
    return state;
  }
};

std::string_view FileName(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

void OnLine(google::protobuf::LogLevel from, const char* file, int line, const std::string& message) {
  log::Level level = log::Level::kDebug;
  if (from != google::protobuf::LOGLEVEL_INFO) {
    State::Get().errors.fetch_add(1, std::memory_order_relaxed);
    level = from == google::protobuf::LOGLEVEL_FATAL ? log::Level::kError : log::Level::kWarning;
  }
  const std::string source = std::string(FileName(file)) + ":" + std::to_string(line);
  // The places in a library are few.
  if (!State::Get().limit->Admit("protobuf", source)) return;
  log::Write(level, "protobuf", {{"says", CutUtf8(message, kMostDetail)}, {"source", source}});
}

}  // namespace

void CaptureLibraryLogs(const Clock& clock) {
  State::Get().limit.emplace(clock, log::Limiter::Rate{.burst = 10, .interval = Millis(10'000)});
  google::protobuf::SetLogHandler(OnLine);
}

void AddLibraryLogMetrics(MetricsRegistry& metrics) {
  metrics.AddCallbackCounter("sluice_library_log_lines_total",
                             "Errors that protobuf had to tell, also those that the log left out.",
                             {{"library", "protobuf"}},
                             [] { return static_cast<double>(State::Get().errors.load(std::memory_order_relaxed)); });
}

}  // namespace sluice
