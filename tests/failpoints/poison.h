// Messages that are the end of the process that touches them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/gateway.h"

namespace sluice {

// "WHEN:TEXT": the process kills itself with SIGKILL over each message whose payload contains TEXT, WHEN it is
// `read` back from the journal, or about to be `delivered` to a worker. Empty: never.
absl::StatusOr<GatewaySeams> ParsePoison(std::string_view text);

}  // namespace sluice
