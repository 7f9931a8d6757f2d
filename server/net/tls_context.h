// OpenSSL's side of a listener's TLS: what files and options become.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/certificates/openssl_ptr.h"
#include "server/net/tls_files.h"
#include "server/net/tls_server.h"

namespace sluice {

// What a handshake leaves for those who say why it failed. Hangs at its SSL (SSL_set_app_data).
struct HandshakeNotes {
  long certificate_error = 0;        // X509_V_ERR_…, of the client's certificate or one of its authorities;
  std::string certificate_text;      // for people: "CN = pump-7 has expired (2026-11-01T00:00:00Z)".
  std::string offered_protocols;     // "http/1.1, spdy/3", when none of them is ours.
  bool offered_no_protocol = false;  // ALPN was not used, and ours must be named.
};

// Errors begin with the setting: "workers.tls.ciphers: …".
absl::StatusOr<SslContextPtr> MakeTlsContext(const TlsServerSettings& options, const TlsTexts& texts);

// OK if the certificates, the own one first, are accepted by the context's authorities and revocation lists at this
// moment. The error: "CN = pump-7 is revoked (…)".
absl::Status CheckChain(SSL_CTX* context, const std::vector<std::string>& chain_der);

}  // namespace sluice
