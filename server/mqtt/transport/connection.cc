#include "server/mqtt/transport/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/config/address.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// What one TLS record holds.
constexpr size_t kCopyBytes = 16 * 1024;

}  // namespace

Connection::Connection(EventLoop& loop, Millis connect_timeout)
    : loop_(loop), connect_timeout_(connect_timeout), timer_(loop) {}

// ------------------------------------------------------------------------------------------------ open

void Connection::Open(absl::StatusOr<Plan> plan, Transport::Done done) {
  open_done_ = std::move(done);
  if (!plan.ok()) {
    loop_.Post([self = shared_from_this(), status = plan.status()] { self->FinishOpen(status); });
    return;
  }
  streams_ = std::move(plan->streams);
  where_ = Authority(plan->endpoint.host, plan->endpoint.port);
  deadline_ = Clock::Real().Now() + connect_timeout_;
  connector_ = std::make_shared<Connector>(loop_, plan->endpoint);
  connector_->Start(
      deadline_, [self = shared_from_this()](absl::StatusOr<Socket> socket) { self->OnConnected(std::move(socket)); });
}

void Connection::OnConnected(absl::StatusOr<Socket> socket) {
  connector_.reset();
  if (!socket.ok()) return FinishOpen(socket.status());
  stream_ = streams_(*std::move(socket));
  in_place_ = stream_->in_place();
  if (!in_place_) {
    read_copy_.resize(kCopyBytes);
    write_copy_.resize(kCopyBytes);
  }
  timer_.Set(deadline_, [this] {
    FinishOpen(
        absl::DeadlineExceededError(text::Concat(where_, ": connected, but no answer to the ", stream_->waiting_for(),
                                                 " in time (connectTimeout): is it the right port?")));
  });
  stream_->Handshake([self = shared_from_this()](const absl::Status& status) { self->FinishOpen(status); });
}

void Connection::FinishOpen(const absl::Status& status) {
  if (!open_done_ || closing_) return;
  auto self = shared_from_this();  // `done` may let go of the Transport.
  timer_.Cancel();
  if (!status.ok()) {
    CloseSocket();
  } else if (in_place_) {
    direct_fd_ = stream_->socket().native_handle();
  }
  std::exchange(open_done_, nullptr)(status);
}

// ------------------------------------------------------------------------------------------------ read and write

void Connection::Read(std::span<char> buffer, Transport::ReadDone done) {
  read_buffer_ = buffer;
  read_done_ = std::move(done);
  ReadNext();
}

void Connection::ReadNext() {
  std::span<char> into = read_buffer_;
  if (!in_place_) into = std::span(read_copy_).first(std::min(read_copy_.size(), into.size()));
  stream_->ReadSome(asio::buffer(into.data(), into.size()), {shared_from_this(), &Connection::OnRead});
}

void Connection::OnRead(const error_code& error, size_t bytes) {
  if (!read_done_ || closing_) return;
  if (error) {
    broken_ = true;
    return std::exchange(read_done_, nullptr)(stream_->Explain(error, heard_), 0);
  }
  if (bytes == 0) return ReadNext();
  heard_ = true;
  if (!in_place_) std::memcpy(read_buffer_.data(), read_copy_.data(), bytes);
  std::exchange(read_done_, nullptr)(absl::OkStatus(), bytes);
}

void Connection::Write(std::string_view bytes, Transport::Done done) {
  unwritten_ = bytes;
  write_done_ = std::move(done);
  WriteNext();
}

void Connection::WriteNext() {
  std::string_view from = unwritten_;
  if (!in_place_) {
    from = from.substr(0, write_copy_.size());
    std::memcpy(write_copy_.data(), from.data(), from.size());
    from = {write_copy_.data(), from.size()};
  }
  writing_ = true;
  stream_->WriteSome(asio::buffer(from.data(), from.size()), {shared_from_this(), &Connection::OnWritten});
}

void Connection::OnWritten(const error_code& error, size_t bytes) {
  writing_ = false;
  if (closing_) {
    const bool broken = error && error != asio::error::operation_aborted;
    return broken ? FinishClose(absl::OkStatus()) : SayGoodbye();
  }
  if (!write_done_) return;
  // With an error `bytes` means nothing: Beast then counts its frame's header, too.
  if (error) {
    broken_ = true;
    return std::exchange(write_done_, nullptr)(stream_->Explain(error, heard_));
  }
  unwritten_.remove_prefix(bytes);
  if (!unwritten_.empty()) return WriteNext();
  std::exchange(write_done_, nullptr)(absl::OkStatus());
}

size_t Connection::TryWrite(std::string_view bytes) {
  if (direct_fd_ < 0) return 0;
  const ssize_t sent = ::send(direct_fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent > 0 ? static_cast<size_t>(sent) : 0;
}

// ------------------------------------------------------------------------------------------------ close

void Connection::Close(Millis timeout, Transport::Done done) {
  closing_ = true;
  close_done_ = std::move(done);
  loop_.Post([self = shared_from_this()] { self->CancelOutstanding(); });
  if (stream_ == nullptr || open_done_ || broken_) {
    CloseSocket();
    loop_.Post([self = shared_from_this()] { self->FinishClose(absl::OkStatus()); });
    return;
  }
  timer_.Set(Clock::Real().Now() + timeout,
             [this] { FinishClose(absl::DeadlineExceededError("the broker does not close the connection")); });
  error_code ignored;
  if (in_place_) stream_->socket().cancel(ignored);
  if (!writing_) SayGoodbye();
}

// Each takes the completion out of its member only then: an earlier one may destroy the Transport.
void Connection::CancelOutstanding() {
  const absl::Status cancelled = absl::CancelledError("closed by this side");
  if (open_done_) std::exchange(open_done_, nullptr)(cancelled);
  if (read_done_) std::exchange(read_done_, nullptr)(cancelled, 0);
  if (write_done_) std::exchange(write_done_, nullptr)(cancelled);
}

void Connection::SayGoodbye() {
  stream_->Goodbye([self = shared_from_this()] {
    error_code ignored;
    self->stream_->socket().cancel(ignored);  // A read that nobody wants any more.
    self->stream_->socket().shutdown(Socket::shutdown_send, ignored);
    self->Drain();
  });
}

// Until the broker closes, too: a socket closed with unread bytes is reset, and what was written last may be lost.
void Connection::Drain() {
  // Not async_read_some: after the end of the stream, which TLS or WebSocket may have seen, it waits for ever.
  stream_->socket().async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    if (!error && self->DrainNow()) return self->Drain();
    self->FinishClose(absl::OkStatus());
  });
}

// False at the end.
bool Connection::DrainNow() {
  std::array<char, 64 * 1024> unwanted;
  const ssize_t got = ::recv(stream_->socket().native_handle(), unwanted.data(), unwanted.size(), MSG_DONTWAIT);
  return got > 0 || (got < 0 && errno == EAGAIN);
}

void Connection::FinishClose(const absl::Status& status) {
  if (!close_done_) return;
  auto self = shared_from_this();  // A completion may let go of the Transport.
  timer_.Cancel();
  CloseSocket();
  CancelOutstanding();
  if (close_done_) std::exchange(close_done_, nullptr)(status);
}

void Connection::Abandon() {
  for (Transport::Done* done : {&open_done_, &write_done_, &close_done_}) *done = nullptr;
  read_done_ = nullptr;
  timer_.Cancel();
  CloseSocket();
}

void Connection::CloseSocket() {
  direct_fd_ = -1;
  if (connector_ != nullptr) connector_->Cancel();
  error_code ignored;
  if (stream_ != nullptr) stream_->socket().close(ignored);
}

}  // namespace sluice
