#include "tests/support/tls_client_socket.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <csignal>

namespace sluice {
namespace {

std::string Wire(const std::string& protocols) {
  std::string wire;
  for (size_t begin = 0; begin < protocols.size();) {
    const size_t end = std::min(protocols.find(',', begin), protocols.size());
    wire += static_cast<char>(end - begin);
    wire += protocols.substr(begin, end - begin);
    begin = end + 1;
  }
  return wire;
}

template <typename Use>
void WithPem(const std::string& pem, Use use) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  use(bio);
  BIO_free(bio);
}

}  // namespace

TlsClientSocket::TlsClientSocket(SocketClient& socket, const TlsClientWishes& wishes)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), ssl_(nullptr, SSL_free) {
  // OpenSSL writes to sockets without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX* context = context_.get();
  if (!wishes.trust.empty()) {
    WithPem(wishes.trust, [&](BIO* bio) {
      X509* authority = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority);
      X509_free(authority);
    });
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (wishes.ciphers.find("SECLEVEL=0") != std::string::npos) SSL_CTX_set_security_level(context, 0);
  if (!wishes.own.cert.empty()) {
    WithPem(wishes.own.cert, [&](BIO* bio) {
      X509* cert = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
      SSL_CTX_use_certificate(context, cert);
      X509_free(cert);
    });
    WithPem(wishes.own.key, [&](BIO* bio) {
      EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
      SSL_CTX_use_PrivateKey(context, key);
      EVP_PKEY_free(key);
    });
  }
  if (wishes.min_version != 0) SSL_CTX_set_min_proto_version(context, wishes.min_version);
  if (wishes.max_version != 0) SSL_CTX_set_max_proto_version(context, wishes.max_version);
  if (!wishes.ciphers.empty()) SSL_CTX_set_cipher_list(context, wishes.ciphers.c_str());
  ssl_.reset(SSL_new(context));
  const std::string wire = Wire(wishes.protocols);
  if (!wire.empty()) {
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  SSL_set_fd(ssl_.get(), socket.fd());
}

TlsClientSocket::~TlsClientSocket() { ERR_clear_error(); }

bool TlsClientSocket::Handshake() {
  ERR_clear_error();
  if (SSL_connect(ssl_.get()) == 1) return true;
  KeepError();
  return false;
}

void TlsClientSocket::KeepError() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  error_ = reason == nullptr ? "closed" : reason;
}

std::string TlsClientSocket::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string TlsClientSocket::version() const { return SSL_get_version(ssl_.get()); }

std::string TlsClientSocket::server_name() const {
  X509* cert = SSL_get1_peer_certificate(ssl_.get());
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
  X509_free(cert);
  return name;
}

void TlsClientSocket::Send(std::string_view bytes) {
  ERR_clear_error();
  if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0) KeepError();
}

bool TlsClientSocket::ChangeKeys() {
  ERR_clear_error();
  return SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(ssl_.get()) == 1;
}

std::string TlsClientSocket::Read(size_t bytes) {
  std::string got(bytes, '\0');
  size_t size = 0;
  while (size < bytes) {
    size_t more = 0;
    ERR_clear_error();
    const int done = SSL_read_ex(ssl_.get(), got.data() + size, bytes - size, &more);
    if (done != 1) {
      ended_properly_ = SSL_get_error(ssl_.get(), done) == SSL_ERROR_ZERO_RETURN;
      if (!ended_properly_) KeepError();
      break;
    }
    size += more;
  }
  got.resize(size);
  return got;
}

std::string TlsClientSocket::ReadAll() {
  std::string all;
  for (std::string some; !(some = Read(65'536)).empty();) all += some;
  return all;
}

}  // namespace sluice
