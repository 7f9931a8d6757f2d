// Which ciphers TLS may use: those with forward secrecy and authenticated encryption. Both sides, and `--check`, ask here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice {

// `name` is OpenSSL's (ECDHE-RSA-AES128-GCM-SHA256) or the standard's (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256). Errors are
// said of the name: "has no forward secrecy: …". NOT_FOUND: there is no such cipher.
absl::Status CheckCipher(std::string_view name);
// It is for TLS 1.3. Of a name that was checked.
bool IsTls13Cipher(std::string_view name);
// All names that CheckCipher takes.
std::vector<std::string_view> CipherNames();

// As OpenSSL takes them, of names that were checked. Where none of a version is named: all that are taken.
struct CipherLists {
  std::string tls12;
  std::string tls13;
};
CipherLists CipherListsOf(const std::vector<std::string>& names);

}  // namespace sluice
