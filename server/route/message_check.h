// Whether what a broker sent can be given to workers.
#pragma once

#include "absl/status/status.h"
#include "server/message/message.h"

namespace sluice {

// What goes to workers as text must be text: one frame with other bytes in it could not be read at all.
absl::Status CheckProperties(const Properties& properties);

}  // namespace sluice
