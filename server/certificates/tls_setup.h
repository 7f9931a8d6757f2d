// What the TLS of both sides has in common, for those who see OpenSSL.
#pragma once

#include <openssl/x509_vfy.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/certificates/openssl_ptr.h"

namespace sluice {

using StorePtr = std::unique_ptr<X509_STORE, OpensslFreer<X509_STORE, X509_STORE_free>>;

// Versions from "1.2" or "1.3", ciphers with forward secrecy (none named: all of them), RSA of 2,048 bits and more;
// whatever the machine's openssl.cnf says. The error begins with the key: "ciphers: 'AES128-SHA' has no forward secrecy".
absl::Status SetProtocol(SSL_CTX* context, std::string_view min_version, const std::vector<std::string>& ciphers);

// Of texts that were checked. False: OpenSSL does not take them all the same.
bool UsePair(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem, std::string_view password);
void AddAuthorities(X509_STORE* store, std::string_view pem);
// With lists, there must be one of every authority in a chain.
void AddCrls(X509_STORE* store, const std::vector<std::string>& texts);

// How errors name what would help.
struct CertificateWords {
  std::string_view authorities;  // "clientCaFile"
  std::string_view crl;          // "clientCrl"
  std::string_view purpose;      // "clients (extendedKeyUsage has no clientAuth)"
};
// What is wrong with the certificate that `context` looks at: "CN = pump-7 has expired (2026-11-01T00:00:00Z)".
std::string CertificateProblem(X509_STORE_CTX* context, int error, const CertificateWords& words);

}  // namespace sluice
