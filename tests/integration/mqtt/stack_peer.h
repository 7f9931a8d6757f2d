// The broker's end of a transport, whose every byte and frame the test itself sends and receives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/certificates.h"
#include "tests/support/raw_server.h"

namespace sluice {

// Calls block like RawPeer's.
class StackPeer {
 public:
  virtual ~StackPeer() = default;
  virtual void Send(std::string_view bytes) = 0;
  // Exactly `size` bytes, or fewer when the client says good-bye or ends the connection before.
  virtual std::string Receive(size_t size) = 0;
  // What comes next is the client's good-bye: TLS' close_notify, WebSocket's close, or the end of a plain connection.
  virtual bool ReceivesGoodbye() = 0;
  // Says good-bye, and closes.
  virtual void Close() = 0;
  // The connection below all protocols.
  virtual RawPeer& raw() = 0;
};

struct TlsServerOptions {
  CertificateFiles certificate;
  std::string client_ca_file = {};  // Set: clients must show a certificate of it.
  std::string protocol = {};        // Set: clients must offer this one with ALPN.
  int max_version = 0;              // OpenSSL's number, e.g. TLS1_2_VERSION; 0: the newest. Old ones are allowed.
  std::string ciphers = "DEFAULT";  // Of TLS 1.2, weak ones too.
};

// TLS as a server.
class TlsPeer final : public StackPeer {
 public:
  // Makes the handshake: the client must be at it on another thread.
  TlsPeer(RawPeer raw, const TlsServerOptions& options);
  ~TlsPeer() override;
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;

  bool connected() const;           // The handshake succeeded.
  std::string server_name() const;  // That the client asked for; empty: none.
  std::string offered() const;      // With ALPN, as TLS has it: each behind its length. Where a protocol is set.

  void Send(std::string_view bytes) override;
  std::string Receive(size_t size) override;
  bool ReceivesGoodbye() override;
  void Close() override;
  RawPeer& raw() override { return raw_; }

 private:
  struct State;
  RawPeer raw_;
  std::unique_ptr<State> state_;
};

// WebSocket as a server.
class WebSocketPeer final : public StackPeer {
 public:
  enum Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };
  struct Frame {
    Opcode opcode = kBinary;
    bool last = true;
    std::string payload;
  };

  explicit WebSocketPeer(std::unique_ptr<StackPeer> lower) : lower_(std::move(lower)) {}

  // The client's request, headers and all.
  std::string ReceiveRequest();
  // The answer that agrees to `request`; `subprotocol` empty: without one.
  void Agree(const std::string& request, std::string_view subprotocol = "mqtt");
  void SendFrame(const Frame& frame);
  std::optional<Frame> ReceiveFrame();

  // In one binary frame.
  void Send(std::string_view bytes) override { SendFrame({.payload = std::string(bytes)}); }
  std::string Receive(size_t size) override;
  bool ReceivesGoodbye() override;
  void Close() override;
  RawPeer& raw() override { return lower_->raw(); }
  StackPeer& lower() { return *lower_; }

 private:
  const std::unique_ptr<StackPeer> lower_;
  std::string received_;  // More than was asked for.
};

// The peer for a scheme, tcp, ssl, ws or wss, after its handshakes: the client must be at them on another thread.
std::unique_ptr<StackPeer> ServeStack(const std::string& scheme, RawPeer raw, const CertificateFiles& certificate);
// Without protocols above TCP.
std::unique_ptr<StackPeer> ServePlain(RawPeer raw);

}  // namespace sluice
