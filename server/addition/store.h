// What was put beside the file, in SQLite.
#pragma once

#include <memory>
#include <string>

#include "server/reload/addition_store.h"

namespace sluice {

// `path` is a file, made if it is not there (readable by its owner only), or ":memory:". DATA_LOSS: it is damaged, or
// another program's. FAILED_PRECONDITION: a newer version of Sluice wrote it. The error names the file and the remedy.
absl::StatusOr<std::unique_ptr<AdditionStore>> OpenAdditionStore(const std::string& path);

}  // namespace sluice
