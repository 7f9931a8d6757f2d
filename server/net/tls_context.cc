#include "server/net/tls_context.h"

#include <openssl/tls1.h>

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "server/certificates/tls_setup.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFreer<X509_STORE_CTX, X509_STORE_CTX_free>>;
void FreeChain(STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }
using ChainPtr = std::unique_ptr<STACK_OF(X509), OpensslFreer<STACK_OF(X509), FreeChain>>;

constexpr CertificateWords kWords = {
    .authorities = "clientCaFile", .crl = "clientCrl", .purpose = "clients (extendedKeyUsage has no clientAuth)"};

HandshakeNotes* NotesOf(const SSL* ssl) { return static_cast<HandshakeNotes*>(SSL_get_app_data(ssl)); }

int OnCertificate(int good, X509_STORE_CTX* context) {
  if (good == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  HandshakeNotes* notes = ssl == nullptr ? nullptr : NotesOf(ssl);
  if (notes != nullptr && notes->certificate_error == 0) {
    notes->certificate_error = X509_STORE_CTX_get_error(context);
    notes->certificate_text = CertificateProblem(context, X509_STORE_CTX_get_error(context), kWords);
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

void UseAuthorities(SSL_CTX* context, const TlsServerSettings& options, const TlsTexts& texts) {
  const StorePtr store(X509_STORE_new());
  AddAuthorities(store.get(), texts.client_ca);
  AddCrls(store.get(), texts.client_crls);
  // Named to clients that have several certificates.
  const BioPtr authorities = ReadingBio(texts.client_ca);
  while (const X509Ptr authority{PEM_read_bio_X509_AUX(authorities.get(), nullptr, GivePassPhrase, nullptr)}) {
    SSL_CTX_add_client_CA(context, authority.get());
  }
  SSL_CTX_set1_verify_cert_store(context, store.get());
  SSL_CTX_set_verify(context,
                     SSL_VERIFY_PEER | (options.client_certificate_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
                     OnCertificate);
  // More makes a client's certificate message larger than it needs to be.
  constexpr int kDeepestChain = 8;
  constexpr long kLargestChain = 32L * 1024;
  SSL_CTX_set_max_cert_list(context, kLargestChain);
  SSL_CTX_set_verify_depth(context, kDeepestChain);
}

}  // namespace

absl::StatusOr<SslContextPtr> MakeTlsContext(const TlsServerSettings& options, const TlsTexts& texts) {
  const NoOpensslErrorsLeft no_errors_left;
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.get();
  if (context == nullptr) return absl::InternalError("OpenSSL has no TLS");
  const absl::Status protocol = SetProtocol(context, options.min_version, options.ciphers);
  if (!protocol.ok()) {
    return absl::InvalidArgumentError(text::Concat(options.setting, ".", text::Message(protocol)));
  }
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A resumed session would keep a certificate that was withdrawn meanwhile.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // ~34 KiB less for each connection that rests.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_dh_auto(context, 1);
  if (!UsePair(context, texts.cert, texts.key, texts.key_password)) {
    return absl::InvalidArgumentError(
        text::Concat(options.setting, ".certFile: '", options.files.cert_file, "' is refused by OpenSSL"));
  }
  if (!texts.client_ca.empty()) UseAuthorities(context, options, texts);
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
  return absl::UnauthenticatedError(CertificateProblem(check.get(), X509_STORE_CTX_get_error(check.get()), kWords));
}

}  // namespace sluice
