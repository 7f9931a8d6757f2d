// grpc.reflection: describes what the server serves to tools such as grpcurl.
#pragma once

#include <string>
#include <vector>

#include "server/rpc/service/service.h"

namespace sluice::rpc {

// Both versions of it, whose messages are the same. They list `services` and themselves, and describe whatever the
// program has messages for.
std::vector<Service> Reflection(std::vector<std::string> services);

}  // namespace sluice::rpc
