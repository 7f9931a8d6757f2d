// Whether PEM texts can be used as certificates and keys, and until when. `--check`, listeners and connections to
// brokers ask the same functions, so that they never differ.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// The whole of a regular file; a pipe or a device is an error, and is not waited for. The error: "cannot be read: Is a
// directory".
absl::StatusOr<std::string> ReadPemFile(const std::string& path);

// The certificate of a file that expires first.
struct Expiry {
  int64_t unix_s = 0;
  std::string subject;  // "CN = broker.example", without control characters.
};

// Errors are said of the file: "holds no PEM certificate (it holds a private key)". None shows anything of the text,
// which may be a password that was put in the wrong place.

// `pem` holds certificates, all of which can be read.
absl::StatusOr<Expiry> CheckCertificates(const std::string& pem);

// What a file that holds a key's password has in it, without the line's end that an editor puts there.
absl::StatusOr<std::string> KeyPasswordOf(std::string content);
absl::StatusOr<std::string> ReadKeyPassword(const std::string& path);

// `pem` holds a private key that `password` decrypts, or, where that is empty, that none is needed for.
absl::Status CheckPrivateKey(const std::string& pem, std::string_view password = {});

// It needs a pass phrase.
bool IsEncryptedKey(const std::string& pem);

// Who the certificates of a text that was checked belong to: "CN = plant".
std::vector<std::string> SubjectsOf(const std::string& pem);

// The key is that of the first certificate, and OpenSSL would use both: it refuses keys that are too short. Both were
// checked before.
absl::Status CheckPair(const std::string& cert_pem, const std::string& key_pem, std::string_view password = {});

// "2026-12-24T18:00:00Z".
std::string UtcSeconds(int64_t unix_s);

}  // namespace sluice
