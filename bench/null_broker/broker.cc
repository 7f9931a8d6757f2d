#include "bench/null_broker/broker.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <vector>

namespace sluice::bench {
absl::Status NullBroker::Listen() {
  auto listener = ListenOnLoopback(options_.port);
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  const auto port = LocalPort(listener_);
  if (!port.ok()) return port.status();
  port_ = *port;
  epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.get() < 0) return absl::ErrnoToStatus(errno, "epoll_create1");
  for (int fd : {listener_.get(), options_.start_fd, options_.stop_fd}) {
    if (fd < 0) continue;
    if (absl::Status status = Watch(fd, EPOLLIN, EPOLL_CTL_ADD); !status.ok()) return status;
  }
  may_start_ = options_.start_fd < 0;
  return absl::OkStatus();
}

absl::Status NullBroker::Watch(int fd, uint32_t events, int operation) const {
  epoll_event event{.events = events, .data = {.fd = fd}};
  if (epoll_ctl(epoll_.get(), operation, fd, &event) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "epoll_ctl");
}

absl::Status NullBroker::Run() {
  std::array<epoll_event, 256> events{};
  while (!load_.done()) {
    // A batch that the socket took whole wakes no one: the next one follows at once.
    const int timeout = load_.HasMore() ? 0 : load_.PauseMillis();
    const int ready = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    if (ready < 0 && errno != EINTR) return absl::ErrnoToStatus(errno, "epoll_wait");
    load_.SetNow(NowNanos());
    for (int i = 0; i < ready; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const int fd = event.data.fd;
      if (fd == listener_.get()) {
        Accept();
      } else if (fd == options_.stop_fd) {
        load_.Stop(NowNanos());
      } else if (fd == options_.start_fd) {
        may_start_ = true;
        if (absl::Status status = Watch(fd, 0, EPOLL_CTL_DEL); !status.ok()) return status;
      } else if ((event.events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
        const auto client = clients_.find(fd);
        if (client != clients_.end() && !Read(*client->second)) Close(*client->second);
      }
    }
    const int64_t now = NowNanos();
    load_.SetNow(now);
    MaybeStart(now);
    load_.Fill();
    FlushAll();
  }
  clients_.clear();
  return absl::OkStatus();
}

void NullBroker::MaybeStart(int64_t now) {
  if (load_.started() || !load_.ready()) return;
  if (!told_ready_) {
    JsonObject().Add("event", "ready").Print();
    told_ready_ = true;
  }
  if (may_start_) load_.Start(now);
}

void NullBroker::Accept() {
  while (true) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.get() < 0) return;
    SetUp(fd);
    const int number = fd.get();
    if (!Watch(number, EPOLLIN, EPOLL_CTL_ADD).ok()) continue;
    clients_[number] = std::make_unique<Client>(std::move(fd), options_.window, load_);
    ++accepted_;
  }
}

bool NullBroker::Read(Client& client) {
  switch (client.in.ReadFrom(client.fd)) {
    case Io::kOk:
      break;
    case Io::kWouldBlock:
      return true;
    case Io::kClosed:
      return false;
  }
  const auto taken = client.session.OnBytes(client.in.bytes());
  client.session.ReportConfirmed();
  if (taken) {
    client.in.Take(*taken);
    return true;
  }
  if (!client.session.error().empty()) {
    ++protocol_errors_;
    std::fprintf(stderr, "sluice-null-broker: a client broke the protocol: %s\n", client.session.error().c_str());
  }
  WriteTo(client.fd, client.session.out());
  return false;
}

void NullBroker::Close(Client& client) {
  load_.OnClosed(client.session);
  clients_.erase(client.fd.get());
}

void NullBroker::FlushAll() {
  std::vector<Client*> gone;
  for (auto& [fd, client] : clients_) {
    if (client->session.out().empty()) continue;
    const Io io = WriteTo(client->fd, client->session.out());
    const bool wants_write = io == Io::kWouldBlock;
    if (io == Io::kClosed) {
      gone.push_back(client.get());
    } else if (wants_write != client->wants_write) {
      client->wants_write = wants_write;
      const uint32_t events = EPOLLIN | (wants_write ? static_cast<uint32_t>(EPOLLOUT) : 0u);
      if (!Watch(fd, events, EPOLL_CTL_MOD).ok()) gone.push_back(client.get());
    }
  }
  for (Client* client : gone) Close(*client);
}

JsonObject NullBroker::Result() const {
  JsonObject json = load_.Result();
  json.Add("connections", accepted_).Add("protocol_errors", protocol_errors_);
  return json;
}

}  // namespace sluice::bench
