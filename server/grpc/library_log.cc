#include "server/grpc/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "server/message/utf8.h"
#include "server/telemetry/log.h"
#include "server/telemetry/log_limit.h"

namespace sluice {
namespace {

constexpr size_t kMostDetail = 300;
constexpr std::string_view kFailed = "Handshaking failed: ";
constexpr std::array<std::string_view, 3> kReasons = {"tls", "closed", "other"};

// Of the process, as the libraries' logs are.
struct State {
  // Strangers cause these lines, and one says as much as a thousand.
  std::optional<log::Limiter> limit;
  bool verbose = false;  // Somebody asked gRPC for more, as its documents say: $GRPC_VERBOSITY.
  std::array<std::atomic<uint64_t>, kReasons.size()> failed_handshakes{};
  std::atomic<uint64_t> grpc_errors{0};
  std::atomic<uint64_t> protobuf_errors{0};

  static State& Get() {
    static State state;
    return state;
  }
};

std::string_view FileName(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

void Say(log::Level level, std::string_view library, const char* file, int line, std::string_view message) {
  const std::string source = std::string(FileName(file)) + ":" + std::to_string(line);
  // The places in a library are few.
  if (!State::Get().limit->Admit(library, source)) return;
  log::Write(level, library, {{"says", CutUtf8(message, kMostDetail)}, {"source", source}});
}

void OnFailedHandshake(std::string_view message) {
  State& state = State::Get();
  const FailedHandshake failed = ParseFailedHandshake(message);
  for (size_t i = 0; i < kReasons.size(); ++i) {
    if (kReasons[i] == failed.reason) state.failed_handshakes[i].fetch_add(1, std::memory_order_relaxed);
  }
  constexpr std::string_view kEvent = "a connection failed its handshake";
  if (!state.limit->Admit(kEvent, failed.reason)) return;
  // Probes of load balancers connect and go, over and over.
  const log::Level level = failed.reason == "closed" ? log::Level::kDebug : log::Level::kWarning;
  log::Write(
      level, kEvent,
      {{"peer", failed.peer.empty() ? "unknown" : failed.peer}, {"detail", CutUtf8(failed.detail, kMostDetail)}});
}

void OnGrpcLine(gpr_log_func_args* args) {
  State& state = State::Get();
  const std::string_view message = args->message;
  if (message.starts_with(kFailed)) return OnFailedHandshake(message);
  if (args->severity == GPR_LOG_SEVERITY_ERROR) {
    // The same failure, first told by the layer below, without a peer.
    if (message.starts_with("Handshake failed with fatal error")) return;
    state.grpc_errors.fetch_add(1, std::memory_order_relaxed);
    return Say(log::Level::kWarning, "gRPC", args->file, args->line, message);
  }
  if (state.verbose) Say(log::Level::kDebug, "gRPC", args->file, args->line, message);
}

void OnProtobufLine(google::protobuf::LogLevel level, const char* file, int line, const std::string& message) {
  if (level == google::protobuf::LOGLEVEL_INFO) return Say(log::Level::kDebug, "protobuf", file, line, message);
  State::Get().protobuf_errors.fetch_add(1, std::memory_order_relaxed);
  Say(level == google::protobuf::LOGLEVEL_FATAL ? log::Level::kError : log::Level::kWarning, "protobuf", file, line,
      message);
}

// What stands between `from` and `to`; empty where they are not there.
std::string_view Between(std::string_view text, std::string_view from, std::string_view to) {
  const size_t begin = text.find(from);
  if (begin == std::string_view::npos) return "";
  text.remove_prefix(begin + from.size());
  const size_t end = text.find(to);
  return end == std::string_view::npos ? "" : text.substr(0, end);
}

}  // namespace

FailedHandshake ParseFailedHandshake(std::string_view message) {
  FailedHandshake failed{.reason = "other", .detail = "", .peer = Between(message, "target_address:\"", "\"")};
  if (message.starts_with(kFailed)) message.remove_prefix(kFailed.size());
  if (message.find("sl handshake failed") != std::string_view::npos) failed.reason = "tls";
  if (message.find("Socket closed") != std::string_view::npos) failed.reason = "closed";
  failed.detail = message.substr(0, message.find(" {"));
  if (failed.detail.starts_with("UNKNOWN:")) failed.detail.remove_prefix(8);
  return failed;
}

void CaptureLibraryLogs(const Clock& clock) {
  State& state = State::Get();
  state.limit.emplace(clock, log::Limiter::Rate{.burst = 10, .interval = Millis(10'000)});
  state.verbose = std::getenv("GRPC_VERBOSITY") != nullptr;  // NOLINT(concurrency-mt-unsafe): before threads.
  gpr_set_log_function(OnGrpcLine);
  // Failed handshakes are told at this level only. Otherwise gRPC says little there, and nothing per call.
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_DEBUG);
  google::protobuf::SetLogHandler(OnProtobufLine);
}

void AddLibraryLogMetrics(MetricsRegistry& metrics) {
  const auto counter = [&metrics](const char* name, const char* help, Labels labels,
                                  const std::atomic<uint64_t>& value) {
    metrics.AddCallbackCounter(name, help, std::move(labels),
                               [&value] { return static_cast<double>(value.load(std::memory_order_relaxed)); });
  };
  const State& state = State::Get();
  for (size_t i = 0; i < kReasons.size(); ++i) {
    counter("sluice_listener_handshakes_failed_total",
            "Connections to gRPC listeners that did not get past their TLS handshake; closed: gone before.",
            {{"reason", std::string(kReasons[i])}}, state.failed_handshakes[i]);
  }
  constexpr char kLines[] = "sluice_library_log_lines_total";
  constexpr char kLinesHelp[] = "Errors that gRPC and protobuf had to tell, also those that the log left out.";
  counter(kLines, kLinesHelp, {{"library", "grpc"}}, state.grpc_errors);
  counter(kLines, kLinesHelp, {{"library", "protobuf"}}, state.protobuf_errors);
}

}  // namespace sluice
