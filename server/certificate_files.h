// Which files of the configuration hold certificates.
#pragma once

#include <vector>

#include "server/certificates/watch.h"
#include "server/config/config.h"

namespace sluice {

std::vector<CertificateWatch::File> CertificateFilesOf(const GatewayConfig& config);

}  // namespace sluice
