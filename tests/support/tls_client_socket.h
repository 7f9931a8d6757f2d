// TLS over a SocketClient, by OpenSSL's own ways.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/pem.h"
#include "tests/support/socket_client.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sluice {

struct TlsClientWishes {
  std::string trust;             // PEM of the authority; empty: everything is trusted.
  PemPair own;                   // The certificate that is shown; empty: none.
  std::string protocols = "h2";  // ALPN, with commas between; empty: none.
  int min_version = 0;           // TLS1_2_VERSION …; 0: OpenSSL's own.
  int max_version = 0;
  std::string ciphers;  // Of TLS 1.2, "…:@SECLEVEL=0" for what is weak.
};

class TlsClientSocket {
 public:
  // Over `socket`, which is connected and outlives it.
  TlsClientSocket(SocketClient& socket, const TlsClientWishes& wishes);
  ~TlsClientSocket();
  TlsClientSocket(const TlsClientSocket&) = delete;
  TlsClientSocket& operator=(const TlsClientSocket&) = delete;

  // True: agreed, on the server's side too. `error` is OpenSSL's otherwise.
  bool Handshake();
  const std::string& error() const { return error_; }
  std::string protocol() const;     // ALPN's.
  std::string version() const;      // "TLSv1.3"
  std::string server_name() const;  // CN of the server's certificate.

  void Send(std::string_view bytes);
  // Asks the server for new keys, with new ones of its own (TLS 1.3). False: the connection is gone.
  bool ChangeKeys();
  std::string Read(size_t bytes);
  std::string ReadAll();
  // Whether the server has said that it closes (close_notify), after ReadAll().
  bool ended_properly() const { return ended_properly_; }

 private:
  void KeepError();

  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  std::string error_;
  bool ended_properly_ = false;
};

}  // namespace sluice
