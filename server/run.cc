#include "server/run.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "server/config/command_line.h"
#include "server/net/descriptor_limit.h"
#include "server/rpc/library_log.h"
#include "server/telemetry/log.h"
#include "server/telemetry/process_metrics.h"

namespace sluice {
namespace {

int Print(const Exit& exit) {
  std::cout << exit.out << std::flush;
  std::cerr << exit.err << std::flush;
  return exit.code;
}

void ConfigureLog(const LogConfig& config) {
  log::Level level = log::Level::kInfo;
  if (config.level == "debug") level = log::Level::kDebug;
  if (config.level == "warning") level = log::Level::kWarning;
  if (config.level == "error") level = log::Level::kError;
  log::Format format = log::Format::kAuto;
  if (config.format == "text") format = log::Format::kText;
  if (config.format == "json") format = log::Format::kJson;
  log::Configure(level, format);
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

// One that asks for the end.
const char* WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  for (sigwait(&signals, &signal); signal == SIGHUP; sigwait(&signals, &signal)) {
    log::Warning("SIGHUP is ignored: the configuration is read at the start only; restart the gateway to change it");
  }
  return signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

// Its memory holds keys, passwords and messages: no other process of its user may read them (ptrace, /proc/PID/mem), and
// none of it goes into a core dump. A debugger that is to be attached needs to be root's.
void KeepMemoryToItself() {
  const rlimit none{};
  if (prctl(PR_SET_DUMPABLE, 0) == 0 && setrlimit(RLIMIT_CORE, &none) == 0) return;
  log::Warning("core dumps cannot be turned off", {{"error", std::generic_category().message(errno)}});
}

int Run(const GatewayConfig& config, GatewayParts parts) {
  sigset_t signals = BlockSignals();
  ConfigureLog(config.log);
  if (std::getenv("SLUICE_DUMPABLE") == nullptr) KeepMemoryToItself();  // NOLINT(concurrency-mt-unsafe): one thread.
  CaptureLibraryLogs(Clock::Real());
  log::Info("sluice-gateway starts", {{"version", Version()}, {"file_descriptors", RaiseDescriptorLimit()}});
  for (const std::string& warning : config.warnings) log::Warning(warning);

  absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Start(config, std::move(parts));
  if (!gateway.ok()) {
    log::Error("cannot start", {{"reason", gateway.status().ToString()}});
    return EXIT_FAILURE;
  }
  log::Info("serving", {{"workers", (*gateway)->workers_address()},
                        {"http", (*gateway)->http_address()},
                        {"admin", (*gateway)->admin_address()}});

  const char* signal = WaitForSignal(signals);
  log::Info("stopping", {{"signal", signal}});
  std::thread([signals] {
    log::Warning("stopping at once", {{"signal", WaitForSignal(signals)}});
    std::_Exit(kExitLeftOver);
  }).detach();
  bool complete = (*gateway)->Shutdown(config.shutdown_drain);
  log::Info("stopped");
  return complete ? EXIT_SUCCESS : kExitLeftOver;
}

}  // namespace

int RunGateway(const std::vector<std::string>& arguments, GatewayParts parts) {
  CommandLine command_line = ParseCommandLine(arguments);
  if (command_line.exit) return Print(*command_line.exit);
  if (!command_line.import_rulego.empty()) return Print(ImportFor(command_line, Surroundings::Real()));
  LoadResult loaded = LoadFor(command_line, Surroundings::Real());
  if (command_line.check || !loaded.ok()) return Print(Report(command_line, loaded));
  return Run(loaded.config, std::move(parts));
}

}  // namespace sluice
