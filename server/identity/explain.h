// What a principal may, as administrators ask it.
#pragma once

#include "absl/status/statusor.h"
#include "server/identity/permissions.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

// INVALID_ARGUMENT: no principal, no chain, or a topic that is none.
absl::StatusOr<v1::ExplainPermissionResponse> ExplainPermission(const Permissions& permissions,
                                                                const v1::ExplainPermissionRequest& request);

}  // namespace sluice
