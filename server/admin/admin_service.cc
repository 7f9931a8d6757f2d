#include "server/admin/admin_service.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/admin/configuration_calls.h"
#include "server/admin/item_calls.h"
#include "server/identity/explain.h"
#include "server/net/peer.h"
#include "server/telemetry/log.h"
#include "server/telemetry/process_metrics.h"
#include "server/trial/route_trial.h"

namespace sluice {
namespace {

void JournalToProto(const GatewayStatus& status, v1::JournalStatus& out) {
  out.set_persistent(status.journal_persistent);
  out.set_messages(status.journal.ingress_messages);
  out.set_replies(status.journal.outbox_messages);
  out.set_dead_letters(status.journal.dead_letters);
  out.set_live_bytes(status.journal.live_bytes);
  out.set_disk_bytes(status.journal.disk_bytes);
}

void ConditionsToProto(const GatewayStatus& status, v1::GetStatusResponse& out) {
  for (const ReadinessItem& item : status.readiness) {
    v1::ReadinessItem& one = *out.add_readiness();
    one.set_name(item.name);
    one.set_ready(item.ready);
    one.set_detail(item.detail);
  }
  for (const ConnectionState& state : status.connections) {
    v1::ConnectionStatus& one = *out.add_connections();
    one.set_name(state.name);
    one.set_ready(state.ready);
    one.set_detail(state.detail);
  }
}

// What an act came to, for the audit.
template <typename Response>
std::string Summary(const Response& /*of a look*/) {
  return "";
}
std::string Summary(const v1::ReplayDeadLettersResponse& response) {
  return absl::StrCat("replayed ", response.replayed(), ", failed ", response.failed());
}
std::string Summary(const v1::PurgeDeadLettersResponse& response) { return absl::StrCat("purged ", response.purged()); }
std::string Summary(const v1::ImportDeadLettersResponse& response) {
  return absl::StrCat("imported ", response.imported(), ", failed ", response.failed());
}
std::string Summary(const v1::EndSessionResponse& response) {
  std::string summary;
  for (const v1::EndedSession& session : response.sessions()) {
    absl::StrAppend(&summary, summary.empty() ? "" : ", ", session.client_id(),
                    session.ended() ? " ended" : " not ended");
  }
  return summary;
}
std::string Summary(const v1::ApplyConfigurationResponse& response) {
  return absl::StrCat("version ", response.running().hash(), ", ", response.changes_size(), " changes");
}

// Payloads are an operator's.
template <typename Request>
AdminRole RoleOfLook(AdminRole needed, const Request& /*request*/) {
  return needed;
}
AdminRole RoleOfLook(AdminRole needed, const v1::ListDeadLettersRequest& request) {
  return request.payload_bytes() > 0 ? AdminRole::kOperator : needed;
}

// As the calls that change something are.
absl::Status ListItems(ConfigControl* control, const std::string& /*asker*/,
                       const v1::ListConfigurationItemsRequest& request, v1::ListConfigurationItemsResponse& response) {
  return ListConfigurationItems(control, request, response);
}
absl::Status GetItem(ConfigControl* control, const std::string& /*asker*/,
                     const v1::GetConfigurationItemRequest& request, v1::GetConfigurationItemResponse& response) {
  return GetConfigurationItem(control, request, response);
}

absl::Status TestRoutesThatRun(ConfigControl* control, const std::string& /*asker*/,
                               const v1::TestRoutesRequest& request, v1::TestRoutesResponse& response) {
  if (control == nullptr) return absl::FailedPreconditionError("the gateway does not say what it runs with");
  absl::StatusOr<v1::TestRoutesResponse> answer = TestRoutes(*control->Items().config, request);
  if (!answer.ok()) return answer.status();
  response = *std::move(answer);
  return absl::OkStatus();
}

}  // namespace

absl::Status AdminService::GetStatus(const v1::GetStatusRequest& /*request*/, v1::GetStatusResponse& response) {
  GatewayStatus status = status_.Status();
  response.set_version(std::string(Version()));
  response.set_gateway(status.gateway);
  response.set_uptime_ms(static_cast<uint64_t>(std::chrono::duration_cast<Millis>(clock_.Now() - start_).count()));
  response.set_draining(status.draining);
  ToProto(status.configuration, *response.mutable_configuration());
  ConditionsToProto(status, response);
  JournalToProto(status, *response.mutable_journal());
  std::ranges::sort(status.chains, {}, &GatewayStatus::ChainBacklog::name);
  for (const GatewayStatus::ChainBacklog& chain : status.chains) {
    v1::ChainStatus& one = *response.add_chains();
    one.set_name(chain.name);
    one.set_waiting(chain.waiting);
    one.set_on_disk(chain.on_disk);
    one.set_in_flight(chain.in_flight);
  }
  response.mutable_workers()->set_address(status.workers_address);
  response.mutable_workers()->set_streams(status.worker_streams);
  for (GatewayStatus::WorkerStream& stream : status.workers) {
    v1::WorkerStream& one = *response.mutable_workers()->add_open();
    one.set_session(std::move(stream.session));
    one.set_worker(std::move(stream.worker));
    one.set_principal(std::move(stream.principal));
    one.set_peer(std::move(stream.peer));
    one.set_age_ms(static_cast<uint64_t>(stream.age.count()));
  }
  response.mutable_outbox()->set_messages(status.outbox_messages);
  const DeadLetterStore::Totals totals = store_.totals();
  v1::DeadLettersStatus& letters = *response.mutable_dead_letters();
  letters.set_messages(totals.messages);
  letters.set_bytes(totals.bytes);
  letters.set_waiting(status.dead_letters_waiting);
  letters.set_trouble(status.dead_letters_trouble);
  return absl::OkStatus();
}

absl::Status AdminService::EndSession(const v1::EndSessionRequest& request, v1::EndSessionResponse& response) {
  if (request.gateway().empty() == request.client_id().empty()) {
    return absl::InvalidArgumentError("exactly one of gateway and client_id must be set");
  }
  const absl::StatusOr<std::vector<EndedSession>> sessions =
      sessions_.EndSessions(request.gateway(), request.client_id(), request.connection());
  if (!sessions.ok()) return sessions.status();
  for (const EndedSession& session : *sessions) {
    v1::EndedSession& one = *response.add_sessions();
    one.set_connection(session.connection);
    one.set_client_id(session.client_id);
    one.set_ended(session.ended);
    one.set_detail(session.detail);
  }
  return absl::OkStatus();
}

absl::Status AdminService::ExplainPermission(const v1::ExplainPermissionRequest& request,
                                             v1::ExplainPermissionResponse& response) {
  absl::StatusOr<v1::ExplainPermissionResponse> answer = sluice::ExplainPermission(permissions_, request);
  if (!answer.ok()) return answer.status();
  response = *std::move(answer);
  return absl::OkStatus();
}

absl::Status AdminService::GetConfiguration(const v1::GetConfigurationRequest& /*request*/,
                                            v1::GetConfigurationResponse& response) {
  return sluice::GetConfiguration(configuration_, response);
}

absl::Status AdminService::PlanConfiguration(const v1::PlanConfigurationRequest& request,
                                             v1::PlanConfigurationResponse& response) {
  return sluice::PlanConfiguration(configuration_, request, response);
}

absl::Status AdminService::ReconnectConnection(const v1::ReconnectConnectionRequest& request,
                                               v1::ReconnectConnectionResponse& /*response*/) {
  return sluice::ReconnectConnection(configuration_, request);
}

absl::Status AdminService::ApplyConfiguration(const v1::ApplyConfigurationRequest& request,
                                              v1::ApplyConfigurationResponse& response) {
  return sluice::ApplyConfiguration(configuration_, request, response);
}

template <typename Response, typename Function>
absl::Status AdminService::Guarded(const char* name, AdminRole needed, rpc::SyncCall& call, Response& response,
                                   Function function) {
  const absl::StatusOr<AdminCaller> caller = guard_.Enter(name, needed, call.info());
  if (!caller.ok()) return caller.status();
  const absl::Status status = function(*caller);
  guard_.Note(name, needed, *caller, status, Summary(response));
  return status;
}

template <typename Response, typename Function>
absl::Status AdminService::Watched(const char* name, AdminRole needed, rpc::SyncCall& call, Response& response,
                                   Function function) {
  const absl::StatusOr<std::shared_ptr<const AdminStay>> stay = guard_.EnterToStay(name, needed, call);
  if (!stay.ok()) return stay.status();
  absl::Status status = function();
  if (const absl::Status ended = (*stay)->ended(); !ended.ok()) {
    status = absl::Status(ended.code(), absl::StrCat(ended.message(), "; until then: ", Summary(response)));
  }
  guard_.Note(name, needed, (*stay)->caller(), status, Summary(response));
  return status;
}

rpc::Service AdminService::Rpc(rpc::WorkerPool& pool) {
  // Lets the caller in before `function`, and notes how it went.
  const auto guarded = [this](const char* name, AdminRole needed, auto function) {
    return [this, name, needed, function](rpc::SyncCall& call, const auto& request, auto& response) -> absl::Status {
      return this->Guarded(name, RoleOfLook(needed, request), call, response,
                           [&](const AdminCaller& /*caller*/) { return function(call, request, response); });
    };
  };
  const auto unary = [&guarded, &pool, this]<typename Request, typename Response>(
                         const char* name, AdminRole needed,
                         absl::Status (AdminService::*function)(const Request&, Response&)) {
    const auto run = [this, function](rpc::SyncCall& /*call*/, const Request& request, Response& response) {
      return (this->*function)(request, response);
    };
    return rpc::Method{.name = name, .make = rpc::Unary<Request, Response>(pool, guarded(name, needed, run))};
  };
  // Of calls that tell who has made them.
  const auto signed_by = [&pool, this]<typename Request, typename Response>(
                             const char* name, AdminRole needed,
                             absl::Status (*function)(ConfigControl*, const std::string&, const Request&, Response&)) {
    return rpc::Method{
        .name = name,
        .make = rpc::Unary<Request, Response>(
            pool, [this, name, needed, function](rpc::SyncCall& call, const Request& request, Response& response) {
              return Guarded(name, needed, call, response, [&](const AdminCaller& caller) -> absl::Status {
                // Asked only now: it reads what a stranger may have sent.
                if (const AdminRole more = RoleFor(request); more > needed) {
                  if (const auto entered = guard_.Enter(name, more, call.info()); !entered.ok())
                    return entered.status();
                }
                return function(configuration_, caller.who, request, response);
              });
            })};
  };
  const auto replay = [this](rpc::SyncCall& call, const v1::ReplayDeadLettersRequest& request,
                             v1::ReplayDeadLettersResponse& response) {
    return ReplayDeadLetters([&call] { return call.cancelled(); }, request, response);
  };
  const auto import = [this](rpc::SyncCall& call, const std::function<bool(v1::ImportDeadLettersRequest&)>& read,
                             v1::ImportDeadLettersResponse& response) {
    return ImportDeadLetters([&call] { return call.cancelled(); }, read, response);
  };
  // Of an operator's calls that may last.
  const auto watched = [this](const char* name, auto function) {
    return [this, name, function](rpc::SyncCall& call, const auto& request, auto& response) -> absl::Status {
      return this->Watched(name, AdminRole::kOperator, call, response,
                           [&] { return function(call, request, response); });
    };
  };
  return {.name = kAdminServiceName,
          .methods = {
              unary("GetStatus", AdminRole::kViewer, &AdminService::GetStatus),
              unary("ListDeadLetters", AdminRole::kViewer, &AdminService::ListDeadLetters),
              unary("GetDeadLetter", AdminRole::kOperator, &AdminService::GetDeadLetter),
              unary("ExplainPermission", AdminRole::kViewer, &AdminService::ExplainPermission),
              {.name = "ReplayDeadLetters",
               .make = rpc::Unary<v1::ReplayDeadLettersRequest, v1::ReplayDeadLettersResponse>(
                   pool, watched("ReplayDeadLetters", replay))},
              unary("PurgeDeadLetters", AdminRole::kAdmin, &AdminService::PurgeDeadLetters),
              {.name = "ImportDeadLetters",
               .make = rpc::ClientStreaming<v1::ImportDeadLettersRequest, v1::ImportDeadLettersResponse>(
                   pool, watched("ImportDeadLetters", import))},
              unary("EndSession", AdminRole::kAdmin, &AdminService::EndSession),
              unary("GetConfiguration", AdminRole::kViewer, &AdminService::GetConfiguration),
              unary("PlanConfiguration", AdminRole::kOperator, &AdminService::PlanConfiguration),
              unary("ApplyConfiguration", AdminRole::kAdmin, &AdminService::ApplyConfiguration),
              unary("ReconnectConnection", AdminRole::kOperator, &AdminService::ReconnectConnection),
              signed_by("ListConfigurationItems", AdminRole::kViewer, ListItems),
              signed_by("GetConfigurationItem", AdminRole::kViewer, GetItem),
              signed_by("PutConfigurationItems", AdminRole::kOperator, PutConfigurationItems),
              signed_by("DeleteConfigurationItem", AdminRole::kOperator, DeleteConfigurationItem),
              signed_by("TestRoutes", AdminRole::kViewer, TestRoutesThatRun),
          }};
}

}  // namespace sluice
