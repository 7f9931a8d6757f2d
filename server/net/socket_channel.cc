#include "server/net/socket_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "server/net/loop.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using StreamSocket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;

absl::Status PeerError(const error_code& error) {
  if (error == asio::error::eof || error == asio::error::broken_pipe) {
    return absl::UnavailableError("closed by the peer");
  }
  if (error == asio::error::connection_reset) return absl::UnavailableError("connection reset by the peer");
  if (error == asio::error::timed_out) return absl::UnavailableError("the peer's host does not answer any more");
  return absl::UnavailableError(error.message());
}

error_code LastError() { return {errno, boost::system::system_category()}; }

// Kept alive by its outstanding operations until those have noticed that the Channel is gone.
class SocketConnection : public std::enable_shared_from_this<SocketConnection> {
 public:
  SocketConnection(EventLoop& loop, AcceptedSocket accepted)
      : loop_(loop), rest_(std::move(accepted)), socket_(loop.impl().io.get_executor()) {}

  bool Assign() {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(rest_.fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    error_code error;
    // The loop's epoll takes it; the kernel may have no memory for that.
    socket_.assign(asio::generic::stream_protocol(address.ss_family, 0), rest_.fd.get(), error);
    if (error) return false;
    static_cast<void>(rest_.fd.Release());
    fd_ = socket_.native_handle();
    return true;
  }

  EventLoop& loop() { return loop_; }
  const Peer& peer() const { return rest_.peer; }

  void Read(std::span<char> buffer, Channel::ReadDone done) {
    buffer_ = buffer;
    read_done_ = std::move(done);
    ReadNext();
  }

  absl::StatusOr<size_t> TryWrite(std::span<const std::string_view> pieces) {
    if (broken_) return absl::UnavailableError("closed by the peer");
    absl::StatusOr<size_t> taken = rest_.tls == nullptr ? Send(pieces) : rest_.tls->Write(pieces);
    if (!taken.ok()) {
      broken_ = true;
      return taken;
    }
    if (Unsent() > 0) WaitForRoom();
    return taken;
  }

  void WaitWritable(std::function<void()> ready) {
    ready_ = std::move(ready);
    WaitForRoom();
  }

  void Close(Millis timeout, std::function<void()> done) {
    closing_ = true;
    close_done_ = std::move(done);
    read_done_ = nullptr;
    ready_ = nullptr;
    if (broken_) {
      CloseSocket();
      asio::post(socket_.get_executor(), [self = shared_from_this()] { self->FinishClose(); });
      return;
    }
    timer_.emplace(loop_);
    timer_->Set(Clock::Real().Now() + timeout, [this] { FinishClose(); });
    if (rest_.tls != nullptr) rest_.tls->Goodbye();
    error_code ignored;
    socket_.cancel(ignored);  // A read that nobody wants any more.
    waiting_for_room_ = false;
    ++generation_;
    SayGoodbye();
  }

  // No completion runs any more, and no buffer is touched.
  void Abandon() {
    read_done_ = nullptr;
    ready_ = nullptr;
    close_done_ = nullptr;
    timer_.reset();
    CloseSocket();
  }

 private:
  size_t Unsent() const { return rest_.tls == nullptr ? 0 : rest_.tls->unsent(); }

  // ---------------------------------------------------------------------------------------------- read

  void ReadNext() {
    if (rest_.tls == nullptr) {
      // Asio keeps the memory of such an operation for the next one.
      socket_.async_read_some(asio::buffer(buffer_.data(), buffer_.size()),
                              [self = shared_from_this()](const error_code& error, size_t bytes) {
                                if (self->read_done_)
                                  self->FinishRead(error ? PeerError(error) : absl::OkStatus(), bytes);
                              });
      return;
    }
    if (rest_.tls->Holds()) {
      asio::post(socket_.get_executor(), [self = shared_from_this()] { self->ReadTls(); });
      return;
    }
    socket_.async_wait(StreamSocket::wait_read, [self = shared_from_this()](const error_code& error) {
      if (!self->read_done_) return;
      if (error) return self->FinishRead(PeerError(error), 0);
      self->ReadTls();
    });
  }

  void ReadTls() {
    if (!read_done_) return;
    const absl::StatusOr<size_t> got = rest_.tls->Read(buffer_);
    if (!got.ok()) return FinishRead(got.status(), 0);
    if (Unsent() > 0) WaitForRoom();
    if (*got == 0) return ReadNext();
    FinishRead(absl::OkStatus(), *got);
  }

  void FinishRead(const absl::Status& status, size_t bytes) {
    if (!status.ok()) broken_ = true;
    std::exchange(read_done_, nullptr)(status, status.ok() ? bytes : 0);
  }

  // ---------------------------------------------------------------------------------------------- write

  absl::StatusOr<size_t> Send(std::span<const std::string_view> pieces) const {
    constexpr size_t kMostPieces = 64;
    size_t taken = 0;
    while (!pieces.empty()) {
      std::array<iovec, kMostPieces> list;
      size_t count = 0;
      size_t wanted = 0;
      while (!pieces.empty() && count < list.size()) {
        const std::string_view piece = pieces.front();
        pieces = pieces.subspan(1);
        if (piece.empty()) continue;
        list[count++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};  // NOLINT: C's type.
        wanted += piece.size();
      }
      if (count == 0) break;
      msghdr message{};
      message.msg_iov = list.data();
      message.msg_iovlen = count;
      const ssize_t sent = sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) break;
        return PeerError(LastError());
      }
      taken += static_cast<size_t>(sent);
      if (static_cast<size_t>(sent) < wanted) break;
    }
    return taken;
  }

  void WaitForRoom() {
    if (waiting_for_room_) return;
    waiting_for_room_ = true;
    socket_.async_wait(StreamSocket::wait_write,
                       [self = shared_from_this(), generation = generation_](const error_code& error) {
                         if (generation == self->generation_) self->OnRoom(error);
                       });
  }

  void OnRoom(const error_code& error) {
    waiting_for_room_ = false;
    if (error || (Unsent() > 0 && !rest_.tls->Flush())) broken_ = true;
    if (!broken_ && Unsent() > 0) return WaitForRoom();
    if (closing_) return broken_ ? FinishClose() : SayGoodbye();
    if (ready_) std::exchange(ready_, nullptr)();
  }

  // ---------------------------------------------------------------------------------------------- close

  void SayGoodbye() {
    if (Unsent() > 0) return WaitForRoom();
    error_code ignored;
    socket_.shutdown(StreamSocket::shutdown_send, ignored);
    Drain();
  }

  void Drain() {
    socket_.async_wait(StreamSocket::wait_read, [self = shared_from_this()](const error_code& error) {
      if (!self->close_done_) return;
      if (!error && self->DrainNow()) return self->Drain();
      self->FinishClose();
    });
  }

  // False at the end.
  bool DrainNow() const {
    std::array<char, 16 * 1024> unwanted;
    const ssize_t got = recv(fd_, unwanted.data(), unwanted.size(), MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
  }

  void FinishClose() {
    if (!close_done_) return;
    auto self = shared_from_this();  // `done` may let go of the Channel.
    timer_.reset();
    CloseSocket();
    std::exchange(close_done_, nullptr)();
  }

  void CloseSocket() {
    broken_ = true;
    fd_ = -1;
    error_code ignored;
    socket_.close(ignored);
    rest_.tls.reset();
    rest_.slot = ConnectionSlot();
  }

  EventLoop& loop_;
  AcceptedSocket rest_;
  StreamSocket socket_;
  int fd_ = -1;
  bool broken_ = false;  // Nothing more can be read or written.

  std::span<char> buffer_;
  Channel::ReadDone read_done_;
  bool waiting_for_room_ = false;
  uint64_t generation_ = 0;  // Tells a wait for room from those that Close() has cancelled.
  std::function<void()> ready_;

  bool closing_ = false;
  std::optional<Timer> timer_;
  std::function<void()> close_done_;
};

