#include "sluice/options.h"

#include <cstdio>
#include <string>

#include "client/cpp/src/address.h"
#include "client/cpp/src/tls_files.h"

namespace sluice::client {
namespace {

constexpr size_t kMaxName = 256;     // worker.proto, Hello.
constexpr size_t kMaxChains = 1000;  // worker.proto, Hello.

Status Bad(const std::string& what) { return {StatusCode::kInvalidArgument, what}; }

Status CheckName(const char* field, const std::string& name) {
  if (name.size() <= kMaxName) return {};
  return Bad(std::string(field) + " has " + std::to_string(name.size()) + " bytes; allowed are 256");
}

Status CheckDuration(const char* field, std::chrono::milliseconds value, int64_t lowest) {
  constexpr int64_t kHighest = 86'400'000;  // A day: anything longer is a mistake in the unit.
  if (value.count() >= lowest && value.count() <= kHighest) return {};
  return Bad(std::string(field) + " is " + std::to_string(value.count()) + " ms; allowed are " +
             std::to_string(lowest) + " … " + std::to_string(kHighest));
}

Status CheckTls(const Options& options) {
  const Tls& tls = options.tls;
  if (options.security == Security::kPlaintext) {
    if (tls.ca_file.empty() && tls.cert_file.empty() && tls.key_file.empty() && tls.server_name.empty()) return {};
    return Bad("tls is set, but security is kPlaintext");
  }
  if (tls.cert_file.empty() != tls.key_file.empty()) return Bad("tls.cert_file and tls.key_file go together");
  TlsFiles files;
  const std::string wrong = ReadTlsFiles(tls, files);
  return wrong.empty() ? Status() : Bad(wrong);
}

}  // namespace

Status Validate(const Options& options) {
  if (options.gateways.empty()) return Bad("gateways is empty: name at least one HOST:PORT");
  for (const std::string& gateway : options.gateways) {
    Target target;
    if (Status status = ParseTarget(gateway, target); !status.ok()) return status;
  }
  if (options.chains.empty()) return Bad("chains is empty: name at least one");
  if (options.chains.size() > kMaxChains) {
    return Bad("chains has " + std::to_string(options.chains.size()) + " entries; allowed are 1,000");
  }
  for (const std::string& chain : options.chains) {
    if (chain.empty()) return Bad("chains has an empty name");
    if (Status status = CheckName("a chain's name", chain); !status.ok()) return status;
  }
  if (Status status = CheckName("worker_name", options.worker_name); !status.ok()) return status;
  if (Status status = CheckName("instance", options.instance); !status.ok()) return status;
  if (options.window_messages == 0) return Bad("window_messages is 0: nothing would ever be delivered");
  constexpr size_t kMaxThreads = 4096;
  if (options.concurrency != Options::kAutoConcurrency && options.concurrency > kMaxThreads) {
    return Bad("concurrency is " + std::to_string(options.concurrency) + "; allowed are 0 … 4,096");
  }
  const struct {
    const char* field;
    std::chrono::milliseconds value;
    int64_t lowest;
  } durations[] = {{"lease", options.lease, 0},
                   {"resolve_interval", options.resolve_interval, 1000},
                   {"reconnect_first", options.reconnect_first, 1},
                   {"reconnect_longest", options.reconnect_longest, options.reconnect_first.count()},
                   {"connect_timeout", options.connect_timeout, 1},
                   {"drain_timeout", options.drain_timeout, 0}};
  for (const auto& [field, value, lowest] : durations) {
    if (Status status = CheckDuration(field, value, lowest); !status.ok()) return status;
  }
  if (options.token && !options.token_file.empty()) return Bad("token and token_file are both set; one is allowed");
  return CheckTls(options);
}

void PrintEvent(const Event& event) {
  // One call, so that lines of several threads and programs do not mix.
  const std::string line = "sluice: " + event.text + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace sluice::client
