// AdminService of sluice.v1. Rare and small work, on threads of its own.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admin/admin_guard.h"
#include "server/admin/replay.h"
#include "server/admin/session_ender.h"
#include "server/admin/status_source.h"
#include "server/deadletter/store.h"
#include "server/reload/config_control.h"
#include "server/rpc/service/service.h"
#include "server/rpc/service/sync_call.h"
#include "server/runtime/clock.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

inline constexpr char kAdminServiceName[] = "sluice.v1.AdminService";

// Thread-safe.
class AdminService final {
 public:
  // All outlive it. `configuration` null: nobody knows where it came from.
  AdminService(const Clock& clock, const StatusSource& status, DeadLetterStore& store, ReplaySink& replay,
               SessionEnder& sessions, AdminGuard& guard, const Permissions& permissions,
               ConfigControl* configuration = nullptr)
      : clock_(clock),
        status_(status),
        store_(store),
        replay_(store, replay),
        sessions_(sessions),
        guard_(guard),
        permissions_(permissions),
        configuration_(configuration),
        start_(clock.Now()) {}

  // Its methods, on threads of `pool`; both outlive the server.
  rpc::Service Rpc(rpc::WorkerPool& pool);

  absl::Status GetStatus(const v1::GetStatusRequest& request, v1::GetStatusResponse& response);
  absl::Status ListDeadLetters(const v1::ListDeadLettersRequest& request, v1::ListDeadLettersResponse& response);
  absl::Status GetDeadLetter(const v1::GetDeadLetterRequest& request, v1::GetDeadLetterResponse& response);
  absl::Status ReplayDeadLetters(const std::function<bool()>& cancelled, const v1::ReplayDeadLettersRequest& request,
                                 v1::ReplayDeadLettersResponse& response);
  absl::Status PurgeDeadLetters(const v1::PurgeDeadLettersRequest& request, v1::PurgeDeadLettersResponse& response);
  absl::Status ImportDeadLetters(const std::function<bool()>& cancelled,
                                 const std::function<bool(v1::ImportDeadLettersRequest&)>& read,
                                 v1::ImportDeadLettersResponse& response);
  absl::Status EndSession(const v1::EndSessionRequest& request, v1::EndSessionResponse& response);
  absl::Status ExplainPermission(const v1::ExplainPermissionRequest& request, v1::ExplainPermissionResponse& response);
  absl::Status GetConfiguration(const v1::GetConfigurationRequest& request, v1::GetConfigurationResponse& response);
  absl::Status PlanConfiguration(const v1::PlanConfigurationRequest& request, v1::PlanConfigurationResponse& response);
  absl::Status ReconnectConnection(const v1::ReconnectConnectionRequest& request,
                                   v1::ReconnectConnectionResponse& response);
  absl::Status ApplyConfiguration(const v1::ApplyConfigurationRequest& request,
                                  v1::ApplyConfigurationResponse& response);

 private:
  // What a selection names: ids, or a filter.
  struct Selected {
    std::vector<MessageId> ids;
    std::optional<LetterFilter> filter;
  };
  // Lets the caller in before `function`, and notes how it went.
  template <typename Response, typename Function>
  absl::Status Guarded(const char* name, AdminRole needed, rpc::SyncCall& call, Response& response, Function function);
  // The same of a call that may last, and ends when its caller may no more.
  template <typename Response, typename Function>
  absl::Status Watched(const char* name, AdminRole needed, rpc::SyncCall& call, Response& response, Function function);
  absl::StatusOr<Selected> Select(const v1::DeadLetterSelection& selection) const;
  absl::StatusOr<uint64_t> Count(const Selected& selected) const;
  // The numbers of those that are there.
  absl::StatusOr<std::vector<int64_t>> NumbersOf(std::span<const MessageId> ids) const;

  const Clock& clock_;
  const StatusSource& status_;
  DeadLetterStore& store_;
  Replay replay_;
  SessionEnder& sessions_;
  AdminGuard& guard_;
  const Permissions& permissions_;
  ConfigControl* const configuration_;
  std::atomic<bool> importing_ = false;  // Each holds a letter of up to 256 MiB.
  const SteadyTime start_;
};

}  // namespace sluice
