#include "server/admin/live_service.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice {
namespace {

std::string Because(const std::string& reason) { return reason.empty() ? "" : absl::StrCat(": ", reason); }

// Of whom or what an act is, for the audit.
std::string Subject(const v1::DrainWorkerRequest& request) {
  return absl::StrCat("worker ", request.worker(), Because(request.reason()));
}
std::string Subject(const v1::DisconnectWorkerRequest& request) {
  return absl::StrCat("worker ", request.worker(), Because(request.reason()));
}
std::string Subject(const v1::PauseChainRequest& request) {
  return absl::StrCat("chain ", request.chain(), Because(request.reason()));
}
std::string Subject(const v1::ResumeChainRequest& request) { return absl::StrCat("chain ", request.chain()); }
std::string Subject(const v1::DrainGatewayRequest& request) { return request.reason(); }
std::string Subject(const v1::ResumeGatewayRequest& /*request*/) { return ""; }

class Methods {
 public:
  Methods(LiveControl& control, AdminGuard& guard, rpc::WorkerPool& pool)
      : control_(control), guard_(guard), pool_(pool) {}

  template <typename Request, typename Response>
  rpc::Method Look(const char* name, absl::Status (LiveControl::*function)(const Request&, Response&)) const {
    return Unary<Request, Response>(
        name, AdminRole::kViewer,
        [&control = control_, function](const AdminCaller&, const Request& request, Response& response) {
          return (control.*function)(request, response);
        },
        [](const Request&) { return std::string(); });
  }

  template <typename Request, typename Response>
  rpc::Method Act(const char* name, AdminRole needed,
                  absl::Status (LiveControl::*function)(const AdminCaller&, const Request&, Response&)) const {
    return Unary<Request, Response>(
        name, needed,
        [&control = control_, function](const AdminCaller& caller, const Request& request, Response& response) {
          return (control.*function)(caller, request, response);
        },
        [](const Request& request) { return Subject(request); });
  }

 private:
  template <typename Request, typename Response, typename Function, typename Subject>
  rpc::Method Unary(const char* name, AdminRole needed, Function function, Subject subject) const {
    const auto run = [&guard = guard_, name, needed, function, subject](rpc::SyncCall& call, const Request& request,
                                                                        Response& response) -> absl::Status {
      const absl::StatusOr<AdminCaller> caller = guard.Enter(name, needed, call.info());
      if (!caller.ok()) return caller.status();
      const absl::Status status = function(*caller, request, response);
      guard.Note(name, needed, *caller, status, subject(request));
      return status;
    };
    return {.name = name, .make = rpc::Unary<Request, Response>(pool_, run)};
  }

  LiveControl& control_;
  AdminGuard& guard_;
  rpc::WorkerPool& pool_;
};

}  // namespace

rpc::Service MakeLiveService(LiveControl& control, AdminGuard& guard, rpc::WorkerPool& pool) {
  const Methods methods(control, guard, pool);
  return {.name = kLiveServiceName,
          .methods = {
              methods.Look("ListWorkers", &LiveControl::ListWorkers),
              methods.Look("ListChains", &LiveControl::ListChains),
              methods.Look("ListConnections", &LiveControl::ListConnections),
              methods.Act("DrainWorker", AdminRole::kOperator, &LiveControl::DrainWorker),
              methods.Act("DisconnectWorker", AdminRole::kOperator, &LiveControl::DisconnectWorker),
              methods.Act("PauseChain", AdminRole::kOperator, &LiveControl::PauseChain),
              methods.Act("ResumeChain", AdminRole::kOperator, &LiveControl::ResumeChain),
              methods.Act("DrainGateway", AdminRole::kOperator, &LiveControl::DrainGateway),
              methods.Act("ResumeGateway", AdminRole::kOperator, &LiveControl::ResumeGateway),
          }};
}

}  // namespace sluice
