// Calls the handler for messages of a batch, and hands what it answers to the stream.
#pragma once

#include <atomic>
#include <chrono>
#include <span>
#include <string_view>

#include "client/cpp/src/batch.h"
#include "client/cpp/src/outbox.h"
#include "sluice/context.h"
#include "sluice/handler.h"

namespace sluice::client {

// One to a thread.
class BatchRunner final : private Context {
 public:
  // `inline_on_stream`: on the stream's own thread, which must not wait, and which sends when the batch is through.
  BatchRunner(const Handler& handler, std::atomic<uint64_t>& settled, bool inline_on_stream)
      : handler_(handler), settled_(settled), inline_(inline_on_stream) {}

  // Claims messages until none is left.
  void Run(Batch& batch);
  // How long the first handler of the last Run() took; -1: none ran, or inline.
  int64_t sample_ns() const { return sample_ns_; }
  // What a message took in the last Run(), on average; -1: none ran.
  int64_t mean_ns() const { return mean_ns_; }

 private:
  // False: it was lost before its handler.
  bool RunOne(Batch& batch, size_t index);
  void CallHandler(const Message& message);

  // Context, of the call under way.
  Status Send(const Reply& reply) override;
  bool Abandoned() const override;
  void Settle(Outcome outcome, std::string_view reason, std::chrono::milliseconds retry_after,
              std::span<const Reply> replies) override;

  const Handler& handler_;
  std::atomic<uint64_t>& settled_;
  const bool inline_;
  Stream* stream_ = nullptr;
  HeldDelivery* held_ = nullptr;
  int64_t sample_ns_ = -1;
  int64_t mean_ns_ = -1;
  Chunk chunk_;  // Settles not yet handed to the stream.
  Chunk early_;
};

}  // namespace sluice::client
