// Puts additions into the document of the file, so that both are checked as one.
#pragma once

#include <span>

#include "server/config/addition.h"
#include "server/config/reader.h"

namespace sluice {

// The n-th addition's values have Position::source n + 1. Reports references to the environment.
void Merge(std::span<const Addition> additions, Reading& reading, Entry& root);

}  // namespace sluice
