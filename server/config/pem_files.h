// The files of TLS in a section of the configuration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/reader.h"

namespace sluice {

// A key of the configuration and the file it names; an empty file is none.
struct TlsFile {
  MapReader& map;
  std::string_view key;
  const std::string& path;
};

// Reports what the start would not take, as pem.h has it, certificates that end soon, and revocation lists (a file or a
// directory) that have run out or are of others.
void CheckTlsFiles(Reading& reading, TlsFile cert, TlsFile private_key, TlsFile password, TlsFile authorities,
                   TlsFile crl);

// `minVersion` and `ciphers` of a map.
void ReadTlsProtocol(MapReader& map, std::string& min_version, std::vector<std::string>& ciphers);

}  // namespace sluice
