// A dead letter as it is published to its chain's dead-letter topic.
#pragma once

#include <memory>

#include "server/deadletter/letter.h"
#include "server/message/message.h"
#include "server/route/route.h"

namespace sluice {

// To `options.dead_letter_topic`, which is set. As payload: the message's own, with MQTT 5 the properties too and why
// it died as the user properties sluice-reason, sluice-attempts, sluice-topic, sluice-chain, sluice-route,
// sluice-message-id and sluice-worker; control characters in any property are replaced. As envelope: a JSON object with
// all of that, the payload in base64.
std::shared_ptr<const OutboundMessage> PublicationOf(const StoredLetter& letter, const ChainOptions& options,
                                                     bool mqtt5);

}  // namespace sluice
