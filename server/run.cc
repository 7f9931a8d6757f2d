#include "server/run.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/config/command_line.h"
#include "server/config/version.h"
#include "server/net/descriptor_limit.h"
#include "server/reload/file_watch.h"
#include "server/rpc/library_log.h"
#include "server/runtime/error_text.h"
#include "server/runtime/text.h"
#include "server/telemetry/log.h"
#include "server/telemetry/process_metrics.h"
#include "server/trial/route_trial.h"
#include "server/trial/trial_text.h"
#include "version/version.h"

namespace sluice {
namespace {

int Print(const Exit& exit) {
  std::cout << exit.out << std::flush;
  std::cerr << exit.err << std::flush;
  return exit.code;
}

void ConfigureLog(const LogConfig& config) {
  log::Format format = log::Format::kAuto;
  if (config.format == "text") format = log::Format::kText;
  if (config.format == "json") format = log::Format::kJson;
  log::Configure(log::LevelNamed(config.level), format);
}

// SIGTERM, SIGINT and SIGHUP are waited for, not handled: blocked here, before the first thread, which the others
// inherit.
sigset_t BlockSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// One that asks for the end; `on_hangup` is called for each SIGHUP until then. Several that come while it runs are one.
const char* WaitForSignal(const sigset_t& signals, const std::function<void()>& on_hangup) {
  int signal = 0;
  for (sigwait(&signals, &signal); signal == SIGHUP; sigwait(&signals, &signal)) on_hangup();
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

// Its memory holds keys, passwords and messages: no other process of its user may read them (ptrace, /proc/PID/mem), and
// none of it goes into a core dump. A debugger that is to be attached needs to be root's.
void KeepMemoryToItself() {
  const rlimit none{};
  if (prctl(PR_SET_DUMPABLE, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0) return;
  log::Warning("core dumps cannot be turned off", {{"error", ErrorText(errno)}});
}

// Nothing without --watch. Ends before the gateway does.
std::unique_ptr<FileWatch> Watch(const CommandLine& command_line, Gateway& gateway) {
  if (!command_line.watch) return nullptr;
  return std::make_unique<FileWatch>(
      [file = command_line.config_file]() -> std::string {
        const absl::StatusOr<std::string> text = Surroundings::Real().read_file(file);
        return text.ok() ? ConfigHash(*text) : "";
      },
      [&gateway] { return gateway.config_version().hash; },
      // What comes of it the log says.
      [&gateway] { (void)gateway.Reload("watch"); });
}

// What --test prints: as `sluicectl routes test` does.
Exit TestFor(const CommandLine& command_line, const GatewayConfig& config) {
  v1::TestRoutesRequest request;
  request.set_topic(command_line.test_topic);
  request.set_connection(command_line.test_connection);
  request.set_reply_topic(command_line.test_reply);
  request.set_qos(1);
  if (!command_line.test_payload_file.empty()) {
    absl::StatusOr<std::string> payload = Surroundings::Real().read_file(command_line.test_payload_file);
    if (!payload.ok()) {
      return {.code = EXIT_FAILURE,
              .out = "",
              .err = text::Concat("--payload ", command_line.test_payload_file, ": ", text::Message(payload.status()),
                                  "\n")};
    }
    request.set_payload(*std::move(payload));
  }
  const absl::StatusOr<v1::TestRoutesResponse> answer = TestRoutes(config, request);
  if (!answer.ok()) {
    return {.code = EXIT_FAILURE, .out = "", .err = text::Concat("--test: ", text::Message(answer.status()), "\n")};
  }
  return {.code = TestPassed(request, *answer) ? EXIT_SUCCESS : EXIT_FAILURE,
          .out = DescribeTest(request, *answer),
          .err = ""};
}

int Run(const CommandLine& command_line, const GatewayConfig& config, GatewayParts parts) {
  sigset_t signals = BlockSignals();
  ConfigureLog(config.log);
  if (std::getenv("SLUICE_DUMPABLE") == nullptr) KeepMemoryToItself();  // NOLINT(concurrency-mt-unsafe): one thread.
  CaptureLibraryLogs(Clock::Real());
  log::Info("sluice-gateway starts", {{"version", Version()}, {"file_descriptors", RaiseDescriptorLimit()}});
  for (const std::string& warning : config.warnings) log::Warning("configuration warning", {{"says", warning}});

  absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Build(config, std::move(parts));
  if (const absl::Status started = gateway.ok() ? (*gateway)->Start() : gateway.status(); !started.ok()) {
    log::Error("cannot start", {{"reason", started.ToString()}});
    return EXIT_FAILURE;
  }
  log::Info("serving", {{"workers", (*gateway)->workers_address()},
                        {"http", (*gateway)->http_address()},
                        {"admin", (*gateway)->admin_address()},
                        {"dashboard", (*gateway)->dashboard_address()}});

  std::unique_ptr<FileWatch> watch = Watch(command_line, **gateway);
  const char* signal = WaitForSignal(signals, [&gateway] { (void)(*gateway)->Reload("SIGHUP"); });
  log::Info("stopping", {{"signal", signal}});
  std::thread([signals] {
    log::Warning("stopping at once", {{"signal", WaitForSignal(signals, [] {})}});
    std::_Exit(kExitLeftOver);
  }).detach();
  watch.reset();
  bool complete = (*gateway)->Shutdown((*gateway)->config()->shutdown_drain);
  log::Info("stopped");
  return complete ? EXIT_SUCCESS : kExitLeftOver;
}

}  // namespace

int RunGateway(const std::vector<std::string>& arguments, GatewayParts parts) {
  // One that comes while the gateway starts is a reload, too, and not its end.
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
  CommandLine command_line = ParseCommandLine(arguments);
  if (command_line.exit) return Print(*command_line.exit);
  if (command_line.version) {
    return Print({.code = EXIT_SUCCESS, .out = text::Concat("sluice-gateway ", BuildText(), "\n"), .err = ""});
  }
  if (!command_line.import_rulego.empty()) return Print(ImportFor(command_line, Surroundings::Real()));
  LoadResult loaded = LoadFor(command_line, Surroundings::Real());
  if (command_line.check || !loaded.ok()) return Print(Report(command_line, loaded));
  if (!command_line.test_topic.empty()) return Print(TestFor(command_line, loaded.config));
  parts.origin = {.name = command_line.config_file.empty() ? "the command line" : command_line.config_file,
                  .hash = loaded.hash,
                  .shown = loaded.shown,
                  .load =
                      [command_line](const std::optional<ConfigText>& text, std::span<const Addition> additions) {
                        return text ? LoadTextFor(command_line, text->text, text->name, Surroundings::Real(), additions)
                                    : LoadFor(command_line, Surroundings::Real(), additions);
                      },
                  .text = loaded.text,
                  .items = loaded.items};
  return Run(command_line, loaded.config, std::move(parts));
}

}  // namespace sluice
