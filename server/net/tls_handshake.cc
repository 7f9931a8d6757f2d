#include "server/net/tls_handshake.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "server/runtime/text.h"

namespace sluice {

TlsHandshake::TlsHandshake(EventLoop& loop, AcceptedSocket socket, Refusals& refusals)
    : socket_(std::move(socket)), refusals_(refusals), descriptor_(loop.impl().io.get_executor()), timer_(loop) {}

void TlsHandshake::Start(Millis timeout, Done done) {
  done_ = std::move(done);
  error_code error;
  descriptor_.assign(socket_.fd.get(), error);
  if (error) {  // The kernel has no memory to wait for one more.
    asio::post(descriptor_.get_executor(), [self = shared_from_this()] { self->Finish(false); });
    return;
  }
  timer_.Set(Clock::Real().Now() + timeout, [this, timeout] { OnTimeout(timeout); });
  Wait();
}

void TlsHandshake::Cancel() {
  done_ = nullptr;
  timer_.Cancel();
  if (descriptor_.is_open()) descriptor_.release();
  socket_ = {};
}

void TlsHandshake::Wait() {
  const auto what = socket_.tls->unsent() > 0 ? Descriptor::wait_write : Descriptor::wait_read;
  descriptor_.async_wait(what, [self = shared_from_this()](const error_code& error) {
    if (self->done_ && !error) self->GoOn();
  });
}

void TlsHandshake::GoOn() {
  switch (socket_.tls->Handshake()) {
    case TlsSession::Progress::kWaits:
      return Wait();
    case TlsSession::Progress::kDone:
      socket_.tls->Describe(socket_.peer);
      return Finish(true);
    case TlsSession::Progress::kFailed: {
      const TlsRefusal refusal = socket_.tls->Refusal();
      refusals_.Count(refusal.reason, socket_.peer.text, refusal.text, refusal.level);
      return Finish(false);
    }
  }
}

void TlsHandshake::OnTimeout(Millis timeout) {
  auto self = shared_from_this();
  refusals_.Count("handshake_timeout", socket_.peer.text,
                  text::Concat("no TLS handshake within ", timeout.count(), " ms (handshakeTimeout)"));
  Finish(false);
}

void TlsHandshake::Finish(bool good) {
  if (!done_) return;
  auto self = shared_from_this();
  timer_.Cancel();
  // Out of this loop's epoll, before it may go to another loop.
  if (descriptor_.is_open()) descriptor_.release();
  const Done done = std::exchange(done_, nullptr);
  if (good) return done(std::move(socket_));
  socket_ = {};
  done(std::nullopt);
}

}  // namespace sluice
