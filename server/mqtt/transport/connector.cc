#include "server/mqtt/transport/connector.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "server/config/address.h"
#include "server/mqtt/transport/errors.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

using asio::ip::tcp;

// Asio's own socket() does not ask for close-on-exec.
error_code OpenSocket(Socket& socket, const tcp& protocol) {
  error_code error;
  const int fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return {errno, boost::system::system_category()};
  socket.assign(protocol, fd, error);
  if (error) ::close(fd);
  return error;
}

}  // namespace

Connector::Connector(EventLoop& loop, const Endpoint& endpoint)
    : host_(endpoint.host),
      port_(endpoint.port),
      loop_(loop),
      resolver_(loop.impl().io.get_executor()),
      socket_(loop.impl().io.get_executor()),
      timer_(loop) {}

void Connector::Start(SteadyTime deadline, Done done) {
  deadline_ = deadline;
  done_ = std::move(done);
  error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host_, not_an_address);
  if (not_an_address) return Resolve();
  addresses_.emplace_back(address, port_);
  loop_.Post([self = shared_from_this()] {
    if (self->done_) self->TryNext();
  });
}

void Connector::Cancel() {
  done_ = nullptr;
  timer_.Cancel();
  resolver_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void Connector::Resolve() {
  timer_.Set(deadline_, [this] {
    Finish(absl::DeadlineExceededError(
        text::Concat(host_, ": no answer to the look-up of the name in time (connectTimeout)")));
  });
  auto self = shared_from_this();
  try {
    resolver_.async_resolve(host_, std::to_string(port_), Resolver::numeric_service,
                            [self](const error_code& error, const Resolver::results_type& found) {
                              if (self->done_) self->OnResolved(error, found);
                            });
  } catch (const boost::system::system_error& no_thread) {  // The look-up would have had one of its own.
    loop_.Post([self, error = no_thread.code()] {
      if (self->done_) self->Finish(LookUpError(self->host_, error));
    });
  }
}

void Connector::OnResolved(const error_code& error, const Resolver::results_type& found) {
  if (error || found.empty()) return Finish(LookUpError(host_, error ? error : asio::error::no_data));
  for (const auto& entry : found) addresses_.push_back(entry.endpoint());
  TryNext();
}

void Connector::TryNext() {
  const tcp::endpoint& address = addresses_[tried_++];
  const SteadyTime now = Clock::Real().Now();
  const auto share = (deadline_ - now) / static_cast<int64_t>(addresses_.size() - tried_ + 1);
  timed_out_ = false;
  timer_.Set(now + share, [this] {
    timed_out_ = true;
    error_code ignored;
    socket_.close(ignored);  // Ends the attempt.
  });
  error_code error = OpenSocket(socket_, address.protocol());
  if (error) return OnConnected(error);
  socket_.async_connect(address, [self = shared_from_this()](const error_code& result) {
    if (self->done_) self->OnConnected(result);
  });
}

void Connector::OnConnected(const error_code& error) {
  timer_.Cancel();
  if (!error && !timed_out_) {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    return Finish(std::move(socket_));
  }
  const absl::Status failure =
      timed_out_ ? absl::DeadlineExceededError(
                       text::Concat(Where(), ": no answer to the request for a connection in time (connectTimeout)"))
                 : ConnectError(Where(), error);
  error_code ignored;
  socket_.close(ignored);
  if (tried_ < addresses_.size()) return TryNext();
  if (addresses_.size() == 1) return Finish(failure);
  Finish(absl::Status(failure.code(), text::Concat(text::Message(failure), "; tried ", addresses_.size(),
                                                   " addresses of the host, this is the last")));
}

void Connector::Finish(absl::StatusOr<Socket> result) {
  auto self = shared_from_this();  // `done` may let go of the last other reference.
  timer_.Cancel();
  resolver_.cancel();
  std::exchange(done_, nullptr)(std::move(result));
}

std::string Connector::Where() const {
  const std::string address = addresses_[tried_ - 1].address().to_string();
  const std::string where = Authority(address, port_);
  return address == host_ ? where : text::Concat(host_, " (", where, ")");
}

}  // namespace sluice
