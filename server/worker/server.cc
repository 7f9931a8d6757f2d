#include "server/worker/server.h"

#include <grpc/grpc.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/grpc/tls_credentials.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// HTTP/2 pings find connections whose other end is gone without a word; heartbeats find workers that are.
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A worker may ping this often without being told off (ENHANCE_YOUR_CALM).
constexpr int kMinPingIntervalMs = 10'000;
constexpr int kHandshakeTimeoutMs = 10'000;
// Connections without a stream are closed after this.
constexpr int kConnectionIdleMs = 300'000;
// What calls other than streams may take when the server stops.
constexpr Millis kOthersGrace{200};
// Of one connection; a worker needs one.
constexpr int kStreamsPerConnection = 1'000;

SessionContext MakeContext(const WorkerServer::Options& options, const Clock& clock, MetricsRegistry& metrics,
                           DeliverySource& source, SettleHandler& settles, ReadGate& gate, log::Limiter& log_limit,
                           CrashLoops& crash_loops) {
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
          .crash_loops = &crash_loops};
}

absl::Status CannotListen(const std::string& listen, const std::string& why, absl::StatusCode code) {
  return absl::Status(code, absl::StrCat("workers.listen: cannot listen on '", listen, "': ", why));
}

int ToInt(size_t value) { return static_cast<int>(std::min<size_t>(value, INT_MAX)); }

}  // namespace

WorkerServer::WorkerServer(Options options, const Clock& clock, MetricsRegistry& metrics, DeliverySource& source,
                           SettleHandler& settles, ReadGate& gate)
    : options_(std::move(options)),
      clock_(clock),
      log_limit_(clock),
      crash_loops_(clock, metrics),
      registry_(MakeContext(options_, clock, metrics, source, settles, gate, log_limit_, crash_loops_),
                {.max_streams = options_.config.max_streams, .max_stream_age = options_.config.max_stream_age},
                options_.seed),
      service_(registry_),
      unknown_(absl::StrCat("/", v1::WorkerService::service_full_name(), "/Work and /grpc.health.v1.Health")) {}

WorkerServer::~WorkerServer() { Stop(Clock::Real().Now()); }

absl::Status WorkerServer::Start() {
  const WorkersConfig& config = options_.config;
  if (config.tls.has_value() == config.insecure) {
    return absl::InvalidArgumentError("workers: exactly one of tls and insecure must be set");
  }
  KeepGrpcRunning();
  credentials_ = grpc::InsecureServerCredentials();
  if (config.tls) {
    absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> tls =
        LoadTlsCredentials("workers.tls", *config.tls, clock_);
    if (!tls.ok()) return tls.status();
    credentials_ = *std::move(tls);
  }
  // Of the process: every server that is built from now on has it.
  grpc::EnableDefaultHealthCheckService(true);
  absl::StatusOr<SocketClaim> claim = SocketClaim::Take(config.listen);
  if (!claim.ok()) return CannotListen(config.listen, std::string(claim.status().message()), claim.status().code());
  claim_ = *std::move(claim);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen, credentials_, &port_);
  builder.RegisterService(&service_);
  builder.RegisterCallbackGenericService(&unknown_);
  builder.SetMaxReceiveMessageSize(ToInt(config.max_frame_bytes));
  builder.SetMaxSendMessageSize(ToInt(config.max_frame_bytes));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kConnectionIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  server_ = BuildAndStart(builder, config.listen, static_cast<mode_t>(std::stoul(config.socket_mode, nullptr, 8)));
  if (server_ == nullptr || port_ == 0) {
    server_.reset();
    return CannotListen(config.listen, WhyNotBound(config.listen), absl::StatusCode::kUnavailable);
  }
  server_->GetHealthCheckService()->SetServingStatus(v1::WorkerService::service_full_name(), true);
  address_ = IsUnixAddress(config.listen) ? config.listen
                                          : absl::StrCat(config.listen.substr(0, config.listen.rfind(':')), ":", port_);
  log::Info("worker streams listen", {{"address", address_}, {"tls", config.tls.has_value()}});
  return absl::OkStatus();
}

void WorkerServer::SetNotServing() {
  if (server_ != nullptr) server_->GetHealthCheckService()->SetServingStatus(false);
}

void WorkerServer::Stop(SteadyTime deadline) {
  registry_.EndAll("the gateway is shutting down; connect again");
  if (server_ == nullptr) return;
  registry_.WaitEmpty(deadline);
  // Cancels what is left at the deadline, and returns when the last reactor is done: they finish when cancelled. Of the
  // streams none is left then; those who watch the health would stay for ever.
  auto left = std::clamp(std::chrono::duration_cast<Millis>(deadline - Clock::Real().Now()), Millis(0), kOthersGrace);
  server_->Shutdown(std::chrono::system_clock::now() + left);
  registry_.WaitEmpty(kNever);
  server_.reset();
  claim_ = {};
}

}  // namespace sluice
