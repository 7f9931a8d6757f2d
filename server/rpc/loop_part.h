// What of a server belongs to one loop: its connections, which of them have something to send, and which calls were
// woken from other threads. For this folder.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/net/channel.h"
#include "server/net/event_loop.h"
#include "server/rpc/protocol/budget.h"
#include "server/rpc/server.h"
#include "server/rpc/service/service.h"
#include "server/runtime/mutex.h"

namespace sluice::rpc {

class ServerConnection;
class ServerCall;

struct ServerMetrics {
  Gauge& calls;
  Counter& begun;
  Counter& refused;
  Counter& frames_received;
  Counter& frames_sent;
};

// What all loops of a server share. Constant, its parts thread-safe.
struct ServerShared {
  ServerShared(ServerOptions server_options, const Clock& server_clock, MetricsRegistry& registry);

  // Null: there is none.
  const MakeHandler* FindMethod(const std::string& path) const;
  absl::Status UnknownMethod(std::string_view path) const;

  const ServerOptions options;
  const Clock& clock;
  ReceiveBudget budget;
  ServerMetrics metrics;
  absl::flat_hash_map<std::string, MakeHandler> methods;
  std::string known;  // For people.

  std::atomic<bool> stopping = false;
  std::atomic<size_t> connections = 0;
  std::atomic<size_t> calls = 0;
  Mutex mutex;
  CondVar changed;  // `connections` fell to 0.
};

class LoopPart;

// A call's way in from other threads. Once its call is over it does nothing.
class CallWaker final : public Waker, public std::enable_shared_from_this<CallWaker> {
 public:
  CallWaker(std::shared_ptr<LoopPart> part, ServerCall* call) : part_(std::move(part)), call_(call) {}
  void Wake() override;
  // ---- on the loop
  void Forget() {
    call_ = nullptr;
    over_.store(true, std::memory_order_relaxed);
  }
  void Run();

 private:
  const std::shared_ptr<LoopPart> part_;
  std::atomic<bool> queued_ = false;
  std::atomic<bool> over_ = false;
  ServerCall* call_;  // Of the loop.
};

class LoopPart final : public std::enable_shared_from_this<LoopPart> {
 public:
  LoopPart(std::shared_ptr<ServerShared> server, EventLoop& event_loop, uint64_t seed);
  ~LoopPart();

  // ---- on the loop
  void Add(std::unique_ptr<Channel> channel);
  void Remove(ServerConnection& connection);  // At the turn's end.
  void Dirty(ServerConnection& connection);
  void ShutdownAll(const std::string& text);
  void EndAllCalls(const std::string& text);
  void CutAll();
  double Random() { return random_(engine_); }  // 0 … 1

  // ---- from any thread
  void Wake(std::shared_ptr<CallWaker> waker);
  // The loop may go from now on: nobody is woken any more.
  void Close();

  const std::shared_ptr<ServerShared> shared;
  EventLoop& loop;

 private:
  void PostTurnEnd();
  void TurnEnd();
  void RunWoken();

  std::vector<std::unique_ptr<ServerConnection>> connections_;
  std::vector<std::unique_ptr<ServerConnection>> removed_;
  std::vector<ServerConnection*> dirty_;
  std::vector<ServerConnection*> flushing_;
  bool turn_end_posted_ = false;
  std::vector<std::shared_ptr<CallWaker>> running_;
  std::mt19937_64 engine_;
  std::uniform_real_distribution<double> random_;

  Mutex mutex_;
  std::vector<std::shared_ptr<CallWaker>> woken_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::rpc