// The caller's hold on a SocketConnection.
class SocketChannel final : public Channel {
 public:
  explicit SocketChannel(std::shared_ptr<SocketConnection> connection) : connection_(std::move(connection)) {}
  ~SocketChannel() override { connection_->Abandon(); }
  SocketChannel(const SocketChannel&) = delete;
  SocketChannel& operator=(const SocketChannel&) = delete;

  const Peer& peer() const override { return connection_->peer(); }
  EventLoop& loop() override { return connection_->loop(); }
  void Read(std::span<char> buffer, ReadDone done) override { connection_->Read(buffer, std::move(done)); }
  absl::StatusOr<size_t> TryWrite(std::span<const std::string_view> pieces) override {
    return connection_->TryWrite(pieces);
  }
  void WaitWritable(std::function<void()> ready) override { connection_->WaitWritable(std::move(ready)); }
  void Close(Millis timeout, std::function<void()> done) override { connection_->Close(timeout, std::move(done)); }

 private:
  const std::shared_ptr<SocketConnection> connection_;
};

}  // namespace

std::unique_ptr<Channel> MakeSocketChannel(EventLoop& loop, AcceptedSocket accepted) {
  auto connection = std::make_shared<SocketConnection>(loop, std::move(accepted));
  if (!connection->Assign()) return nullptr;
  return std::make_unique<SocketChannel>(std::move(connection));
}

}  // namespace sluice
