// All streams of a worker: one to each address that the names stand for, dialled again when it ends.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/src/address.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/handler_pool.h"
#include "client/cpp/src/handler_time.h"
#include "client/cpp/src/mailbox.h"
#include "client/cpp/src/stream.h"
#include "sluice/handler.h"
#include "sluice/options.h"
#include "sluice/worker.h"

namespace sluice::client {

// Everything is decided by the thread in Run(); other threads leave tasks in its mailbox.
class Fleet final : private StreamListener {
 public:
  // Both outlive it. `options` are valid.
  Fleet(const Options& options, const Handler& handler);
  ~Fleet() override = default;

  // Once. Returns when all streams have ended and no handler runs.
  Status Run();

  // Thread-safe.
  void Drain();
  void Stop();
  Stats GetStats() const;

 private:
  // One replica.
  struct Link {
    Address address;
    Backoff backoff;
    std::shared_ptr<Stream> stream;  // Null between attempts. A stream that leaves on its gateway's wish is not here.
    SteadyTime dial_at;              // When stream is null.
    bool wanted = true;              // False: its name no longer gives it; not dialled again.
  };
  using Replica = std::pair<std::string, uint16_t>;  // ip, port

  // StreamListener: from streams' threads.
  void OnConnected(Stream& stream, const v1::Welcome& welcome) override;
  void OnGatewayDrains(Stream& stream, const v1::Drain& drain) override;
  void OnItemRefused(Stream& stream, const std::string& what) override;
  void OnEnded(std::shared_ptr<Stream> stream, Status status) override;
  void OnBatch(const std::shared_ptr<Batch>& batch) override;
  void WakeBy(SteadyTime when) override { mailbox_.WakeBy(when); }

  // Run()'s thread.
  void Connected(const Stream* stream, const v1::Welcome& welcome);
  void GatewayDrains(Stream* stream, const std::string& reason);
  void Ended(const std::shared_ptr<Stream>& stream, const Status& status);
  void Found(size_t target, Lookup lookup, Millis again);
  void Dial(Link& link, SteadyTime now);
  // What a stream should hold when nobody has said.
  uint32_t AutoWindowNow(SteadyTime now) const;
  // When the link is to be dialled again after `status`.
  Millis Pause(Link& link, const Status& status, SteadyTime now);
  void Leave();
  void EndStreams(const Status& why);
  // Dials and ticks what is due; returns when it wants to be called again.
  SteadyTime Round(SteadyTime now);
  Link* LinkOf(const Stream* stream);
  void Raise(Event::Kind kind, const std::string& address, Status status, std::string text,
             std::optional<Millis> retry_in = {});

  const Options& options_;
  const Handler& handler_;
  const std::string instance_;
  Mailbox mailbox_;
  std::atomic<uint32_t> streams_connected_ = 0;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<uint64_t> settled_ = 0;
  HandlerTime handler_time_;
  std::unique_ptr<HandlerPool> pool_;  // Null with concurrency 0. Constant while streams live.
  size_t threads_ = 0;                 // Its.

  // Owned by Run()'s thread.
  std::vector<std::vector<Address>> found_;  // Per target.
  std::vector<std::string> lookup_errors_;   // Per target, as last reported.
  std::vector<Target> targets_;
  std::map<Replica, Link> links_;
  std::map<Stream*, std::shared_ptr<Stream>> streams_;  // All that have not ended.
  std::map<const Stream*, SteadyTime> connected_;       // Since when; those that had a Welcome.
  uint64_t seed_ = 0;
  bool leaving_ = false;
  SteadyTime leave_by_ = kNever;
  Status result_;
};

}  // namespace sluice::client
