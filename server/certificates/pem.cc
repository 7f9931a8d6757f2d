#include "server/certificates/pem.h"

#include <ctime>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "server/certificates/openssl_ptr.h"
#include "server/runtime/regular_file.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

bool Holds(const std::string& pem, std::string_view what) { return pem.find(what) != std::string::npos; }

// Whether it is one SEQUENCE of ASN.1, as certificates and keys are in DER (X.690 §8.1.3).
bool LooksLikeDer(const std::string& text) {
  if (text.size() < 2 || text[0] != '\x30') return false;
  const auto first = static_cast<unsigned char>(text[1]);
  if (first < 0x80) return text.size() == 2u + first;
  return first >= 0x81 && first <= 0x83;
}

// What a text is that was to be something else; empty: nothing that is known.
std::string_view WhatItIs(const std::string& pem) {
  if (pem.empty()) return " (it is empty)";
  if (Holds(pem, "PRIVATE KEY-----")) return " (it holds a private key)";
  if (Holds(pem, "-----BEGIN CERTIFICATE REQUEST")) return " (it holds a request for a certificate)";
  if (Holds(pem, "-----BEGIN CERTIFICATE-----") || Holds(pem, "-----BEGIN TRUSTED CERTIFICATE-----")) {
    return " (it holds a certificate)";
  }
  if (Holds(pem, "-----BEGIN PUBLIC KEY")) return " (it holds a public key)";
  if (LooksLikeDer(pem)) return " (it looks like DER, which openssl converts)";
  return "";
}

absl::Status Unusable(std::string_view problem, std::string_view more = "") {
  std::string text(problem);
  text += more;
  return absl::InvalidArgumentError(text);
}

std::string Reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

}  // namespace

std::string NameText(const X509_NAME* name) {
  const BioPtr text(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_ONELINE);
  char* data = nullptr;
  const long size = BIO_get_mem_data(text.get(), &data);
  std::string shown(data, static_cast<size_t>(size));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return shown;
}

std::optional<int64_t> UnixSeconds(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return timegm(&parts);
}

absl::StatusOr<std::string> ReadPemFile(const std::string& path) {
  constexpr size_t kLargest = 16u << 20;
  absl::StatusOr<std::string> content = ReadRegularFile(path, kLargest);
  if (content.ok()) return content;
  if (absl::IsOutOfRange(content.status())) return Unusable("cannot be read: it has more than 16 MiB");
  return Unusable("cannot be read: ", text::Message(content.status()));
}

absl::StatusOr<Expiry> CheckCertificates(const std::string& pem) {
  const NoOpensslErrorsLeft no_errors_left;
  const BioPtr bio = ReadingBio(pem);
  std::optional<Expiry> first;
  while (const X509Ptr cert{PEM_read_bio_X509_AUX(bio.get(), nullptr, GivePassPhrase, nullptr)}) {
    const std::optional<int64_t> not_after = UnixSeconds(X509_get0_notAfter(cert.get()));
    if (!not_after) return Unusable("holds a certificate whose end cannot be read");
    if (!first || *not_after < first->unix_s)
      first = Expiry{.unix_s = *not_after, .subject = NameText(X509_get_subject_name(cert.get()))};
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE && first) return *std::move(first);
  if (first || Holds(pem, "-----BEGIN CERTIFICATE-----")) return Unusable("holds a PEM certificate that is damaged");
  return Unusable("holds no PEM certificate", WhatItIs(pem));
}

std::vector<std::string> SubjectsOf(const std::string& pem) {
  const NoOpensslErrorsLeft no_errors_left;
  const BioPtr bio = ReadingBio(pem);
  std::vector<std::string> subjects;
  while (const X509Ptr cert{PEM_read_bio_X509_AUX(bio.get(), nullptr, GivePassPhrase, nullptr)}) {
    subjects.push_back(NameText(X509_get_subject_name(cert.get())));
  }
  return subjects;
}

absl::StatusOr<std::string> KeyPasswordOf(std::string content) {
  if (Holds(content, "-----BEGIN ")) return Unusable("holds no password", WhatItIs(content));
  // What an editor, or echo, puts at the end of a line.
  if (content.ends_with('\n')) content.pop_back();
  if (content.ends_with('\r')) content.pop_back();
  if (content.empty()) return Unusable("holds no password: it is empty");
  if (content.size() > 1'024) return Unusable("holds no password: it has more than 1,024 bytes");
  return content;
}

absl::StatusOr<std::string> ReadKeyPassword(const std::string& path) {
  absl::StatusOr<std::string> content = ReadPemFile(path);
  if (!content.ok()) return content;
  return KeyPasswordOf(*std::move(content));
}

bool IsEncryptedKey(const std::string& pem) {
  return Holds(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || Holds(pem, "Proc-Type: 4,ENCRYPTED");
}

absl::Status CheckPrivateKey(const std::string& pem, std::string_view password) {
  const NoOpensslErrorsLeft no_errors_left;
  if (const KeyPtr key{PEM_read_bio_PrivateKey(ReadingBio(pem).get(), nullptr, GivePassPhrase, &password)}) {
    return absl::OkStatus();
  }
  if (IsEncryptedKey(pem)) {
    if (!password.empty()) return Unusable("is encrypted, and the password is not the one that decrypts it");
    return Unusable(
        "is encrypted: set keyPasswordFile to a file that holds its password, or decrypt it (openssl pkey)");
  }
  if (Holds(pem, "PRIVATE KEY-----")) return Unusable("holds a PEM private key that is damaged");
  return Unusable("holds no PEM private key", WhatItIs(pem));
}

absl::Status CheckPair(const std::string& cert_pem, const std::string& key_pem, std::string_view password) {
  const NoOpensslErrorsLeft no_errors_left;
  const X509Ptr cert(PEM_read_bio_X509_AUX(ReadingBio(cert_pem).get(), nullptr, GivePassPhrase, nullptr));
  const KeyPtr key(PEM_read_bio_PrivateKey(ReadingBio(key_pem).get(), nullptr, GivePassPhrase, &password));
  if (cert == nullptr || key == nullptr) return Unusable("is not the key of the certificate");
  if (X509_check_private_key(cert.get(), key.get()) != 1) return Unusable("is not the key of the certificate");
  const SslContextPtr context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) return absl::InternalError("OpenSSL has no TLS");
  SSL_CTX_set_security_level(context.get(), 2);  // As both sides have it (tls_setup.h).
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context.get(), cert.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    const bool weak = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_EE_KEY_TOO_SMALL;
    return Unusable("is refused by OpenSSL with its certificate: ",
                    Reason() + (weak ? " (RSA has 2,048 bits or more; or take EC or Ed25519)" : ""));
  }
  return absl::OkStatus();
}

std::string UtcSeconds(int64_t unix_s) {
  const std::time_t seconds = unix_s;
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_s);
  std::array<char, 64> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer.data();
}

}  // namespace sluice
