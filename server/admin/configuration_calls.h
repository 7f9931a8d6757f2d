// The calls of AdminService about the configuration.
#pragma once

#include "absl/status/status.h"
#include "server/reload/config_control.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

void ToProto(const ConfigVersion& version, v1::ConfigurationVersion& out);
void ToProto(const PlannedChange& change, v1::ConfigurationChange& out);

// Each: `control` null: FAILED_PRECONDITION.
absl::Status GetConfiguration(const ConfigControl* control, v1::GetConfigurationResponse& response);
absl::Status PlanConfiguration(const ConfigControl* control, const v1::PlanConfigurationRequest& request,
                               v1::PlanConfigurationResponse& response);
absl::Status ReconnectConnection(ConfigControl* control, const v1::ReconnectConnectionRequest& request);
absl::Status ApplyConfiguration(ConfigControl* control, const v1::ApplyConfigurationRequest& request,
                                v1::ApplyConfigurationResponse& response);

}  // namespace sluice
