// Certificates and keys as PEM texts, made in the process: quicker than files made by the openssl command.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

struct PemPair {
  std::string cert;  // Signed by itself.
  std::string key;
};

enum class PemKey : uint8_t {
  kP256,
  kWeakRsa,  // 1024 bits: less than OpenSSL takes by default on Debian.
};

PemPair MakePem(const std::string& common_name, int64_t not_after_unix_s, PemKey key = PemKey::kP256);

// The same key, encrypted with a pass phrase.
std::string EncryptedKey(const std::string& key_pem);

}  // namespace sluice
