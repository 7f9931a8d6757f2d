// Which build a program is.
#pragma once

#include <string_view>

namespace sluice {

// For --version: "0.1.0 (commit 9321744d6a3c, Release, GNU 12.2.0)". After the commit stands "-dirty" where files of the clone
// differed from it, and "unknown" in its place where the source was no clone.
std::string_view BuildText();

}  // namespace sluice
