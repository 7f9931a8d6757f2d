// A connection to one address, as the options want it secured.
#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "client/cpp/src/address.h"
#include "sluice/options.h"
#include "sluice/status.h"

namespace sluice::client {

// Reads the TLS files. Does not dial yet. `status` says why the result is null.
std::shared_ptr<grpc::Channel> MakeChannel(const Address& address, const Options& options, Status& status);

}  // namespace sluice::client
