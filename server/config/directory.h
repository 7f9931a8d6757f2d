// Whether the gateway can have what it writes to: directories, files, sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// The bytes of the file system that `path` is on. It may be made later, with the directories above it. The error says
// why it cannot be had or not be written to, and names the part of the path that is at fault. Makes nothing.
absl::StatusOr<uint64_t> DiskOf(const std::string& path);

// Whether a file can be appended to, or made where its directory is; links to files are not followed, as nobody shall
// choose where it goes.
absl::Status CheckAppend(const std::string& path);

// Whether a socket can be made there; an old one may be in its place.
absl::Status CheckSocket(const std::string& path);

// The mode of a directory that every user of the machine may write to: "0777". Nothing: it is not there, or is not so.
std::optional<std::string> OpenToAll(const std::string& path);

}  // namespace sluice
