// The PEM files of --ca-file, --cert-file and --key-file.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/ctl/command_line.h"

namespace sluice::ctl {

// As texts; empty: the option is not given.
struct TlsTexts {
  std::string ca;
  std::string cert;
  std::string key;
};

// Checked, so that gRPC can use them. The error names the option and the file.
absl::StatusOr<TlsTexts> ReadTlsTexts(const Target& target);

}  // namespace sluice::ctl
