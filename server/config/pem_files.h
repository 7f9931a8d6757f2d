// The PEM files of a section of the configuration.
#pragma once

#include <string>
#include <string_view>

#include "server/config/reader.h"

namespace sluice {

// Keys of the configuration and the files they name; an empty file is none.
struct PemFile {
  std::string_view key;
  const std::string& path;
};

// Reports what the start would not take, as pem.h has it, and certificates that end soon.
void CheckPemFiles(Reading& reading, MapReader& map, PemFile cert, PemFile private_key, PemFile authorities);

}  // namespace sluice
