// A Listener whose connections say back what they are told; and clients of it, which block.
#pragma once

#include <sys/socket.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/listener.h"
#include "server/net/tls_server.h"
#include "server/runtime/mutex.h"

namespace sluice {

class EchoServer {
 public:
  EchoServer() : loop_("accept"), other_("serve") {
    loop_.Start(nullptr);
    other_.Start(nullptr);
  }
  ~EchoServer() {
    Stop();
    other_.Stop(kNever);
    loop_.Stop(kNever);
    connections_.clear();
  }
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

  absl::Status Start(ListenerOptions options, bool on_another_loop = false) {
    options.name = "test";
    absl::StatusOr<std::unique_ptr<Listener>> bound = Listener::Bind(std::move(options), Clock::Real(), metrics_);
    if (!bound.ok()) return bound.status();
    listener_ = *std::move(bound);
    std::vector<EventLoop*> serving;
    if (on_another_loop) serving.push_back(&other_);
    listener_->Start(loop_, serving, [this](std::unique_ptr<Channel> channel) { Accept(std::move(channel)); });
    return absl::OkStatus();
  }
  void Stop() {
    if (listener_ != nullptr) listener_->Stop();
  }

  Listener& listener() { return *listener_; }
  MetricsRegistry& metrics() { return metrics_; }
  uint64_t Refused(const std::string& reason) {
    return metrics_.GetCounter("sluice_connections_refused_total", "", {{"listener", "test"}, {"reason", reason}})
        .value();
  }
  int64_t Open() { return metrics_.GetGauge("sluice_connections", "", {{"listener", "test"}}).value(); }
  // Of the connection that was accepted last.
  Peer LastPeer() {
    MutexLock lock(mutex_);
    return last_peer_;
  }
  // Instead of an echo: sends so much, closes, and does not read. Before Start().
  void SayAndClose(size_t bytes) { say_and_close_ = bytes; }

 private:
  struct Connection {
    std::unique_ptr<Channel> channel;
    std::vector<char> buffer = std::vector<char>(64 * 1024);
    std::string unwritten;
  };

  void Accept(std::unique_ptr<Channel> channel) {
    auto connection = std::make_shared<Connection>();
    connection->channel = std::move(channel);
    {
      MutexLock lock(mutex_);
      last_peer_ = connection->channel->peer();
    }
    Connection* key = connection.get();
    {
      MutexLock lock(mutex_);
      connections_[key] = connection;
    }
    if (say_and_close_ > 0) {
      connection->unwritten.assign(say_and_close_, 'x');
      return WriteOn(*key);
    }
    ReadOn(*key);
  }
  void Remove(Connection& connection) {
    std::shared_ptr<Connection> last;
    MutexLock lock(mutex_);
    last = connections_[&connection];
    connections_.erase(&connection);
  }
  void ReadOn(Connection& connection) {
    connection.channel->Read(connection.buffer, [this, &connection](const absl::Status& status, size_t bytes) {
      if (!status.ok()) return Remove(connection);
      connection.unwritten.append(connection.buffer.data(), bytes);
      WriteOn(connection);
    });
  }
  void WriteOn(Connection& connection) {
    // In pieces, as frames come.
    std::string_view rest = connection.unwritten;
    std::vector<std::string_view> pieces;
    for (size_t i = 0; i < rest.size(); i += 50'000) pieces.push_back(rest.substr(i, 50'000));
    pieces.emplace_back();
    const absl::StatusOr<size_t> taken = connection.channel->TryWrite(pieces);
    if (!taken.ok()) return Remove(connection);
    connection.unwritten.erase(0, *taken);
    if (!connection.unwritten.empty()) {
      return connection.channel->WaitWritable([this, &connection] { WriteOn(connection); });
    }
    if (say_and_close_ == 0) return ReadOn(connection);
    connection.channel->Close(Millis(10'000), [this, &connection] { Remove(connection); });
  }

  MetricsRegistry metrics_;
  EventLoop loop_;
  EventLoop other_;
  size_t say_and_close_ = 0;
  std::unique_ptr<Listener> listener_;
  Mutex mutex_;
  Peer last_peer_ ABSL_GUARDED_BY(mutex_);
  std::map<Connection*, std::shared_ptr<Connection>> connections_;
};

}  // namespace sluice
