// The generated contract, under the name the SDK's sources use.
#pragma once

#include "sluice/v1/worker.pb.h"

namespace sluice::client {
namespace v1 = ::sluice::v1;
}  // namespace sluice::client
