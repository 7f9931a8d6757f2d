#include "server/telemetry/http_deadline.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "server/runtime/clock.h"

namespace sluice {
namespace {

// From the connection's turn until its request is there, and from then until the answer has been taken.
constexpr Millis kRequestTime{2'000};
constexpr Millis kAnswerTime{5'000};

class DeadlineStream final : public httplib::Stream {
 public:
  explicit DeadlineStream(socket_t socket) : socket_(socket), deadline_(Clock::Real().Now() + kRequestTime) {}

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }

  ssize_t read(char* to, size_t size) override {
    if (begin_ == end_) {
      if (!Wait(POLLIN)) return -1;
      const ssize_t got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t taken = std::min(size, end_ - begin_);
    std::memcpy(to, buffer_.data() + begin_, taken);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  // All of it, or -1.
  ssize_t write(const char* from, size_t size) override {
    if (!answering_) {
      answering_ = true;
      deadline_ = Clock::Real().Now() + kAnswerTime;
    }
    for (size_t sent = 0; sent < size;) {
      if (!Wait(POLLOUT)) return -1;
      const ssize_t now = send(socket_, from + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (now >= 0) {
        sent += static_cast<size_t>(now);
      } else if (errno != EINTR && errno != EAGAIN) {
        return -1;
      }
    }
    return static_cast<ssize_t>(size);
  }

  // Nobody here asks.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return socket_; }

 private:
  // False: the deadline came first.
  bool Wait(short events) const {
    while (true) {
      const auto left = std::chrono::ceil<Millis>(deadline_ - Clock::Real().Now());
      if (left <= Millis(0)) return false;
      pollfd waiting{.fd = socket_, .events = events, .revents = 0};
      const int ready = poll(&waiting, 1, static_cast<int>(left.count()));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  const socket_t socket_;
  SteadyTime deadline_;
  bool answering_ = false;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace

bool HttpDeadlineServer::process_and_close_socket(socket_t socket) {
  bool ok = false;
  // INVALID_SOCKET: it is being stopped, and connections that wait for their turn are closed.
  if (svr_sock_ != INVALID_SOCKET) {
    // httplib 0.18 wants both addresses too. Generic, so that only the call that exists is compiled.
    auto process = [this](auto& stream) {
      bool closed = false;
      if constexpr (requires { this->process_request(stream, "", 0, "", 0, true, closed, nullptr); }) {
        return this->process_request(stream, "", 0, "", 0, true, closed, nullptr);
      } else {
        return this->process_request(stream, true, closed, nullptr);
      }
    };
    DeadlineStream stream(socket);
    ok = process(stream);
  }
  shutdown(socket, SHUT_RDWR);
  close(socket);
  return ok;
}

}  // namespace sluice
