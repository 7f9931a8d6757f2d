// The options of the command "run".
#pragma once

#include "client/cpp/testee/events.h"
#include "sluice/options.h"

namespace sluice::testee {

// Absent members are the SDK's defaults, save that plain text is.
client::Options ToOptions(const Json& json);

}  // namespace sluice::testee
