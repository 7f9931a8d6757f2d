#include "client/cpp/ctl/tls_files.h"

#include <string_view>

#include "client/cpp/ctl/files.h"
#include "server/certificates/pem.h"

namespace sluice::ctl {
namespace {

absl::Status CheckCertificateText(const std::string& pem) { return CheckCertificates(pem).status(); }

absl::Status CheckKeyText(const std::string& pem) {
  if (IsEncryptedKey(pem)) return absl::InvalidArgumentError("is encrypted; decrypt it (openssl pkey)");
  return CheckPrivateKey(pem);
}

// `problem` is said of the file.
absl::Status OfFile(std::string_view option, const std::string& path, const absl::Status& problem) {
  if (problem.ok()) return problem;
  return absl::InvalidArgumentError(std::string(option) + ": '" + path + "' " + std::string(problem.message()));
}

absl::Status ReadPemText(std::string_view option, const std::string& path, absl::Status (*check)(const std::string&),
                         std::string& pem) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> content = ReadNamedFile(option, path);
  if (!content.ok()) return content.status();
  pem = *std::move(content);
  return OfFile(option, path, check(pem));
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsTexts(const Target& target) {
  TlsTexts texts;
  absl::Status status = ReadPemText("--ca-file", target.ca_file, CheckCertificateText, texts.ca);
  if (status.ok()) status = ReadPemText("--cert-file", target.cert_file, CheckCertificateText, texts.cert);
  if (status.ok()) status = ReadPemText("--key-file", target.key_file, CheckKeyText, texts.key);
  if (status.ok() && !texts.cert.empty() && !texts.key.empty()) {
    const absl::Status pair = CheckPair(texts.cert, texts.key);
    if (!pair.ok())
      status =
          OfFile("--key-file", target.key_file,
                 absl::InvalidArgumentError(std::string(pair.message()) + " (--cert-file '" + target.cert_file + "')"));
  }
  if (!status.ok()) return status;
  return texts;
}

}  // namespace sluice::ctl
