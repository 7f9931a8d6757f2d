// What the routes of a configuration would do with a message, told by the code that does it.
#pragma once

#include "absl/status/statusor.h"
#include "server/config/config.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

// Nothing is subscribed, stored or published. INVALID_ARGUMENT: the topic is none, or there is no such connection.
absl::StatusOr<v1::TestRoutesResponse> TestRoutes(const GatewayConfig& config, const v1::TestRoutesRequest& request);

}  // namespace sluice
