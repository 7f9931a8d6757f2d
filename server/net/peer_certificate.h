// From OpenSSL's certificate to what the layers above see of it.
#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "server/net/peer.h"

namespace sluice {

// Null: it has none.
std::shared_ptr<const PeerCertificate> PeerCertificateOf(const SSL* ssl);
PeerCertificate FactsOf(X509* certificate);

}  // namespace sluice
