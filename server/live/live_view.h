// What the gateway does just now, and what operators make of it: LiveService's other side.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/admin/live_control.h"
#include "server/live/chain_pauses.h"
#include "server/mqtt/connection_state.h"
#include "server/mqtt/options.h"
#include "server/pressure/intake_control.h"
#include "server/queue/dispatcher.h"
#include "server/reply/outbox.h"
#include "server/route/chain_directory.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/rate_meter.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"
#include "server/worker/server.h"

namespace sluice {

// Thread-safe. Reads what the stages keep anyway; nothing here is called on a message's path.
class LiveView final : public LiveControl, public Tickable {
 public:
  using Connections = std::map<std::string, MqttOptions>;
  // All outlive it.
  struct Parts {
    const Clock& clock;
    MetricsRegistry& metrics;
    ChainDirectory& chains;
    IntakeControl& intake;
    Dispatcher& dispatcher;
    Outbox& outbox;
    WorkerServer& workers;
    std::function<std::set<std::string, std::less<>>()> configured_chains;
    std::function<std::shared_ptr<const Connections>()> connections;
    std::function<std::vector<ConnectionState>()> intake_states;
    std::function<std::vector<ConnectionState>()> publisher_states;
    std::function<bool()> keeps_shares;  // A drain leaves no shared filters: there is nobody else.
    std::function<bool()> ending;        // The gateway shuts down.
  };
  // The chains of `pauses` are paused at once.
  LiveView(Parts parts, std::unique_ptr<ChainPauses> pauses);

  absl::Status ListWorkers(const v1::ListWorkersRequest& request, v1::ListWorkersResponse& response) override;
  absl::Status ListChains(const v1::ListChainsRequest& request, v1::ListChainsResponse& response) override;
  absl::Status ListConnections(const v1::ListConnectionsRequest& request,
                               v1::ListConnectionsResponse& response) override;
  absl::Status DrainWorker(const AdminCaller& caller, const v1::DrainWorkerRequest& request,
                           v1::DrainWorkerResponse& response) override;
  absl::Status DisconnectWorker(const AdminCaller& caller, const v1::DisconnectWorkerRequest& request,
                                v1::DisconnectWorkerResponse& response) override;
  absl::Status PauseChain(const AdminCaller& caller, const v1::PauseChainRequest& request,
                          v1::PauseChainResponse& response) override;
  absl::Status ResumeChain(const AdminCaller& caller, const v1::ResumeChainRequest& request,
                           v1::ResumeChainResponse& response) override;
  absl::Status DrainGateway(const AdminCaller& caller, const v1::DrainGatewayRequest& request,
                            v1::DrainGatewayResponse& response) override;
  absl::Status ResumeGateway(const AdminCaller& caller, const v1::ResumeGatewayRequest& request,
                             v1::ResumeGatewayResponse& response) override;

  // ---- for /readyz
  // Why DrainGateway() was called, and by whom; empty: it was not, or ResumeGateway() came after it.
  std::string drained() const;
  // "2 chains are paused: a, b"; empty: none is.
  std::string DescribePauses() const;

  // Looks at the counters of connections, for their rates.
  SteadyTime Tick(SteadyTime now) override;

 private:
  struct ConnectionRates {
    RateMeter received;
    RateMeter received_bytes;
    RateMeter published;
    RateMeter published_bytes;
  };
  struct ConnectionTotals {
    uint64_t received = 0;
    uint64_t received_bytes = 0;
    uint64_t published = 0;
    uint64_t published_bytes = 0;
  };

  void WorkerToProto(const Session::Description& from, v1::LiveWorker& out) const;
  void ChainToProto(const ChainLoad& from, const ChainPauses::Pauses& pauses, v1::LiveChain& out) const;
  // As it stands; NOT_FOUND: there is none.
  absl::Status Find(const std::string& chain, v1::LiveChain& out) const;
  ConnectionTotals TotalsOf(const std::string& connection, const std::vector<ConnectionState>& intake) const;

  const Parts parts_;
  const std::unique_ptr<ChainPauses> pauses_;
  Gauge& paused_;

  mutable Mutex mutex_;
  std::string drained_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ConnectionRates, std::less<>> rates_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice
