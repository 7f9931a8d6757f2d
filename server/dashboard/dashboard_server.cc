#include "server/dashboard/dashboard_server.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "server/dashboard/answers.h"
#include "server/dashboard/page_files.h"
#include "server/dashboard/request_gate.h"
#include "server/dashboard/stream_answer.h"
#include "server/net/event_loop.h"
#include "server/net/http_service.h"
#include "server/net/listener.h"
#include "server/net/peer.h"
#include "server/net/tls_server.h"
#include "server/rpc/json_calls.h"
#include "server/runtime/text.h"
#include "server/telemetry/json_string.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Calls at once, and those that may wait for one of them; what is more is refused.
constexpr size_t kCallThreads = 8;
constexpr size_t kCallsWaiting = 64;
constexpr Millis kCallTime{50'000};

constexpr std::string_view kApi = "/api/";

HttpLimits DashboardLimits() {
  return {.connections = 256,
          .posts = true,
          .body_bytes = 64 * 1024,
          .request_time = Millis(10'000),
          .idle_time = Millis(60'000),
          .answer_time = Millis(60'000)};
}

}  // namespace

struct DashboardServer::Impl {
  Impl(const AdminConfig& config, DashboardParts with)
      : parts(std::move(with)),
        auth(config.auth),
        audit(parts.access.audit_file, parts.clock),
        guard(
            parts.access.authenticator, rules(), audit,
            [this](const PeerCertificate& shown) { return tls == nullptr ? absl::OkStatus() : tls->CheckAgain(shown); },
            config.dashboard.unasked),
        gate(config.dashboard.hosts, config.dashboard.tls.has_value()),
        admin(parts.clock, parts.status, parts.store, parts.replay, parts.sessions, guard, rules(),
              parts.configuration),
        loop("dashboard"),
        pool(kCallThreads, kCallsWaiting),
        calls(loop, Services()) {}

  const Permissions& rules() const {
    return parts.access.permissions == nullptr ? no_rules : *parts.access.permissions;
  }

  std::vector<rpc::Service> Services() {
    std::vector<rpc::Service> services = {admin.Rpc(pool)};
    if (parts.live != nullptr) services.push_back(MakeLiveService(*parts.live, guard, pool));
    if (parts.tap != nullptr) services.push_back(MakeTapService(*parts.tap, guard, pool, parts.clock));
    if (parts.trace != nullptr) services.push_back(MakeTraceService(*parts.trace, guard, pool));
    return services;
  }

  void Handle(const HttpRequest& request, const HttpReply& reply) {
    if (!request.path.starts_with(kApi)) {
      if (const auto refusal = gate.CheckHost(request)) return reply(RefusedResponse(*refusal));
      if (request.post) return reply(RefusedResponse({405, "only GET and HEAD"}));
      return reply(FileResponse(FindPageFile(request.path)));
    }
    std::optional<GateRefusal> refusal = gate.CheckHost(request);
    if (!refusal) refusal = gate.CheckCall(request);
    if (refusal) {
      guard.NoteRefusal(request.path, *request.peer, refusal->why);
      return reply(RefusedResponse(*refusal));
    }
    if (request.path == "/api/access") return reply(JsonResponse(AccessJson()));
    if (request.path == "/api/caller") return AnswerCaller(request, reply);
    Call(request, reply);
  }

  std::string AccessJson() const {
    const auto flag = [](bool yes) { return yes ? "true" : "false"; };
    return text::Concat("{\"asked\":", flag(auth.has_value()), ",\"tokens\":", flag(auth && !auth->tokens.empty()),
                        ",\"certificates\":", flag(auth && auth->certificates.has_value()),
                        ",\"both\":", flag(auth && auth->both), "}");
  }

  void AnswerCaller(const HttpRequest& request, const HttpReply& reply) {
    const absl::StatusOr<AdminCaller> caller =
        guard.Enter("Dashboard", AdminRole::kViewer, *request.peer, request.All("authorization"));
    if (!caller.ok()) return reply(StatusResponse(caller.status()));
    std::string json = "{\"who\":";
    AppendJsonString(json, caller->who);
    json += text::Concat(",\"role\":\"", AdminRoleName(caller->role), "\"}");
    reply(JsonResponse(std::move(json)));
  }

  void Call(const HttpRequest& request, const HttpReply& reply) {
    const std::string path = text::Concat("/sluice.v1.", std::string_view(request.path).substr(kApi.size()));
    const rpc::JsonCalls::Kind kind = calls.Find(path);
    if (kind == rpc::JsonCalls::Kind::kNone) return reply(StatusResponse(absl::NotFoundError("there is no such call")));
    if (!request.post) return reply(RefusedResponse({405, "only POST"}));
    rpc::JsonRequest call{.path = path, .json = request.body, .peer = request.peer};
    for (const std::string_view value : request.All("authorization"))
      call.metadata.emplace_back("authorization", value);
    if (kind == rpc::JsonCalls::Kind::kStream) {
      const std::shared_ptr<StreamAnswer> answer = StreamAnswer::Make(loop, reply, LinesResponse(), StatusResponse);
      answer->CancelBy(calls.Begin(std::move(call), answer->Answers()));
      return;
    }
    call.deadline = Clock::Real().Now() + kCallTime;
    const auto json = std::make_shared<std::string>();
    calls.Begin(std::move(call), {.answer =
                                      [json](std::string answer, const std::function<void()>& taken) {
                                        *json = std::move(answer);
                                        taken();
                                      },
                                  .end =
                                      [json, reply](const absl::Status& status) {
                                        reply(status.ok() ? JsonResponse(std::move(*json)) : StatusResponse(status));
                                      }});
  }

  const DashboardParts parts;
  const std::optional<AuthenticationOptions> auth;
  const Permissions no_rules{};
  AuditLog audit;
  std::shared_ptr<TlsServer> tls;  // Null: plain text.
  AdminGuard guard;
  const RequestGate gate;
  AdminService admin;
  EventLoop loop;
  // After the loop: threads that end wake it.
  rpc::WorkerPool pool;
  rpc::JsonCalls calls;
  std::shared_ptr<HttpService> service;
  std::unique_ptr<Listener> listener;
  bool stopped = false;
};

absl::StatusOr<std::unique_ptr<DashboardServer>> DashboardServer::Start(const AdminConfig& config,
                                                                        DashboardParts parts) {
  MetricsRegistry& metrics = parts.metrics;
  auto impl = std::make_unique<Impl>(config, std::move(parts));
  const DashboardConfig& dashboard = config.dashboard;
  if (dashboard.tls) {
    TlsServerSettings settings = SettingsOf("admin.dashboard.tls", *dashboard.tls);
    settings.protocols = {"http/1.1"};
    settings.protocol_required = false;
    // A token will do.
    settings.client_certificate_optional = config.auth && !config.auth->tokens.empty() && !config.auth->both;
    absl::StatusOr<std::shared_ptr<TlsServer>> tls = TlsServer::Load(std::move(settings), impl->parts.clock);
    if (!tls.ok()) return tls.status();
    impl->tls = *std::move(tls);
  }
  const Clock& real = Clock::Real();
  const HttpLimits limits = DashboardLimits();
  auto refusals = std::make_shared<Refusals>("dashboard", std::initializer_list<std::string_view>{}, real, metrics);
  absl::StatusOr<std::unique_ptr<Listener>> listener =
      Listener::Bind({.name = "dashboard",
                      .listen = dashboard.listen,
                      .tls = impl->tls,
                      .limits = {.connections = limits.connections + 16,
                                 .connections_per_address = 0,
                                 .handshakes_per_second = 100,
                                 .handshakes_per_second_per_address = 0},
                      .refusals = refusals},
                     real, metrics);
  if (!listener.ok()) {
    return absl::Status(listener.status().code(),
                        text::Concat("admin.dashboard.listen: ", text::Message(listener.status())));
  }
  impl->listener = *std::move(listener);
  impl->service = HttpService::Make(
      limits, refusals,
      [impl = impl.get()](const HttpRequest& request, const HttpReply& reply) { impl->Handle(request, reply); },
      [](int status, std::string why) { return RefusedResponse({.status = status, .why = std::move(why)}); });
  impl->loop.Start(nullptr);
  impl->listener->Start(impl->loop, {}, [service = impl->service](std::unique_ptr<Channel> channel) {
    service->Serve(std::move(channel));
  });
  log::Info("dashboard listens", {{"address", impl->listener->address()}, {"tls", dashboard.tls.has_value()}});
  return std::unique_ptr<DashboardServer>(new DashboardServer(std::move(impl)));
}

DashboardServer::DashboardServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

DashboardServer::~DashboardServer() { Stop(); }

const std::string& DashboardServer::address() const { return impl_->listener->address(); }

void DashboardServer::CheckAgain() { impl_->guard.CheckAgain(); }

SteadyTime DashboardServer::Tick(SteadyTime now) {
  const TlsServer* const tls = impl_->tls.get();
  const SteadyTime tls_next = tls == nullptr ? kNever : impl_->tls->Tick(now);
  return std::min(tls_next, impl_->guard.Tick(now, tls == nullptr ? 0 : tls->generation()));
}

void DashboardServer::Stop() {
  if (std::exchange(impl_->stopped, true)) return;
  impl_->listener->Stop();
  impl_->loop.Stop(kNever);
  // The loop runs no more: what was on it may go here.
  impl_->calls.Stop();
  impl_->service->Stop();
}

}  // namespace sluice
