// MQTT over TLS.
#include <utility>

#include "server/mqtt/transport/byte_stream.h"
#include "server/mqtt/transport/tls_client.h"

namespace sluice {
namespace {

class TlsStream final : public ByteStream {
 public:
  TlsStream(Socket socket, std::shared_ptr<TlsClient> tls)
      : tls_(std::move(tls)), stream_(std::move(socket), tls_->context()) {}

  Socket& socket() override { return stream_.next_layer(); }
  bool in_place() const override { return false; }
  std::string_view waiting_for() const override { return "TLS handshake"; }

  void Handshake(std::function<void(absl::Status)> done) override { tls_->Handshake(stream_, std::move(done)); }
  void ReadSome(asio::mutable_buffer buffer, IoDone done) override { stream_.async_read_some(buffer, std::move(done)); }
  void WriteSome(asio::const_buffer buffer, IoDone done) override { stream_.async_write_some(buffer, std::move(done)); }
  void Goodbye(std::function<void()> done) override { TlsClient::Goodbye(stream_, std::move(done)); }
  absl::Status Explain(const error_code& error, bool heard) const override { return tls_->Explain(error, heard); }

 private:
  const std::shared_ptr<TlsClient> tls_;
  TlsSocket stream_;
};

}  // namespace

StreamFactory TlsStreams(std::shared_ptr<TlsClient> tls) {
  return [tls = std::move(tls)](Socket socket) { return std::make_unique<TlsStream>(std::move(socket), tls); };
}

}  // namespace sluice
