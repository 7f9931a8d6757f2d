// MQTT over WebSocket (MQTT 5.0 §6), over TCP or TLS. What the frames hold is one stream of bytes.
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <utility>

#include "server/config/address.h"
#include "server/mqtt/transport/byte_stream.h"
#include "server/mqtt/transport/endpoint.h"
#include "server/mqtt/transport/errors.h"
#include "server/mqtt/transport/tls_client.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

constexpr char kSubprotocol[] = "mqtt";
// More than a Connection writes at a time, so that each is one write of the socket.
constexpr size_t kWriteBuffer = 32 * 1024;
constexpr auto kNotBinary = boost::system::errc::wrong_protocol_type;  // For this file's own error.

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// What a WebSocket runs on. Types of their own for teardown below.
struct LowerSocket : Socket {
  using Socket::Socket;
  explicit LowerSocket(Socket socket) : Socket(std::move(socket)) {}
};
struct LowerTlsSocket : TlsSocket {
  using TlsSocket::TlsSocket;
};

// Called by Beast where the protocol has come to its end, with an error or by close frames. Its own would wait there,
// without a limit, for the broker to close the socket; here the Connection does that.
template <typename Handler>
void async_teardown(beast::role_type /*role*/, LowerSocket& socket, Handler&& handler) {
  asio::post(socket.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}
template <typename Handler>
void async_teardown(beast::role_type /*role*/, LowerTlsSocket& socket, Handler&& handler) {
  asio::post(socket.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

void SayGoodbye(LowerSocket& /*socket*/, const std::function<void()>& done) { done(); }
void SayGoodbye(LowerTlsSocket& socket, const std::function<void()>& done) { TlsClient::Goodbye(socket, done); }

// Lower: one of these.
template <typename Lower>
class WebSocketStream final : public ByteStream {
 public:
  template <typename... LowerArguments>
  WebSocketStream(Endpoint endpoint, std::shared_ptr<TlsClient> tls, LowerArguments&&... lower)
      : endpoint_(std::move(endpoint)), tls_(std::move(tls)), stream_(std::forward<LowerArguments>(lower)...) {
    stream_.binary(true);
    stream_.auto_fragment(false);
    stream_.read_message_max(0);  // Read piece by piece; MQTT has its own limit.
    stream_.write_buffer_bytes(kWriteBuffer);
    stream_.set_option(websocket::stream_base::decorator(
        [](websocket::request_type& request) { request.set(http::field::sec_websocket_protocol, kSubprotocol); }));
  }

  Socket& socket() override { return beast::get_lowest_layer(stream_); }
  bool in_place() const override { return false; }
  std::string_view waiting_for() const override { return tls_done_ ? "WebSocket handshake" : "TLS handshake"; }

  void Handshake(std::function<void(absl::Status)> done) override {
    if constexpr (kTls) {
      tls_->Handshake(stream_.next_layer(), [this, done = std::move(done)](const absl::Status& status) {
        if (!status.ok()) return done(status);
        tls_done_ = true;
        Upgrade(done);
      });
    } else {
      Upgrade(std::move(done));
    }
  }

  void ReadSome(asio::mutable_buffer buffer, IoDone done) override {
    stream_.async_read_some(buffer, [this, done = std::move(done)](const error_code& error, size_t bytes) {
      // MQTT 5.0 §6: a text frame ends the connection.
      const bool text = !error && bytes > 0 && stream_.got_text();
      done(text ? make_error_code(kNotBinary) : error, bytes);
    });
  }
  void WriteSome(asio::const_buffer buffer, IoDone done) override { stream_.async_write(buffer, std::move(done)); }
  void Goodbye(std::function<void()> done) override {
    stream_.async_close(websocket::close_code::normal,
                        [this, done = std::move(done)](const error_code& /*the socket is closed anyway*/) {
                          SayGoodbye(stream_.next_layer(), done);
                        });
  }

  absl::Status Explain(const error_code& error, bool /*heard*/) const override {
    // Where the broker has closed the socket with its frame, the error may be that the answer could not be sent.
    if (error == websocket::error::closed || stream_.reason()) return ClosedByFrame();
    if (error == kNotBinary) {
      return absl::UnavailableError("the broker sent a WebSocket frame that is not binary");
    }
    if (error == websocket::condition::protocol_violation) {
      return absl::UnavailableError(text::Concat("the broker violates the WebSocket protocol: ", error.message()));
    }
    return ExplainLower(error, /*heard=*/true);  // HTTP's answer.
  }

 private:
  static constexpr bool kTls = std::is_same_v<Lower, LowerTlsSocket>;

  void Upgrade(std::function<void(absl::Status)> done) {
    stream_.async_handshake(response_, Authority(WithoutRootDot(endpoint_.host), endpoint_.port), endpoint_.path,
                            [this, done = std::move(done)](const error_code& error) {
                              done(error ? UpgradeError(error) : CheckResponse());
                            });
  }

  absl::Status CheckResponse() const {
    const std::string_view chosen = View(response_[http::field::sec_websocket_protocol]);
    if (chosen == kSubprotocol) return absl::OkStatus();
    return absl::UnavailableError(text::Concat("the broker's WebSocket at '", endpoint_.path,
                                               "' does not speak MQTT (subprotocol '", chosen, "'): check the path"));
  }

  absl::Status UpgradeError(const error_code& error) const {
    if (error == websocket::error::upgrade_declined) {
      return absl::UnavailableError(text::Concat("the broker answered ", response_.result_int(),
                                                 " to the WebSocket request for '", endpoint_.path,
                                                 "': check the path"));
    }
    if (error == websocket::condition::handshake_failed) {
      return absl::UnavailableError(text::Concat("the broker's answer to the WebSocket request for '", endpoint_.path,
                                                 "' is wrong: ", error.message()));
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
      return absl::UnavailableError("closed by the broker within the WebSocket handshake: is it a WebSocket port?");
    }
    if (error.category() == http::make_error_code(http::error::end_of_stream).category()) {
      return absl::UnavailableError("the broker's answer is not HTTP: is it a WebSocket port?");
    }
    return ExplainLower(error, /*heard=*/false);
  }

  absl::Status ClosedByFrame() const {
    const websocket::close_reason& reason = stream_.reason();
    if (reason.code == websocket::close_code::normal || reason.code == websocket::close_code::none) {
      return ClosedByBroker();
    }
    return absl::UnavailableError(text::Concat(text::Message(ClosedByBroker()), " (WebSocket close code ", reason.code,
                                               reason.reason.empty() ? "" : ": ",
                                               std::string_view(reason.reason.data(), reason.reason.size()), ")"));
  }

  absl::Status ExplainLower(const error_code& error, bool heard) const {
    return kTls ? tls_->Explain(error, heard) : StreamError(error);
  }

  const Endpoint endpoint_;
  const std::shared_ptr<TlsClient> tls_;  // Null without TLS.
  bool tls_done_ = !kTls;
  websocket::response_type response_;
  websocket::stream<Lower> stream_;
};

}  // namespace

StreamFactory WebSocketStreams(const Endpoint& endpoint, std::shared_ptr<TlsClient> tls) {
  return [endpoint, tls = std::move(tls)](Socket socket) -> std::unique_ptr<ByteStream> {
    if (tls == nullptr) return std::make_unique<WebSocketStream<LowerSocket>>(endpoint, nullptr, std::move(socket));
    return std::make_unique<WebSocketStream<LowerTlsSocket>>(endpoint, tls, std::move(socket), tls->context());
  };
}

}  // namespace sluice
