// What a configuration refers to outside of its own text, as functions, so that reading it is pure and tested
// without files.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

struct Surroundings {
  // The value of an environment variable; nullopt when it is not set.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // The whole content of a file. The error's message says why not ("No such file or directory"), without the path.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  // Is this a file that can be read? The error's message as with read_file.
  std::function<absl::Status(const std::string& path)> check_file;
  // For derived client ids.
  std::string host_name;

  // This process's environment, files and host name.
  static Surroundings Real();
};

}  // namespace sluice
