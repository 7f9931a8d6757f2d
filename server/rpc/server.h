// A gRPC server over accepted connections: routes calls to services, on the event loops that it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/net/channel.h"
#include "server/net/event_loop.h"
#include "server/rpc/protocol/ending.h"
#include "server/rpc/protocol/limits.h"
#include "server/rpc/service/service.h"
#include "server/runtime/clock.h"
#include "server/telemetry/metrics.h"

namespace sluice::rpc {

struct ServerShared;  // loop_part.h
class LoopPart;

struct ServerOptions {
  std::string name;               // "workers": the label `listener` of metrics.
  std::vector<Service> services;  // A call of another method ends with UNIMPLEMENTED and a text that names these.
  Limits limits;
  // Of messages that are not whole or not taken yet, over all connections. More ends the call that it came for with
  // RESOURCE_EXHAUSTED.
  size_t receive_bytes = 256u << 20;
  // Then a connection is asked to end (GOAWAY), a tenth earlier or later so that not all do at once; calls under way
  // have `age_grace` more. 0: no limit.
  Millis max_connection_age{0};
  Millis age_grace{60'000};
  // Who calls, and whether they may: runs on the call's loop before its handler is made, must not block, and its error
  // is what the client gets. What it returns is CallInfo::identity, kept until the call is done: its destructor may
  // count down what this counted up (streams of a principal). Null: all may.
  std::function<absl::StatusOr<std::shared_ptr<void>>(const CallInfo& info)> admit;
  // A connection went over a limit and is ended: for a counter and a log line within a rate (net's Refusals). `reason`
  // is one of RefusalReasons(). On any of the loops. Null: nobody is told.
  std::function<void(std::string_view reason, std::string_view peer, std::string_view detail)> refused;
  uint64_t seed = 0;  // Of the jitter; another in each process.
};

// Thread-safe, but for Serve().
class Server {
 public:
  // `loops` run until after Stop(); they, `clock` and `metrics` outlive it. A connection belongs to the loop of its
  // Channel, which is one of them.
  Server(ServerOptions options, const std::vector<EventLoop*>& loops, const Clock& clock, MetricsRegistry& metrics);
  ~Server();  // Stops, with a deadline of now.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // On the channel's loop: what a Listener calls for each connection. After Stop() began, it is closed.
  void Serve(std::unique_ptr<Channel> channel);

  // Asks every client to end its connection (GOAWAY) and takes no new ones. Calls go on. Returns at once.
  void Drain(const std::string& text);
  // Drains; what has not ended by `deadline` ends with UNAVAILABLE and `text`, and a second later its connection is cut.
  // No handler runs any more when it returned true, nor will; false: a loop is stuck. Not from a loop's thread.
  bool Stop(SteadyTime deadline, const std::string& text = "the server stops");

  size_t connections() const;
  size_t calls() const;

  static std::vector<std::string_view> RefusalReasons();

 private:
  const std::shared_ptr<ServerShared> shared_;
  std::vector<std::shared_ptr<LoopPart>> parts_;  // One for each loop.
};

}  // namespace sluice::rpc
