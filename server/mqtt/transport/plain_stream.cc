// MQTT over TCP, with nothing between.
#include <boost/asio/post.hpp>
#include <utility>

#include "server/mqtt/transport/byte_stream.h"
#include "server/mqtt/transport/errors.h"

namespace sluice {
namespace {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  Socket& socket() override { return socket_; }
  bool in_place() const override { return true; }
  std::string_view waiting_for() const override { return {}; }

  void Handshake(std::function<void(absl::Status)> done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done(absl::OkStatus()); });
  }
  void ReadSome(asio::mutable_buffer buffer, IoDone done) override { socket_.async_read_some(buffer, std::move(done)); }
  void WriteSome(asio::const_buffer buffer, IoDone done) override { socket_.async_write_some(buffer, std::move(done)); }
  void Goodbye(std::function<void()> done) override { asio::post(socket_.get_executor(), std::move(done)); }
  absl::Status Explain(const error_code& error, bool /*heard*/) const override { return StreamError(error); }

 private:
  Socket socket_;
};

}  // namespace

StreamFactory PlainStreams() {
  return [](Socket socket) { return std::make_unique<PlainStream>(std::move(socket)); };
}

}  // namespace sluice
