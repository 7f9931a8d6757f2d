// One connection's TLS over a non-blocking socket: what OpenSSL does, without waiting for anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/certificates/openssl_ptr.h"
#include "server/net/peer.h"
#include "server/net/tls_context.h"
#include "server/net/tls_refusal.h"
#include "server/net/tls_server.h"

namespace sluice {

// Used by one thread at a time. OpenSSL reads and writes memory that all sessions of a thread share, so that one that
// rests has no buffers, and what one call encrypts is one write of the socket.
class TlsSession {
 public:
  // `fd` stays the caller's.
  TlsSession(std::shared_ptr<TlsServer> server, int fd);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Progress : uint8_t { kDone, kWaits, kFailed };
  // Goes on as far as it can. kWaits: for more bytes of the peer, or for room, if unsent() is not 0.
  Progress Handshake();
  // Why it failed.
  TlsRefusal Refusal() const;
  // After the handshake.
  void Describe(Peer& peer) const;

  // What can be had without waiting: 0 means nothing. `buffer` is not empty. UNAVAILABLE: the end.
  absl::StatusOr<size_t> Read(std::span<char> buffer);
  // Read() has something without looking at the socket.
  bool Holds() const;

  // What can be written without waiting; little pieces share a record.
  absl::StatusOr<size_t> Write(std::span<const std::string_view> pieces);
  // Sends what Write() has taken and the socket had no room for. False: the connection is gone.
  bool Flush();
  size_t unsent() const { return unsent_.size() - sent_; }
  // close_notify, as far as it can be sent.
  void Goodbye();

 private:
  static int OnBioRead(BIO* bio, char* to, int size);
  static int OnBioWrite(BIO* bio, const char* from, int size);
  static long OnBioControl(BIO* bio, int what, long number, void* pointer);
  static const BIO_METHOD* Method();

  // Gets ciphertext of the socket. 0: none now; less: the end.
  ssize_t Receive(size_t most);
  absl::Status Decrypt(std::span<char> buffer, size_t& got);
  absl::Status Failed();
  bool Encrypt(std::string_view record);

  // Its options are what the context's callbacks look at.
  const std::shared_ptr<TlsServer> server_;
  const std::shared_ptr<SSL_CTX> context_;
  const int fd_;
  HandshakeNotes notes_;
  SslPtr ssl_;
  std::string_view input_;  // Ciphertext for OnBioRead(), within a call.
  std::string held_;        // Ciphertext that found no room in the caller's buffer.
  std::string unsent_;      // Ciphertext from sent_ on.
  size_t sent_ = 0;
  // Of the handshake's end.
  bool closed_ = false;
  unsigned long error_ = 0;
};

}  // namespace sluice
