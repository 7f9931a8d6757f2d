// The calls of AdminService about routes, chains and connections.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/identity/permissions.h"
#include "server/reload/config_control.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

// Each: `control` null: FAILED_PRECONDITION. `asker`: who wants it, for people. A response says also after an error which
// items the call was about.
absl::Status ListConfigurationItems(const ConfigControl* control, const v1::ListConfigurationItemsRequest& request,
                                    v1::ListConfigurationItemsResponse& response);
absl::Status GetConfigurationItem(const ConfigControl* control, const v1::GetConfigurationItemRequest& request,
                                  v1::GetConfigurationItemResponse& response);
absl::Status PutConfigurationItems(ConfigControl* control, const std::string& asker,
                                   const v1::PutConfigurationItemsRequest& request,
                                   v1::PutConfigurationItemsResponse& response);
absl::Status DeleteConfigurationItem(ConfigControl* control, const std::string& asker,
                                     const v1::DeleteConfigurationItemRequest& request,
                                     v1::DeleteConfigurationItemResponse& response);

// The role that it takes besides the role of the call. A connection sends what stands in files of the gateway's machine to where
// it says, so it is an administrator's.
AdminRole RoleFor(const v1::PutConfigurationItemsRequest& request);
AdminRole RoleFor(const v1::DeleteConfigurationItemRequest& request);
// Of calls that are open to all who have the role of the call.
template <typename Request>
AdminRole RoleFor(const Request& /*request*/) {
  return AdminRole::kViewer;
}

// For the audit: "route 'temp' version 3; …".
std::string Summary(const v1::PutConfigurationItemsResponse& response);
std::string Summary(const v1::DeleteConfigurationItemResponse& response);

}  // namespace sluice
