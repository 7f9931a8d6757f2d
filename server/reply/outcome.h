// What a publisher's outcome means to the worker that sent the reply, and to people.
#pragma once

#include <string>

#include "server/mqtt/publisher.h"
#include "server/worker/settle_handler.h"

namespace sluice {

// The message was not published, and would not be if it were published again as it is.
bool IsRefusal(PublishOutcome::Code code);

ItemResult::Code ToResultCode(PublishOutcome::Code code);

// "the broker refused the reply: 0x87 not authorized"; empty for kOk.
std::string Explain(const PublishOutcome& outcome);

}  // namespace sluice
