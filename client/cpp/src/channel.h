// A connection to one address, as the options want it secured.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "client/cpp/src/address.h"
#include "sluice/options.h"
#include "sluice/status.h"

namespace sluice::client {

// Reads the TLS files. Does not dial yet. `status` says why the result is null.
std::shared_ptr<grpc::Channel> MakeChannel(const Address& address, const Options& options, Status& status);

// What a call's metadata "authorization" is to be; empty: nothing. Reads the token's file. The error shows nothing of it.
Status ReadAuthorization(const Options& options, std::string& authorization);

}  // namespace sluice::client
