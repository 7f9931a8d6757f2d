// Certificates made in the process, of every kind that a listener may be shown: quicker than the openssl command.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/pem.h"

namespace sluice {

enum class TestKey : uint8_t { kP256, kP384, kEd25519, kRsa2048, kWeakRsa };

struct CertificateWishes {
  std::string name = "localhost";  // CN.
  // As openssl.cnf writes it: "DNS:localhost,IP:127.0.0.1", "URI:spiffe://plant/pump-7".
  std::string alternative_names;
  std::string usage;              // "serverAuth", "clientAuth"; empty: any.
  int64_t valid_from_s = -3'600;  // From now.
  int64_t valid_to_s = 86'400;
  TestKey key = TestKey::kP256;
};

// An authority, its own certificate and what it signs.
class TlsAuthority {
 public:
  explicit TlsAuthority(const std::string& name = "Sluice Test CA");
  ~TlsAuthority();
  TlsAuthority(const TlsAuthority&) = delete;
  TlsAuthority& operator=(const TlsAuthority&) = delete;

  const std::string& cert() const { return cert_; }  // PEM.
  PemPair Issue(const CertificateWishes& wishes);
  // Of the last certificate that was issued.
  uint64_t serial() const { return serial_; }
  // A revocation list that withdraws these serials, as PEM.
  std::string Crl(const std::vector<uint64_t>& revoked, int64_t valid_to_s = 86'400);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string cert_;
  uint64_t serial_ = 1'000;
};

// Of a certificate as PEM.
std::string DerOf(const std::string& cert_pem);

}  // namespace sluice
