#include "server/mqtt/transport/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/certificates/crl.h"
#include "server/certificates/pem.h"
#include "server/certificates/tls_setup.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

absl::Status FileError(std::string_view setting, std::string_view path, std::string_view problem) {
  return absl::InvalidArgumentError(text::Concat(setting, " '", path, "': ", problem));
}

absl::StatusOr<std::string> ReadFile(std::string_view setting, const std::string& path) {
  absl::StatusOr<std::string> pem = ReadPemFile(path);
  if (pem.ok()) return pem;
  return FileError(setting, path, text::Message(pem.status()));
}

constexpr CertificateWords kWords = {
    .authorities = "caFile", .crl = "tls.crl", .purpose = "servers (extendedKeyUsage has no serverAuth)"};

// Where a context says whose it is. Its application data is Asio's.
int OwnIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool IsAddress(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsClient>> TlsClient::Make(const MqttTls& tls, const std::string& host) {
  std::shared_ptr<TlsClient> client(new TlsClient(tls, host));
  absl::Status loaded = client->Load();
  ERR_clear_error();
  if (!loaded.ok()) return loaded;
  return client;
}

TlsClient::TlsClient(MqttTls tls, std::string host)
    : tls_(std::move(tls)),
      host_(std::move(host)),
      host_is_address_(IsAddress(host_)),
      context_(asio::ssl::context::tls_client) {}

absl::Status TlsClient::Load() {
  SSL_CTX* context = context_.native_handle();
  const absl::Status protocol = SetProtocol(context, tls_.min_version, tls_.ciphers);
  if (!protocol.ok()) return absl::InvalidArgumentError(text::Concat("tls.", text::Message(protocol)));
  SSL_CTX_set_ex_data(context, OwnIndex(), this);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, &TlsClient::OnCertificate);
  if (absl::Status status = LoadAuthorities(); !status.ok()) return status;
  if (absl::Status status = LoadCrls(); !status.ok()) return status;
  if (absl::Status status = LoadOwnCertificate(); !status.ok()) return status;
  OfferProtocols();
  return CheckHost();
}

int TlsClient::OnCertificate(int good, X509_STORE_CTX* context) {
  if (good == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<TlsClient*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), OwnIndex()));
  if (self->certificate_problem_.empty()) {
    self->certificate_problem_ = CertificateProblem(context, X509_STORE_CTX_get_error(context), kWords);
  }
  return 0;
}

// RFC 7301 §3.1: each behind its length.
void TlsClient::OfferProtocols() {
  std::string list;
  for (const std::string& protocol : tls_.alpn) {
    list += static_cast<char>(protocol.size());
    list += protocol;
  }
  if (list.empty()) return;
  SSL_CTX_set_alpn_protos(context_.native_handle(), reinterpret_cast<const unsigned char*>(list.data()),
                          static_cast<unsigned>(list.size()));
}

absl::Status TlsClient::LoadAuthorities() {
  SSL_CTX* context = context_.native_handle();
  if (tls_.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> authorities = ReadFile("caFile", tls_.ca_file);
  if (!authorities.ok()) return authorities.status();
  if (const auto usable = CheckCertificates(*authorities); !usable.ok()) {
    return FileError("caFile", tls_.ca_file, text::Message(usable.status()));
  }
  AddAuthorities(SSL_CTX_get_cert_store(context), *authorities);
  return absl::OkStatus();
}

absl::Status TlsClient::LoadCrls() {
  if (tls_.crl.empty()) return absl::OkStatus();
  const absl::StatusOr<std::vector<std::string>> paths = CrlFilesOf(tls_.crl);
  if (!paths.ok()) return FileError("tls.crl", tls_.crl, text::Message(paths.status()));
  std::vector<std::string> texts;
  for (const std::string& path : *paths) {
    absl::StatusOr<std::string> list = ReadFile("tls.crl", path);
    if (!list.ok()) return list.status();
    if (const absl::Status usable = CheckCrls(*list); !usable.ok()) {
      return FileError("tls.crl", path, text::Message(usable));
    }
    texts.push_back(*std::move(list));
  }
  AddCrls(SSL_CTX_get_cert_store(context_.native_handle()), texts);
  return absl::OkStatus();
}

absl::Status TlsClient::LoadOwnCertificate() {
  if (tls_.cert_file.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> cert = ReadFile("certFile", tls_.cert_file);
  if (!cert.ok()) return cert.status();
  const absl::StatusOr<std::string> key = ReadFile("certKeyFile", tls_.key_file);
  if (!key.ok()) return key.status();
  if (const auto usable = CheckCertificates(*cert); !usable.ok()) {
    return FileError("certFile", tls_.cert_file, text::Message(usable.status()));
  }
  std::string password;
  if (!tls_.key_password_file.empty()) {
    absl::StatusOr<std::string> read = ReadKeyPassword(tls_.key_password_file);
    if (!read.ok()) return FileError("tls.keyPasswordFile", tls_.key_password_file, text::Message(read.status()));
    password = *std::move(read);
  }
  if (const absl::Status usable = CheckPrivateKey(*key, password); !usable.ok()) {
    return FileError("certKeyFile", tls_.key_file, text::Message(usable));
  }
  if (const absl::Status usable = CheckPair(*cert, *key, password); !usable.ok()) {
    return FileError("certKeyFile", tls_.key_file,
                     text::Concat(text::Message(usable), " (certFile: '", tls_.cert_file, "')"));
  }
  if (UsePair(context_.native_handle(), *cert, *key, password)) return absl::OkStatus();
  return FileError("certKeyFile", tls_.key_file,
                   text::Concat("or its certificate in certFile '", tls_.cert_file, "' is refused by OpenSSL"));
}

absl::Status TlsClient::CheckHost() {
  if (!tls_.verify_hostname) return absl::OkStatus();
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context_.native_handle());
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = host_is_address_ ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host_.c_str())
                                   : X509_VERIFY_PARAM_set1_host(wanted, host_.data(), host_.size());
  if (set == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(text::Concat("no certificate can be for the host '", host_, "'"));
}

void TlsClient::Handshake(TlsSocket& socket, std::function<void(absl::Status)> done) {
  if (!host_is_address_) SSL_set_tlsext_host_name(socket.native_handle(), host_.c_str());
  socket.async_handshake(TlsSocket::client,
                         [self = shared_from_this(), &socket, done = std::move(done)](const error_code& error) {
                           if (!error) return done(absl::OkStatus());
                           done(self->HandshakeError(error, SSL_get_verify_result(socket.native_handle())));
                         });
}

void TlsClient::Goodbye(TlsSocket& socket, std::function<void()> done) {
  // As if the broker's had come: not every broker sends one, and the end of the connection is waited for below TLS.
  SSL_set_shutdown(socket.native_handle(), SSL_RECEIVED_SHUTDOWN);
  socket.async_shutdown([done = std::move(done)](const error_code& /*the socket is closed anyway*/) { done(); });
}

}  // namespace sluice
