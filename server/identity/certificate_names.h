// What a client certificate calls its holder.
#pragma once

#include <string>
#include <vector>

#include "server/net/peer.h"

namespace sluice {

// Which names of certificates are taken.
struct CertificateNames {
  bool uri = true;  // spiffe:// and other URIs.
  bool dns = true;
  bool email = true;
  bool subject = false;  // What a person typed into a request: only who knows its CA should ask for it.

  friend bool operator==(const CertificateNames&, const CertificateNames&) = default;
};

// "spiffe://plant/pump-7", "uri:…", "dns:pump-7.plant", "email:…", "subject:CN = pump-7"; in this order. A name that is
// not as its kind has it (a SPIFFE ID with a query or "..", a host name with a wildcard, anything that is not printable
// ASCII) is left out: what looks like another name must not become one.
std::vector<std::string> NamesOf(const PeerCertificate& certificate, const CertificateNames& taken);

}  // namespace sluice
