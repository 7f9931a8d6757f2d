// A gateway that does what a test says: the peer for tests of worker SDKs. Real gRPC over loopback.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sluice/v1/worker.grpc.pb.h"

namespace sluice::testing {

// Speaks to one worker stream at a time: verbs act on the newest. Thread-safe. Every Expect… waits up to 10 s and
// returns nothing when the time is over.
class FakeGateway final {
 public:
  struct Options {
    std::string ip = "127.0.0.1";
    int port = 0;  // 0: any free one.
    std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
    uint32_t heartbeat_ms = 60'000;
    uint64_t max_frame_bytes = 4 << 20;
  };
  FakeGateway() : FakeGateway(Options()) {}
  explicit FakeGateway(Options options);
  ~FakeGateway();
  FakeGateway(const FakeGateway&) = delete;
  FakeGateway& operator=(const FakeGateway&) = delete;

  int port() const { return port_; }
  std::string address() const { return options_.ip + ":" + std::to_string(port_); }

  // ---- verbs: what the world does
  // One frame with `count` deliveries like `prototype`; ids and message ids are set. Returns the first id.
  uint64_t Deliver(size_t count = 1, v1::Delivery prototype = {});
  void Send(const v1::GatewayFrame& frame);
  // The stream ends with this status.
  void DropStream(grpc::Status status = {grpc::StatusCode::UNAVAILABLE, "dropped by the test"});
  // Streams to come are told that this chain is refused.
  void RefuseChain(const std::string& chain, const std::string& reason);
  // Streams to come end with this status instead of a Welcome; OK: no longer.
  void RefuseStreams(grpc::Status status);
  // Answers no Ping any more.
  void GoSilent();
  // Streams to come get no Welcome.
  void WithholdWelcome();
  void SendDrain(uint32_t deadline_ms, const std::string& reason);
  // Reads nothing more until ReadAgain().
  void StopReading();
  void ReadAgain();

  // ---- what the worker did
  // A stream with this number (from 1) has said Hello.
  std::optional<v1::Hello> ExpectHello(int number = 1);
  // The next settle, in order.
  std::optional<v1::Settle> ExpectSettle();
  std::vector<v1::Settle> ExpectSettles(size_t count);
  std::optional<v1::Reply> ExpectEarlyReply();
  std::optional<v1::Extend> ExpectExtend();
  // The next delivery that the worker said it had begun.
  std::optional<uint64_t> ExpectBegan();
  // The next window that the worker set after its Hello.
  std::optional<v1::Window> ExpectWindow();
  // The nonce of the next Pong.
  std::optional<uint64_t> ExpectPong();
  void ForgetExtends();
  std::optional<v1::Drain> ExpectDrain();
  bool ExpectPing();
  // The stream with this number has been half-closed by the worker, or lost.
  bool ExpectEnd(int number = 1);
  // How many frames came since the start; settles wait to be expected.
  size_t frames() const;
  int streams() const;
  // The metadata "authorization" of the newest stream; empty: none.
  std::string authorization() const;
  size_t settles_waiting() const;
  size_t windows_waiting() const;

 private:
  class Session;
  class Service final : public v1::WorkerService::CallbackService {
   public:
    explicit Service(FakeGateway& gateway) : gateway_(gateway) {}
    grpc::ServerBidiReactor<v1::WorkerFrame, v1::GatewayFrame>* Work(grpc::CallbackServerContext* context) override;

   private:
    FakeGateway& gateway_;
  };

  v1::GatewayFrame Welcome(const v1::Hello& hello) const;
  template <typename Condition>
  bool WaitFor(std::unique_lock<std::mutex>& lock, Condition condition) const;
  template <typename T>
  std::optional<T> Next(std::deque<T>& queue);

  const Options options_;
  Service service_{*this};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // All below: under mutex_.
  std::shared_ptr<Session> session_;  // The newest; null when it has ended.
  grpc::Status refuse_;
  std::vector<v1::RefusedChain> refused_chains_;
  bool silent_ = false;
  bool withhold_welcome_ = false;
  bool reading_ = true;
  uint64_t next_id_ = 1;
  size_t frames_ = 0;
  size_t pings_ = 0;
  std::vector<v1::Hello> hellos_;
  std::string authorization_;
  std::deque<v1::Settle> settles_;
  std::deque<v1::Reply> replies_;
  std::deque<v1::Extend> extends_;
  std::deque<uint64_t> began_;
  std::deque<v1::Window> windows_;
  std::deque<uint64_t> pongs_;
  std::deque<v1::Drain> drains_;
  std::set<int> ended_;
  int sessions_alive_ = 0;
};

}  // namespace sluice::testing
