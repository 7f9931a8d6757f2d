// How the gateway stands, for those who administer it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/config/version.h"
#include "server/journal/journal.h"
#include "server/mqtt/connection_state.h"
#include "server/telemetry/readiness.h"

namespace sluice {

// Never a secret.
struct GatewayStatus {
  std::string gateway;  // The replica's name.
  bool draining = false;
  ConfigVersion configuration;
  std::vector<ReadinessItem> readiness;
  std::vector<ConnectionState> connections;
  bool journal_persistent = false;
  Journal::Depth journal;
  struct ChainBacklog {
    std::string name;
    uint64_t waiting = 0;
    uint64_t on_disk = 0;
    uint64_t in_flight = 0;
  };
  std::vector<ChainBacklog> chains;
  std::string workers_address;
  uint64_t worker_streams = 0;
  struct WorkerStream {
    std::string session;
    std::string worker;
    std::string principal;
    std::string peer;
    Millis age{0};
  };
  std::vector<WorkerStream> workers;  // Not more than 1,000.
  uint64_t outbox_messages = 0;
  uint64_t dead_letters_waiting = 0;
  std::string dead_letters_trouble;
};

// Thread-safe.
class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual GatewayStatus Status() const = 0;
};

}  // namespace sluice
