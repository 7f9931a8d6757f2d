// JSON as security wants it: one meaning only. nlohmann's library, without its exceptions.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

// An object, and nothing behind it. INVALID_ARGUMENT: it is none; it names a key twice, of which readers take one or
// the other; or it is nested deeper than 16. The message repeats nothing of the text.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view text);

// A member that is a string; nothing: it is absent, or something else. The view is into `object`.
std::optional<std::string_view> StringMember(const nlohmann::json& object, const char* name);

}  // namespace sluice
