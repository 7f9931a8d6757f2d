#include "server/net/tls_context.h"

#include <openssl/tls1.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "server/certificates/pem.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, OpensslFreer<X509_STORE, X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFreer<X509_STORE_CTX, X509_STORE_CTX_free>>;
void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using ChainPtr = std::unique_ptr<STACK_OF(X509), OpensslFreer<STACK_OF(X509), FreeChain>>;

// Of TLS 1.2. All that HTTP/2 lets be used (RFC 9113, appendix A, forbids the others).
constexpr char kForwardSecret[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";

absl::Status Refused(const TlsServerSettings& options, std::string_view key, std::string_view problem) {
  return absl::InvalidArgumentError(text::Concat(options.setting, ".", key, ": ", problem));
}

std::string DateOf(const ASN1_TIME* time) {
  const std::optional<int64_t> seconds = UnixSeconds(time);
  return seconds ? UtcSeconds(*seconds) : "an unknown time";
}

// What is wrong with the certificate that `context` looks at.
std::string CertificateText(X509_STORE_CTX* context, int error) {
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
      return text::Concat(subject, " is withdrawn (clientCrl)");
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return text::Concat("clientCrl has no revocation list of ", issuer, ", which signed ", subject);
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return text::Concat("the revocation list of ", issuer, " in clientCrl has run out: replace it by a newer one");
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return text::Concat("the revocation list of ", issuer, " in clientCrl is not valid yet: is the clock right?");
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return text::Concat(subject, " is signed by itself, and does not stand in clientCaFile");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return text::Concat(own, " is not signed by an authority of clientCaFile (but by ", issuer, ")");
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return text::Concat("the key of ", subject, " is too weak: RSA has 2,048 bits or more");
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return text::Concat(subject, " is signed with a digest that is too weak: SHA-256 or better");
    case X509_V_ERR_INVALID_PURPOSE:
      return text::Concat(subject, " is not for clients (extendedKeyUsage has no clientAuth)");
    default:
      return text::Concat(subject, ": ", X509_verify_cert_error_string(error));
  }
}

HandshakeNotes* NotesOf(const SSL* ssl) { return static_cast<HandshakeNotes*>(SSL_get_app_data(ssl)); }

