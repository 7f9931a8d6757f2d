#include "server/certificates/tls_setup.h"

#include <string>

#include "server/certificates/ciphers.h"
#include "server/certificates/pem.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::string DateOf(const ASN1_TIME* time) {
  const std::optional<int64_t> seconds = UnixSeconds(time);
  return seconds ? UtcSeconds(*seconds) : "an unknown time";
}

}  // namespace

absl::Status SetProtocol(SSL_CTX* context, std::string_view min_version, const std::vector<std::string>& ciphers) {
  SSL_CTX_set_security_level(context, 2);  // RSA of 2,048 bits and more, EC of 224.
  if (min_version != "1.2" && min_version != "1.3") {
    return absl::InvalidArgumentError(text::Concat("minVersion: '", min_version, "' is neither 1.2 nor 1.3"));
  }
  SSL_CTX_set_min_proto_version(context, min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  for (const std::string& name : ciphers) {
    const absl::Status status = CheckCipher(name);
    if (!status.ok()) return absl::InvalidArgumentError(text::Concat("ciphers: '", name, "' ", text::Message(status)));
  }
  const CipherLists lists = CipherListsOf(ciphers);
  if (SSL_CTX_set_ciphersuites(context, lists.tls13.c_str()) == 1 &&
      SSL_CTX_set_cipher_list(context, lists.tls12.c_str()) == 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      text::Concat("ciphers: OpenSSL takes neither '", lists.tls12, "' nor '", lists.tls13, "'"));
}

bool UsePair(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem, std::string_view password) {
  const BioPtr certs = ReadingBio(cert_pem);
  const X509Ptr own(PEM_read_bio_X509_AUX(certs.get(), nullptr, GivePassPhrase, nullptr));
  const KeyPtr key(PEM_read_bio_PrivateKey(ReadingBio(key_pem).get(), nullptr, GivePassPhrase, &password));
  if (own == nullptr || key == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return false;
  }
  while (const X509Ptr more{PEM_read_bio_X509(certs.get(), nullptr, GivePassPhrase, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, more.get()) != 1) return false;
  }
  return true;
}

void AddAuthorities(X509_STORE* store, std::string_view pem) {
  const BioPtr authorities = ReadingBio(pem);
  while (const X509Ptr authority{PEM_read_bio_X509_AUX(authorities.get(), nullptr, GivePassPhrase, nullptr)}) {
    X509_STORE_add_cert(store, authority.get());
  }
}

void AddCrls(X509_STORE* store, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    for (const X509CrlPtr& list : ParseCrls(text)) X509_STORE_add_crl(store, list.get());
  }
  if (!texts.empty()) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

std::string CertificateProblem(X509_STORE_CTX* context, int error, const CertificateWords& words) {
  const X509* certificate = X509_STORE_CTX_get_current_cert(context);
  const std::string subject = certificate == nullptr ? "the certificate" : NameText(X509_get_subject_name(certificate));
  // An authority that came with it, and is not trusted, says less than whose certificate it is.
  const X509* leaf = X509_STORE_CTX_get0_cert(context);
  const std::string own = leaf == nullptr ? subject : NameText(X509_get_subject_name(leaf));
  const std::string issuer = certificate == nullptr ? "" : NameText(X509_get_issuer_name(certificate));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return text::Concat(subject, " has expired (", DateOf(X509_get0_notAfter(certificate)), ")");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return text::Concat(subject, " is not valid before ", DateOf(X509_get0_notBefore(certificate)),
                          ": are the clocks right?");
    case X509_V_ERR_CERT_REVOKED:
      return text::Concat(subject, " is revoked (", words.crl, ")");
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return text::Concat(words.crl, " has no revocation list of ", issuer, ", which signed ", subject);
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return text::Concat("the revocation list of ", issuer, " in ", words.crl,
                          " has run out: replace it by a newer one");
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return text::Concat("the revocation list of ", issuer, " in ", words.crl,
                          " is not valid yet: is the clock right?");
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return text::Concat("the revocation list of ", issuer, " in ", words.crl,
                          " is not signed by it: replace it by the authority's own");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return text::Concat(subject, " is signed by itself, and does not stand in ", words.authorities);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return text::Concat(own, " is not signed by an authority of ", words.authorities, " (but by ", issuer, ")");
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return text::Concat("the key of ", subject, " is too weak: RSA has 2,048 bits or more");
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return text::Concat(subject, " is signed with a digest that is too weak: SHA-256 or better");
    case X509_V_ERR_INVALID_PURPOSE:
      return text::Concat(subject, " is not for ", words.purpose);
    default:
      return text::Concat(subject, ": ", X509_verify_cert_error_string(error));
  }
}

}  // namespace sluice
