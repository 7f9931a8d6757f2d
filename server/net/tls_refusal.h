// Why a TLS handshake failed, for a metric and for people.
#pragma once

#include <string>
#include <string_view>

#include "server/telemetry/log.h"

namespace sluice {

struct HandshakeNotes;

struct TlsRefusal {
  std::string_view reason;  // As sluice_connections_refused_total has it: "tls_version".
  std::string text;         // "the client speaks TLS 1.1 at most; …"
  log::Level level = log::Level::kWarning;
};

// `error`: OpenSSL's, 0 where it has none. `closed`: the peer closed the connection.
TlsRefusal ExplainRefusal(const HandshakeNotes& notes, unsigned long error, bool closed);

}  // namespace sluice
