#include "server/mqtt/transport/transport.h"

#include <utility>

#include "server/mqtt/transport/connection.h"
#include "server/mqtt/transport/tls_client.h"

namespace sluice {
namespace {

absl::StatusOr<Connection::Plan> MakePlan(const MqttOptions& options) {
  absl::StatusOr<Endpoint> endpoint = ParseEndpoint(options.uri);
  if (!endpoint.ok()) return endpoint.status();
  std::shared_ptr<TlsClient> tls;
  if (endpoint->tls) {
    absl::StatusOr<std::shared_ptr<TlsClient>> client =
        TlsClient::Make(options.tls, std::string(WithoutRootDot(endpoint->host)));
    if (!client.ok()) return client.status();
    tls = *std::move(client);
  }
  if (endpoint->websocket) return Connection::Plan{*endpoint, WebSocketStreams(*endpoint, std::move(tls))};
  return Connection::Plan{*endpoint, tls == nullptr ? PlainStreams() : TlsStreams(std::move(tls))};
}

// The caller's hold on a Connection.
class ConnectionHandle final : public Transport {
 public:
  ConnectionHandle(EventLoop& loop, const MqttOptions& options)
      : plan_(MakePlan(options)), connection_(std::make_shared<Connection>(loop, options.connect_timeout)) {}
  ~ConnectionHandle() override { connection_->Abandon(); }
  ConnectionHandle(const ConnectionHandle&) = delete;
  ConnectionHandle& operator=(const ConnectionHandle&) = delete;

  void Open(Done done) override { connection_->Open(std::move(plan_), std::move(done)); }
  void Read(std::span<char> buffer, ReadDone done) override { connection_->Read(buffer, std::move(done)); }
  void Write(std::string_view bytes, Done done) override { connection_->Write(bytes, std::move(done)); }
  size_t TryWrite(std::string_view bytes) override { return connection_->TryWrite(bytes); }
  void Close(Millis timeout, Done done) override { connection_->Close(timeout, std::move(done)); }

 private:
  absl::StatusOr<Connection::Plan> plan_;  // Until Open().
  const std::shared_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Transport> MakeTransport(EventLoop& loop, const MqttOptions& options) {
  return std::make_unique<ConnectionHandle>(loop, options);
}

}  // namespace sluice
