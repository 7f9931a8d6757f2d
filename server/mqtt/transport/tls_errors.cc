// What OpenSSL reports, in words for people: the cause, and the setting that would help.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ssl/error.hpp>

#include "server/mqtt/transport/errors.h"
#include "server/mqtt/transport/tls_client.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

std::string ReasonText(const error_code& error) {
  const char* reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
  return reason == nullptr ? error.message() : reason;
}

bool IsClosed(const error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated ||
         error == asio::error::connection_reset || error == asio::error::broken_pipe;
}

}  // namespace

absl::Status TlsClient::HandshakeError(const error_code& error, long verify_result) const {
  if (verify_result != X509_V_OK) return CertificateError(verify_result);
  if (IsClosed(error)) {
    return absl::UnavailableError("closed by the broker within the TLS handshake: is it a TLS port?");
  }
  return Explain(error, /*heard=*/true);
}

absl::Status TlsClient::CertificateError(long verify_result) const {
  const std::string reason = X509_verify_cert_error_string(verify_result);
  switch (verify_result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return absl::UnauthenticatedError(text::Concat("the broker's certificate is not for the host name '", host_,
                                                     "': connect by a name that it has (server)"));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return absl::UnauthenticatedError(
          tls_.ca_file.empty()
              ? text::Concat("the broker's certificate is not trusted: ", reason,
                             "; set caFile to its authority's certificate")
              : text::Concat("the broker's certificate is not trusted: ", certificate_problem_, "; caFile '",
                             tls_.ca_file, "' does not hold its authority's certificate"));
    default:
      return absl::UnauthenticatedError(text::Concat("the broker's certificate is not accepted: ",
                                                     certificate_problem_.empty() ? reason : certificate_problem_));
  }
}

absl::Status TlsClient::Explain(const error_code& error, bool heard) const {
  if (error.category() == asio::error::get_ssl_category()) return ProtocolError(error);
  if (!IsClosed(error)) return StreamError(error);
  if (heard || !tls_.cert_file.empty()) {
    return error == asio::ssl::error::stream_truncated ? ClosedByBroker() : StreamError(error);
  }
  // The alert that says so is lost when the broker resets the connection after it.
  return absl::UnavailableError(
      "closed by the broker right after the TLS handshake: does it require a client certificate (certFile, "
      "certKeyFile)?");
}

absl::Status TlsClient::ProtocolError(const error_code& error) const {
  const std::string reason = ReasonText(error);
  switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
      return absl::UnavailableError("the broker's answer is not TLS: is it a TLS port?");
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return absl::UnavailableError(tls_.min_version == "1.3" ? "the broker does not speak TLS 1.3 (tls.minVersion)"
                                                              : "the broker speaks neither TLS 1.2 nor 1.3");
    case SSL_R_INSUFFICIENT_SECURITY:
    case SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY:
    case SSL_R_NO_CIPHERS_AVAILABLE:
      return absl::UnavailableError(
          text::Concat("broker and gateway have no cipher with forward secrecy in common (tls.ciphers): ", reason));
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
      return absl::UnavailableError(tls_.alpn.empty() ? "the broker wants a protocol by its name: set tls.alpn"
                                                      : "the broker takes none of the protocols of tls.alpn");
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      // All that the broker says where it takes none of the ciphers, too.
      return absl::UnauthenticatedError(text::Concat(
          "the broker refuses the TLS connection (", reason, "): ",
          tls_.cert_file.empty()
              ? "does it require a client certificate (certFile, certKeyFile)?"
              : text::Concat("does it not accept the client certificate of certFile '", tls_.cert_file, "'?"),
          " Or does it take no cipher with forward secrecy", tls_.ciphers.empty() ? "?" : ", or none of tls.ciphers?"));
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
      return absl::UnauthenticatedError(
          tls_.cert_file.empty() ? text::Concat("the broker refuses the TLS connection (", reason,
                                                "): does it require a client certificate (certFile, certKeyFile)?")
                                 : text::Concat("the broker does not accept the client certificate of certFile '",
                                                tls_.cert_file, "' (", reason, ")"));
    default:
      return absl::UnavailableError("TLS: " + reason);
  }
}

}  // namespace sluice
