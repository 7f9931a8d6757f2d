// sluicectl's side of admin.proto: calls with errors that say what to do. gRPC stays behind channel.h.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"
#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {

class AdminClient {
 public:
  virtual ~AdminClient() = default;
  virtual absl::StatusOr<v1::GetStatusResponse> Status() = 0;
  virtual absl::StatusOr<v1::ListDeadLettersResponse> List(const v1::ListDeadLettersRequest& request) = 0;
  virtual absl::StatusOr<v1::GetDeadLetterResponse> Get(const v1::GetDeadLetterRequest& request) = 0;
  // These take as long as they take.
  virtual absl::StatusOr<v1::ReplayDeadLettersResponse> Replay(const v1::ReplayDeadLettersRequest& request) = 0;
  virtual absl::StatusOr<v1::PurgeDeadLettersResponse> Purge(const v1::PurgeDeadLettersRequest& request) = 0;
  // `next` puts the next dead letter into its argument, whose content may be taken; false: that was all.
  using NextLetter = std::function<bool(v1::DeadLetter& letter)>;
  virtual absl::StatusOr<v1::ImportDeadLettersResponse> Import(const NextLetter& next) = 0;
  virtual absl::StatusOr<v1::EndSessionResponse> EndSession(const v1::EndSessionRequest& request) = 0;
  virtual absl::StatusOr<v1::ExplainPermissionResponse> ExplainPermission(
      const v1::ExplainPermissionRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConfigurationResponse> GetConfiguration() = 0;
  virtual absl::StatusOr<v1::PlanConfigurationResponse> PlanConfiguration(
      const v1::PlanConfigurationRequest& request) = 0;
  virtual absl::StatusOr<v1::ReconnectConnectionResponse> ReconnectConnection(
      const v1::ReconnectConnectionRequest& request) = 0;
  virtual absl::StatusOr<v1::ApplyConfigurationResponse> ApplyConfiguration(
      const v1::ApplyConfigurationRequest& request) = 0;
  virtual absl::StatusOr<v1::ListConfigurationItemsResponse> ListItems(
      const v1::ListConfigurationItemsRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConfigurationItemResponse> GetItem(const v1::GetConfigurationItemRequest& request) = 0;
  virtual absl::StatusOr<v1::PutConfigurationItemsResponse> PutItems(
      const v1::PutConfigurationItemsRequest& request) = 0;
  virtual absl::StatusOr<v1::DeleteConfigurationItemResponse> DeleteItem(
      const v1::DeleteConfigurationItemRequest& request) = 0;
  virtual absl::StatusOr<v1::TestRoutesResponse> TestRoutes(const v1::TestRoutesRequest& request) = 0;
};

// INVALID_ARGUMENT: a file cannot be read. Does not connect yet.
absl::StatusOr<std::unique_ptr<AdminClient>> MakeAdminClient(const Target& target);

}  // namespace sluice::ctl
