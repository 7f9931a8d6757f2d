// Environment references in a value: ${NAME}, ${NAME:-default}, and $$ for a literal $.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice {

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;

// `text` with every reference replaced. As in a shell, `:-` also replaces a variable that is set but empty. A `$` that
// neither `{` nor `$` follows stands for itself, so that `$share/…` and `$SYS/…` need no care. Values are not expanded
// again. The error's message names the variable and nothing else of the text; with `secret` (a password, which may hold
// a `${` by accident) only when the text is nothing but one reference.
absl::StatusOr<std::string> ExpandReferences(std::string_view text, const EnvironmentLookup& lookup,
                                             bool secret = false);

}  // namespace sluice
