#include "server/worker/server.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/rpc/reflection.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// What calls other than streams may take when the server stops.
constexpr Millis kOthersGrace{200};

SessionContext MakeContext(const WorkerServer::Options& options, const Clock& clock, MetricsRegistry& metrics,
                           DeliverySource& source, SettleHandler& settles, ReadGate& gate, log::Limiter& log_limit,
                           CrashLoops& crash_loops,
                           std::function<absl::Status(const PeerCertificate&)> check_certificate) {
  const WorkersConfig& config = options.config;
  SessionLimits limits;
  limits.outgoing.max_frame_bytes = std::max(config.max_frame_bytes, kMinFrameBytes);
  limits.max_window = {.messages = config.max_window_messages, .bytes = config.max_window_bytes};
  limits.heartbeat = config.heartbeat;
  limits.result_timeout = options.result_timeout;
  return {.clock = clock,
          .source = source,
          .settles = settles,
          .gate = gate,
          .log_limit = log_limit,
          .admission = options.admission,
          .metrics = WorkerMetrics(metrics),
          .limits = limits,
          .gateway = options.gateway,
          .wake_by = options.wake_by,
          .crash_loops = &crash_loops,
          .authenticator = options.authenticator,
          .permissions = options.permissions,
          .check_certificate = std::move(check_certificate)};
}

rpc::Endpoint::Options EndpointOptions(const WorkersConfig& config) {
  rpc::Endpoint::Options options{.name = "workers",
                                 .listen = config.listen,
                                 .socket_mode = static_cast<mode_t>(std::stoul(config.socket_mode, nullptr, 8)),
                                 .tls = config.tls,
                                 .threads = config.threads};
  // A token will do.
  options.client_certificate_optional =
      config.auth && !config.auth->tokens.empty() && config.auth->certificates && !config.auth->both;
  options.accept = {.connections = config.max_connections,
                    .connections_per_address = config.max_connections_per_address,
                    .handshakes_per_second = config.handshakes_per_second,
                    .handshakes_per_second_per_address = config.handshakes_per_second_per_address,
                    .handshake_timeout = config.handshake_timeout};
  options.limits.streams = config.max_streams_per_connection;
  options.limits.handshake_timeout = config.handshake_timeout;
  options.limits.message_bytes = config.max_frame_bytes;
  options.limits.connection_window = 16u << 20;
  options.limits.receive_bytes = std::max(options.limits.receive_bytes, 2 * config.max_frame_bytes);
  return options;
}

}  // namespace

WorkerServer::WorkerServer(Options options, const Clock& clock, MetricsRegistry& metrics, DeliverySource& source,
                           SettleHandler& settles, ReadGate& gate)
    : options_(std::move(options)),
      clock_(clock),
      metrics_(metrics),
      log_limit_(clock),
      crash_loops_(clock, metrics),
      registry_(MakeContext(options_, clock, metrics, source, settles, gate, log_limit_, crash_loops_,
                            [this](const PeerCertificate& shown) { return CheckCertificate(shown); }),
                {.max_streams = options_.config.max_streams,
                 .max_streams_per_principal = MostStreamsPerPrincipal(options_.config),
                 .max_stream_age = options_.config.max_stream_age},
                options_.seed) {}

WorkerServer::~WorkerServer() { Stop(Clock::Real().Now()); }

absl::Status WorkerServer::Start() {
  const WorkersConfig& config = options_.config;
  if (options_.serve) {
    options_.serve(MakeWorkerService(registry_, config.max_frame_bytes));
    return absl::OkStatus();
  }
  if (config.tls.has_value() == config.insecure) {
    return absl::InvalidArgumentError("workers: exactly one of tls and insecure must be set");
  }
  std::vector<rpc::Service> services = {MakeWorkerService(registry_, config.max_frame_bytes), health_.service()};
  if (config.reflection) {
    for (rpc::Service& service : rpc::Reflection({kWorkerServiceName, services[1].name})) {
      services.push_back(std::move(service));
    }
  }
  absl::StatusOr<std::unique_ptr<rpc::Endpoint>> endpoint =
      rpc::Endpoint::Bind(EndpointOptions(config), std::move(services), clock_, metrics_);
  if (!endpoint.ok()) return endpoint.status();
  endpoint_ = *std::move(endpoint);
  address_ = endpoint_->address();
  port_ = endpoint_->port();
  endpoint_->Serve();
  log::Info("worker streams listen", {{"address", address_}, {"tls", config.tls.has_value()}});
  return absl::OkStatus();
}

SteadyTime WorkerServer::Tick(SteadyTime now) {
  const SteadyTime next = registry_.Tick(now);
  if (endpoint_ == nullptr) return next;
  const SteadyTime endpoint_next = endpoint_->Tick(now);
  // Certificates may have been withdrawn.
  if (const uint64_t generation = endpoint_->tls_generation(); generation != tls_generation_) {
    tls_generation_ = generation;
    registry_.CheckAgain();
  }
  return std::min(next, endpoint_next);
}

void WorkerServer::Stop(SteadyTime deadline) {
  registry_.EndAll("the gateway is shutting down; connect again");
  if (endpoint_ == nullptr) return;
  registry_.WaitEmpty(deadline);
  // Cancels what is left at the deadline. Of the streams none is left then; those who watch the health would stay for
  // ever.
  const auto left =
      std::clamp(std::chrono::duration_cast<Millis>(deadline - Clock::Real().Now()), Millis(0), kOthersGrace);
  endpoint_->Stop(Clock::Real().Now() + left);
  registry_.WaitEmpty(kNever);
}

}  // namespace sluice
