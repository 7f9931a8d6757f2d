#include "tests/integration/mqtt/stack_peer.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <utility>

namespace sluice {
namespace {

class PlainPeer final : public StackPeer {
 public:
  explicit PlainPeer(RawPeer raw) : raw_(std::move(raw)) {}
  void Send(std::string_view bytes) override { raw_.Send(bytes); }
  std::string Receive(size_t size) override { return raw_.Receive(size); }
  bool ReceivesGoodbye() override { return raw_.AtEnd(); }
  void Close() override { raw_.Close(); }
  RawPeer& raw() override { return raw_; }

 private:
  RawPeer raw_;
};

// Sec-WebSocket-Accept for the request's Sec-WebSocket-Key (RFC 6455 §4.2.2).
std::string AcceptKey(const std::string& request) {
  constexpr std::string_view kHeader = "Sec-WebSocket-Key: ";
  const size_t begin = request.find(kHeader) + kHeader.size();
  const std::string text =
      request.substr(begin, request.find('\r', begin) - begin) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash;
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), hash.data(), &size, EVP_sha1(), nullptr);
  std::string encoded(4 * ((size + 2) / 3) + 1, '\0');
  encoded.resize(static_cast<size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), hash.data(), static_cast<int>(size))));
  return encoded;
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

}  // namespace

std::unique_ptr<StackPeer> ServePlain(RawPeer raw) { return std::make_unique<PlainPeer>(std::move(raw)); }

std::unique_ptr<StackPeer> ServeStack(const std::string& scheme, RawPeer raw, const CertificateFiles& certificate) {
  const bool tls = scheme == "ssl" || scheme == "wss";
  std::unique_ptr<StackPeer> peer;
  if (tls) {
    peer = std::make_unique<TlsPeer>(std::move(raw), TlsServerOptions{.certificate = certificate});
  } else {
    peer = ServePlain(std::move(raw));
  }
  if (!scheme.starts_with("ws")) return peer;
  auto websocket = std::make_unique<WebSocketPeer>(std::move(peer));
  websocket->Agree(websocket->ReceiveRequest());
  return websocket;
}

// ------------------------------------------------------------------------------------------------ TLS

struct TlsPeer::State {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
  bool connected = false;
  std::string protocol;  // Of the options.
  std::string offered;
};

TlsPeer::TlsPeer(RawPeer raw, const TlsServerOptions& options)
    : raw_(std::move(raw)), state_(std::make_unique<State>()) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL.
  SSL_CTX* context = state_->context.get();
  SSL_CTX_set_cipher_list(context, (options.ciphers + ":@SECLEVEL=0").c_str());
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, options.max_version);
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate.cert_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, options.certificate.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("unusable server certificate");
  }
  if (!options.client_ca_file.empty()) {
    SSL_CTX_load_verify_locations(context, options.client_ca_file.c_str(), nullptr);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  state_->protocol = options.protocol;
  if (!options.protocol.empty()) {
    SSL_CTX_set_alpn_select_cb(
        context,
        [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size, void* arg) {
          auto& state = *static_cast<State*>(arg);
          state.offered.assign(reinterpret_cast<const char*>(in), in_size);
          const size_t at = state.offered.find(static_cast<char>(state.protocol.size()) + state.protocol);
          if (at == std::string::npos) return SSL_TLSEXT_ERR_ALERT_FATAL;
          *out = in + at + 1;
          *size = static_cast<unsigned char>(state.protocol.size());
          return SSL_TLSEXT_ERR_OK;
        },
        state_.get());
  }
  state_->ssl.reset(SSL_new(context));
  SSL_set_fd(state_->ssl.get(), raw_.fd());
  state_->connected = SSL_accept(state_->ssl.get()) == 1;
}

TlsPeer::~TlsPeer() = default;

bool TlsPeer::connected() const { return state_->connected; }

std::string TlsPeer::server_name() const {
  const char* name = SSL_get_servername(state_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string TlsPeer::offered() const { return state_->offered; }

void TlsPeer::Send(std::string_view bytes) {
  if (SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size())) != static_cast<int>(bytes.size())) {
    throw std::runtime_error("TLS write failed");
  }
}

std::string TlsPeer::Receive(size_t size) {
  std::string received(size, '\0');
  size_t done = 0;
  while (done < size) {
    const int got = SSL_read(state_->ssl.get(), received.data() + done, static_cast<int>(size - done));
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  received.resize(done);
  return received;
}

bool TlsPeer::ReceivesGoodbye() {
  char byte;
  const int got = SSL_read(state_->ssl.get(), &byte, 1);
  return got == 0 && SSL_get_error(state_->ssl.get(), got) == SSL_ERROR_ZERO_RETURN;
}

void TlsPeer::Close() {
  SSL_shutdown(state_->ssl.get());
  raw_.Close();
}

// ------------------------------------------------------------------------------------------------ WebSocket

std::string WebSocketPeer::ReceiveRequest() {
  std::string request;
  while (!request.ends_with("\r\n\r\n")) {
    const std::string next = lower_->Receive(1);
    if (next.empty()) throw std::runtime_error("no whole WebSocket request: " + request);
    request += next;
  }
  return request;
}

void WebSocketPeer::Agree(const std::string& request, std::string_view subprotocol) {
  std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      AcceptKey(request) + "\r\n";
  if (!subprotocol.empty()) answer += "Sec-WebSocket-Protocol: " + std::string(subprotocol) + "\r\n";
  lower_->Send(answer + "\r\n");
}

void WebSocketPeer::SendFrame(const Frame& frame) {
  std::string bytes(1, static_cast<char>(frame.opcode | (frame.last ? 0x80 : 0)));
  const size_t size = frame.payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  bytes += static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
  for (int i = length_bytes - 1; i >= 0; --i) bytes += static_cast<char>(size >> (8 * i));
  lower_->Send(bytes + frame.payload);
}

std::optional<WebSocketPeer::Frame> WebSocketPeer::ReceiveFrame() {
  const std::string start = lower_->Receive(2);
  if (start.size() < 2) return std::nullopt;
  const auto first = static_cast<uint8_t>(start[0]);
  uint64_t size = static_cast<uint8_t>(start[1]) & 0x7Fu;
  if (size >= 126) size = BigEndian(lower_->Receive(size == 126 ? 2 : 8));
  const std::string mask = lower_->Receive(4);  // A client's frames have one.
  Frame frame{
      .opcode = static_cast<Opcode>(first & 0xF), .last = (first & 0x80) != 0, .payload = lower_->Receive(size)};
  for (size_t i = 0; i < frame.payload.size(); ++i)
    frame.payload[i] = static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  return frame;
}

std::string WebSocketPeer::Receive(size_t size) {
  while (received_.size() < size) {
    std::optional<Frame> frame = ReceiveFrame();
    if (!frame || frame->opcode == kClose) break;
    received_ += frame->payload;
  }
  std::string result = received_.substr(0, size);
  received_.erase(0, size);
  return result;
}

bool WebSocketPeer::ReceivesGoodbye() {
  const std::optional<Frame> frame = ReceiveFrame();
  return frame && frame->opcode == kClose;
}

void WebSocketPeer::Close() {
  SendFrame({.opcode = kClose, .payload = std::string("\x03\xE8", 2)});  // 1000: normal.
  lower_->Close();
}

}  // namespace sluice
