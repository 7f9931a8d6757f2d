// The system's errors in words.
#pragma once

#include <string>
#include <system_error>

namespace sluice {

// Of a value of errno. Thread-safe, unlike strerror().
inline std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace sluice
