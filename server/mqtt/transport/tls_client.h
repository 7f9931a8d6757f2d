// TLS as the client of a broker: certificates, names, and what goes wrong with them.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/mqtt/options.h"
#include "server/net/loop.h"

namespace sluice {

using TlsSocket = asio::ssl::stream<Socket>;

// Of one connection. Constant after Make(), save for what the handshake finds.
class TlsClient : public std::enable_shared_from_this<TlsClient> {
 public:
  // Reads the files; an error names the setting, the file and what is wrong with it. `host` is what the broker's
  // certificate must be for, and what it is asked for (SNI), unless it is an address.
  static absl::StatusOr<std::shared_ptr<TlsClient>> Make(const MqttTls& tls, const std::string& host);

  asio::ssl::context& context() { return context_; }
  // Within the TlsSocket's owner, which `done` keeps alive.
  void Handshake(TlsSocket& socket, std::function<void(absl::Status)> done);
  // Sends close_notify.
  static void Goodbye(TlsSocket& socket, std::function<void()> done);
  // Of a read or write after the handshake. With TLS 1.3 the broker looks at this side's certificate only then.
  absl::Status Explain(const error_code& error, bool heard) const;

 private:
  TlsClient(MqttTls tls, std::string host);

  absl::Status Load();
  absl::Status LoadAuthorities();
  absl::Status LoadCrls();
  absl::Status LoadOwnCertificate();
  void OfferProtocols();
  absl::Status CheckHost();
  absl::Status HandshakeError(const error_code& error, long verify_result) const;
  absl::Status CertificateError(long verify_result) const;
  // OpenSSL's, within a handshake: `good` is 1 of what it takes.
  static int OnCertificate(int good, X509_STORE_CTX* context);
  // Of what OpenSSL reports, an alert of the broker's for instance.
  absl::Status ProtocolError(const error_code& error) const;

  const MqttTls tls_;
  const std::string host_;
  const bool host_is_address_;
  asio::ssl::context context_;
  // Of the first certificate that was not taken, for people: "CN = broker has expired (2026-11-01T00:00:00Z)".
  std::string certificate_problem_;
};

}  // namespace sluice
