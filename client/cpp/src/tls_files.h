// The PEM files of options.tls. The SDK links no OpenSSL of its own: what they hold is known by its markers alone.
#pragma once

#include <string>

#include "sluice/options.h"

namespace sluice::client {

struct TlsFiles {
  std::string ca;
  std::string cert;
  std::string key;
};

// Returns what is wrong, with the option and the file: "tls.ca_file: x.pem holds no PEM certificate"; empty: nothing.
std::string ReadTlsFiles(const Tls& tls, TlsFiles& files);

}  // namespace sluice::client
