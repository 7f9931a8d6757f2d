#include "client/cpp/src/tls_files.h"

#include <string_view>

#include "client/cpp/src/read_file.h"

namespace sluice::client {
namespace {

bool HasMarker(const std::string& pem, std::string_view marker) { return pem.find(marker) != std::string::npos; }

bool HoldsCertificate(const std::string& pem) {
  return HasMarker(pem, "-----BEGIN CERTIFICATE-----") || HasMarker(pem, "-----BEGIN TRUSTED CERTIFICATE-----") ||
         HasMarker(pem, "-----BEGIN X509 CERTIFICATE-----");
}

// "-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----" and the like.
bool HoldsKey(const std::string& pem) { return HasMarker(pem, "-----BEGIN ") && HasMarker(pem, "PRIVATE KEY-----"); }

bool IsKeyEncrypted(const std::string& pem) {
  return HasMarker(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || HasMarker(pem, "Proc-Type: 4,ENCRYPTED");
}

std::string ProblemOfCertificate(const std::string& pem) {
  if (HoldsCertificate(pem)) return "";
  return HoldsKey(pem) ? "holds no PEM certificate, but a private key" : "holds no PEM certificate";
}

std::string ProblemOfKey(const std::string& pem) {
  if (IsKeyEncrypted(pem)) return "holds an encrypted key; decrypt it (openssl pkey)";
  if (HoldsKey(pem)) return "";
  return HoldsCertificate(pem) ? "holds no PEM private key, but a certificate" : "holds no PEM private key";
}

std::string ReadOne(std::string_view field, const std::string& path, std::string (*problem_of)(const std::string&),
                    std::string& pem) {
  if (path.empty()) return "";
  const std::string place = "tls." + std::string(field) + ": ";
  if (const std::string trouble = ReadWholeFile(path, pem); !trouble.empty()) {
    return place + "cannot read " + path + ": " + trouble;
  }
  const std::string problem = pem.empty() ? "is empty" : problem_of(pem);
  return problem.empty() ? "" : place + path + " " + problem;
}

}  // namespace

std::string ReadTlsFiles(const Tls& tls, TlsFiles& files) {
  std::string wrong = ReadOne("ca_file", tls.ca_file, ProblemOfCertificate, files.ca);
  if (wrong.empty()) wrong = ReadOne("cert_file", tls.cert_file, ProblemOfCertificate, files.cert);
  if (wrong.empty()) wrong = ReadOne("key_file", tls.key_file, ProblemOfKey, files.key);
  return wrong;
}

}  // namespace sluice::client
