// RuleGo's built-in processors, as far as they mean something here: names in a route become flags of it, and what they
// do to a message is done by the stage that the message passes (toHex at intake, headersToMetadata at delivery,
// metadataToHeaders in the reply).
#pragma once

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "server/message/message.h"
#include "server/route/reply_keys.h"
#include "server/route/route.h"

namespace sluice {

// Names that `from.processors` and `to.processors` take, for errors and suggestions.
std::span<const std::string_view> FromProcessorNames();
std::span<const std::string_view> ToProcessorNames();

// Sets what the processor `name` stands for. Of processors that set the same thing the last one holds. INVALID_ARGUMENT
// for an unknown name, with the known ones.
absl::Status ApplyFromProcessor(std::string_view name, Route& route);
absl::Status ApplyToProcessor(std::string_view name, Route& route);

// Whether a user property of this name may stand for metadata: not when it begins with `_`, which steers RuleGo's engine.
inline bool IsMetadataName(std::string_view name) { return !name.empty() && name.front() != '_'; }

// Whether the route's headersToMetadata makes metadata of a user property of this name. Not of those by which a device
// would say where the worker's reply goes, since a worker may hand back the metadata that it was given, unless the
// route trusts its devices with it.
inline bool BecomesMetadata(const Route& route, std::string_view name) {
  return !name.starts_with('_') && (route.trust_reply_headers || !IsReplyKey(name));
}

// The message with its payload as upper-case hexadecimal digits, as RuleGo's toHex makes them; all else is the same,
// the topic's bytes are shared.
MessagePtr WithHexPayload(const MessagePtr& message);

}  // namespace sluice
