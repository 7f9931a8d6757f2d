// OpenSSL's objects as C++ has them, for those who see OpenSSL.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

template <typename T, void (*kFree)(T*)>
struct OpensslFreer {
  void operator()(T* object) const { kFree(object); }
};
inline void FreeBio(BIO* bio) { BIO_free(bio); }
using BioPtr = std::unique_ptr<BIO, OpensslFreer<BIO, FreeBio>>;
using X509Ptr = std::unique_ptr<X509, OpensslFreer<X509, X509_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, OpensslFreer<X509_CRL, X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFreer<EVP_PKEY, EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslFreer<SSL_CTX, SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslFreer<SSL, SSL_free>>;

// OpenSSL's errors are the thread's: none is left to whoever asks next.
struct NoOpensslErrorsLeft {
  NoOpensslErrorsLeft() { ERR_clear_error(); }
  ~NoOpensslErrorsLeft() { ERR_clear_error(); }
  NoOpensslErrorsLeft(const NoOpensslErrorsLeft&) = delete;
  NoOpensslErrorsLeft& operator=(const NoOpensslErrorsLeft&) = delete;
};

// `text` must stay as long as it.
inline BioPtr ReadingBio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// For PEM functions' callback, with a std::string_view* as its data: without one, or with an empty one, an encrypted
// key fails instead of asking for its pass phrase on the terminal.
inline int GivePassPhrase(char* buffer, int size, int /*writing*/, void* data) {
  const auto* phrase = static_cast<const std::string_view*>(data);
  if (phrase == nullptr || phrase->empty() || phrase->size() > static_cast<size_t>(size)) return -1;
  phrase->copy(buffer, phrase->size());
  return static_cast<int>(phrase->size());
}

// "CN = pump-7, O = Plant", without control characters.
std::string NameText(const X509_NAME* name);
// Nothing: it cannot be read.
std::optional<int64_t> UnixSeconds(const ASN1_TIME* time);
// All revocation lists of a text, PEM or DER; none when one of them is damaged.
std::vector<X509CrlPtr> ParseCrls(const std::string& text);

}  // namespace sluice
