// What a configuration refers to outside of its own text, as functions, so that reading it is pure and tested
// without files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

struct Surroundings {
  // The value of an environment variable; nullopt when it is not set.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // The whole content of a file. The error's message says why not ("No such file or directory"), without the path.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  // Is this a regular file that can be read? The error's message as with read_file.
  std::function<absl::Status(const std::string& path)> check_file;
  // Could the gateway append to this file, or make it; make a socket there? The error's message says which part of the
  // path is at fault: "'/var/log/x' is not there".
  std::function<absl::Status(const std::string& path)> check_append;
  std::function<absl::Status(const std::string& path)> check_socket;
  // The files of a directory, or the file itself, as CrlFilesOf has it.
  std::function<absl::StatusOr<std::vector<std::string>>(const std::string& path)> files_of;
  // The bytes of the file system that directory `path` is on, which need not be there yet. The error says why the
  // gateway could not have it: "'/etc/passwd' is no directory". Changes nothing.
  std::function<absl::StatusOr<uint64_t>(const std::string& path)> disk_of;
  // The mode of a directory that every user of the machine may write to: "0777". Nothing: it is not there, or is not so.
  std::function<std::optional<std::string>(const std::string& path)> open_to_all;
  // `path` without what leads to the same place: "..", symbolic links.
  std::function<std::string(const std::string& path)> canonical;
  int64_t now_unix_s = 0;
  // For derived client ids.
  std::string host_name;

  // This process's environment, files and host name.
  static Surroundings Real();
};

}  // namespace sluice
