// Files that the command line names.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/src/read_file.h"

namespace sluice::ctl {

// The whole of it. `option`: which one named it, such as "--ca-file"; empty: an argument did.
inline absl::StatusOr<std::string> ReadNamedFile(std::string_view option, const std::string& path) {
  std::string content;
  const std::string trouble = client::ReadWholeFile(path, content);
  if (trouble.empty()) return content;
  const std::string place = option.empty() ? "" : std::string(option) + ": ";
  return absl::InvalidArgumentError(place + "cannot read '" + path + "': " + trouble);
}

}  // namespace sluice::ctl