int OnCertificate(int good, X509_STORE_CTX* context) {
  if (good == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  HandshakeNotes* notes = ssl == nullptr ? nullptr : NotesOf(ssl);
  if (notes != nullptr && notes->certificate_error == 0) {
    notes->certificate_error = X509_STORE_CTX_get_error(context);
    notes->certificate_text = CertificateText(context, X509_STORE_CTX_get_error(context));
  }
  return 0;
}

// Each behind its length (RFC 7301 §3.1).
std::string ShownProtocols(const unsigned char* in, unsigned int size) {
  std::string shown;
  for (size_t i = 0; i < size && shown.size() < 100; i += 1u + in[i]) {
    if (!shown.empty()) shown += ", ";
    for (size_t j = i + 1; j <= i + in[i] && j < size; ++j) {
      shown += in[j] > 0x20 && in[j] < 0x7F ? static_cast<char>(in[j]) : '?';
    }
  }
  return shown;
}

int SelectProtocol(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                   unsigned int in_size, void* arg) {
  const auto& ours = static_cast<const TlsServerSettings*>(arg)->protocols;
  for (const std::string& wanted : ours) {
    for (size_t i = 0; i < in_size; i += 1u + in[i]) {
      if (in[i] != wanted.size() || std::memcmp(in + i + 1, wanted.data(), wanted.size()) != 0) continue;
      *out = in + i + 1;
      *out_size = in[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  if (HandshakeNotes* notes = NotesOf(ssl)) notes->offered_protocols = ShownProtocols(in, in_size);
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Before anything else of the handshake is done.
int OnClientHello(SSL* ssl, int* alert, void* arg) {
  if (!static_cast<const TlsServerSettings*>(arg)->protocol_required) return SSL_CLIENT_HELLO_SUCCESS;
  const unsigned char* extension = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &size) == 1) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  if (HandshakeNotes* notes = NotesOf(ssl)) notes->offered_no_protocol = true;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

absl::Status SetCiphers(SSL_CTX* context, const TlsServerSettings& options) {
  std::string of_12;
  std::string of_13;
  for (std::string_view name : text::Split(options.ciphers, ':')) {
    if (name.empty()) continue;
    std::string& list = name.starts_with("TLS_") ? of_13 : of_12;
    if (!list.empty()) list += ':';
    list += name;
  }
  if (!of_13.empty() && SSL_CTX_set_ciphersuites(context, of_13.c_str()) != 1) {
    return Refused(options, "ciphers",
                   text::Concat("OpenSSL does not know '", of_13, "' (openssl ciphers -s -tls1_3)"));
  }
  if (SSL_CTX_set_cipher_list(context, of_12.empty() ? kForwardSecret : of_12.c_str()) != 1) {
    return Refused(options, "ciphers", text::Concat("OpenSSL knows no cipher of '", of_12, "' (openssl ciphers)"));
  }
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    const bool forward_secret = exchange == NID_kx_ecdhe || exchange == NID_kx_dhe || exchange == NID_kx_any;
    if (forward_secret && SSL_CIPHER_is_aead(cipher) == 1) continue;
    return Refused(options, "ciphers",
                   text::Concat("'", std::string_view(SSL_CIPHER_get_name(cipher)), "' has no ",
                                forward_secret ? "authenticated encryption" : "forward secrecy",
                                ": name ECDHE ciphers with GCM or CHACHA20, or leave it out"));
  }
  return absl::OkStatus();
}

absl::Status SetVersion(SSL_CTX* context, const TlsServerSettings& options) {
  if (options.min_version != "1.2" && options.min_version != "1.3") {
    return Refused(options, "minVersion", text::Concat("'", options.min_version, "' is neither 1.2 nor 1.3"));
  }
  SSL_CTX_set_min_proto_version(context, options.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  return absl::OkStatus();
}

// The texts were checked: what fails here is nothing that a message of its own would help with.
absl::Status UseCertificate(SSL_CTX* context, const TlsServerSettings& options, const TlsTexts& texts) {
  const BioPtr certs = ReadingBio(texts.cert);
  const X509Ptr own(PEM_read_bio_X509_AUX(certs.get(), nullptr, GivePassPhrase, nullptr));
  std::string_view password = texts.key_password;
  const KeyPtr key(PEM_read_bio_PrivateKey(ReadingBio(texts.key).get(), nullptr, GivePassPhrase, &password));
  if (own == nullptr || key == nullptr || SSL_CTX_use_certificate(context, own.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Refused(options, "certFile", text::Concat("'", options.files.cert_file, "' is refused by OpenSSL"));
  }
  while (X509Ptr more{PEM_read_bio_X509(certs.get(), nullptr, GivePassPhrase, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, more.get()) != 1) {
      return Refused(options, "certFile", text::Concat("'", options.files.cert_file, "' is refused by OpenSSL"));
    }
  }
  return absl::OkStatus();
}

absl::Status UseAuthorities(SSL_CTX* context, const TlsServerSettings& options, const TlsTexts& texts) {
  StorePtr store(X509_STORE_new());
  const BioPtr authorities = ReadingBio(texts.client_ca);
  while (const X509Ptr authority{PEM_read_bio_X509_AUX(authorities.get(), nullptr, GivePassPhrase, nullptr)}) {
    X509_STORE_add_cert(store.get(), authority.get());
    // Named to clients that have several certificates.
    SSL_CTX_add_client_CA(context, authority.get());
  }
  for (const std::string& text : texts.client_crls) {
    for (const X509CrlPtr& list : ParseCrls(text)) X509_STORE_add_crl(store.get(), list.get());
  }
  if (!texts.client_crls.empty()) X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  SSL_CTX_set1_verify_cert_store(context, store.get());
  SSL_CTX_set_verify(context,
                     SSL_VERIFY_PEER | (options.client_certificate_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                     OnCertificate);
  // More makes a client's certificate message larger than it needs to be.
  constexpr int kDeepestChain = 8;
  constexpr long kLargestChain = 32L * 1024;
  SSL_CTX_set_max_cert_list(context, kLargestChain);
  SSL_CTX_set_verify_depth(context, kDeepestChain);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SslContextPtr> MakeTlsContext(const TlsServerSettings& options, const TlsTexts& texts) {
  const NoOpensslErrorsLeft no_errors_left;
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  if (context == nullptr) return absl::InternalError("OpenSSL has no TLS");
  // RSA of 2,048 bits and more, EC of 224; whatever the machine's openssl.cnf says.
  SSL_CTX_set_security_level(context, 2);
  if (absl::Status status = SetVersion(context, options); !status.ok()) return status;
  if (absl::Status status = SetCiphers(context, options); !status.ok()) return status;
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A resumed session would keep a certificate that was withdrawn meanwhile.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // ~34 KiB less for each connection that rests.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_dh_auto(context, 1);
  if (absl::Status status = UseCertificate(context, options, texts); !status.ok()) return status;
  if (!texts.client_ca.empty()) {
    if (absl::Status status = UseAuthorities(context, options, texts); !status.ok()) return status;
  }
  // The options live as long as the TlsServer, which each handshake holds.
  auto* arg = const_cast<TlsServerSettings*>(&options);  // NOLINT(cppcoreguidelines-pro-type-const-cast): C's void*.
  if (!options.protocols.empty()) SSL_CTX_set_alpn_select_cb(context, SelectProtocol, arg);
  SSL_CTX_set_client_hello_cb(context, OnClientHello, arg);
  return made;
}

absl::Status CheckChain(SSL_CTX* context, const std::vector<std::string>& chain_der) {
  const NoOpensslErrorsLeft no_errors_left;
  const ChainPtr chain(sk_X509_new_null());
  X509Ptr own;
  for (const std::string& der : chain_der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (certificate == nullptr) return absl::InternalError("a certificate cannot be read again");
    if (own == nullptr) {
      own = std::move(certificate);
    } else if (X509_up_ref(certificate.get()) == 1 && sk_X509_push(chain.get(), certificate.get()) <= 0) {
      X509_free(certificate.get());
    }
  }
  X509_STORE* store = nullptr;
  SSL_CTX_get0_verify_cert_store(context, &store);
  const StoreContextPtr check(X509_STORE_CTX_new());
  if (own == nullptr || store == nullptr || X509_STORE_CTX_init(check.get(), store, own.get(), chain.get()) != 1) {
    return absl::InternalError("a certificate cannot be checked again");
  }
  X509_STORE_CTX_set_default(check.get(), "ssl_client");
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check.get()), SSL_CTX_get_security_level(context));
  if (X509_verify_cert(check.get()) == 1) return absl::OkStatus();
  return absl::UnauthenticatedError(CertificateText(check.get(), X509_STORE_CTX_get_error(check.get())));
}

}  // namespace sluice
