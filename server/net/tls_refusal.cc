#include "server/net/tls_refusal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "server/net/tls_context.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::string ReasonText(unsigned long error) {
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? "no reason is known" : reason;
}

// The check of a client's certificate that failed.
std::string_view CertificateReason(long error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "tls_certificate_expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "tls_certificate_not_yet_valid";
    case X509_V_ERR_CERT_REVOKED:
      return "tls_certificate_revoked";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return "tls_certificate_crl";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "tls_certificate_authority";
    default:
      return "tls_certificate";
  }
}

}  // namespace

TlsRefusal ExplainRefusal(const HandshakeNotes& notes, unsigned long error, bool closed) {
  if (notes.certificate_error != 0) {
    return {.reason = CertificateReason(notes.certificate_error), .text = notes.certificate_text};
  }
  if (notes.offered_no_protocol) {
    return {.reason = "tls_protocol", .text = "the client names no protocol (ALPN): gRPC names h2"};
  }
  if (!notes.offered_protocols.empty()) {
    return {.reason = "tls_protocol",
            .text = text::Concat(
                "the client speaks none of the protocols of this port (ALPN: ", notes.offered_protocols, ")")};
  }
  if (closed) {
    // Probes of load balancers connect and go, over and over.
    return {
        .reason = "tls_closed", .text = "closed by the client within the TLS handshake", .level = log::Level::kDebug};
  }
  switch (ERR_GET_REASON(error)) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_UNEXPECTED_MESSAGE:
      return {.reason = "tls_not_tls",
              .text = "what the client sends is not TLS: does it connect without (plain text)?"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return {.reason = "tls_version", .text = "the client speaks no version of TLS that is taken here (minVersion)"};
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_WRONG_SIGNATURE_TYPE:
      return {.reason = "tls_cipher",
              .text = text::Concat("client and gateway have no cipher in common (", ReasonText(error), ")")};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {.reason = "tls_no_certificate",
              .text = "the client shows no certificate, and one of an authority of clientCaFile is required"};
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_USER_CANCELLED:
      return {.reason = "tls_refused",
              .text = text::Concat("the client does not accept this listener's certificate (", ReasonText(error),
                                   "): does it trust its authority, and is it for the name that it connects to?")};
    default:
      return {.reason = "tls_other", .text = text::Concat("the TLS handshake failed: ", ReasonText(error))};
  }
}

}  // namespace sluice
