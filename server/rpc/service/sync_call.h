// Methods as plain functions that may block (a database, a disk), each call on a thread of a small pool. For calls that
// are rare; the number of threads bounds how many run at once, and a bounded queue how many wait.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/service/service.h"

namespace sluice::rpc {

// Threads for synchronous calls. Thread-safe.
class WorkerPool {
 public:
  // `threads` run calls, `waiting` more calls may wait for one of them; the next is refused with RESOURCE_EXHAUSTED.
  WorkerPool(size_t threads, size_t waiting);
  // Waits for what runs: stop the server first, so that calls see cancelled() and end.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False: all threads are busy and the queue is full.
  bool Run(std::function<void()> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One call as its function sees it, on a thread of the pool.
class SyncCall {
 public:
  virtual ~SyncCall() = default;
  virtual const CallInfo& info() const = 0;
  // Waits for the next message; none: the client sends no more, or the call is over.
  virtual std::optional<std::string> Read() = 0;
  // Waits until the message before it has left; false: the call is over.
  virtual bool Write(Payload message) = 0;
  // The call is over (its client has gone, its deadline, the server stops): nobody will see the answer.
  virtual bool cancelled() const = 0;
  // What ends the call with a status, from any thread and as often as one likes; it may outlive the call, and then does
  // nothing. What is not sent yet is dropped, Read and Write return at once, cancelled() is true, and what the function
  // returns is nobody's answer any more.
  virtual std::function<void(const absl::Status& status)> Ender() = 0;
};

// What it returns is the call's status. An exception becomes INTERNAL.
using SyncFunction = std::function<absl::Status(SyncCall& call)>;

enum class Requests : bool {
  kOne,   // Any other number is refused. No thread is taken before the request is whole.
  kMany,  // A thread is taken from the first message on.
};

// `pool` outlives the server.
MakeHandler Synchronous(WorkerPool& pool, Requests requests, SyncFunction function);

// ---- the same with protobuf messages: anything with ParseFromString and SerializeAsString

inline absl::Status BadMessage(const CallInfo& info) {
  return absl::InternalError(absl::StrCat(info.path, ": the request is not a message of that type"));
}

template <typename Message>
bool WriteMessage(SyncCall& call, const Message& message) {
  return call.Write(Payload(message.SerializeAsString()));
}

// absl::Status function(SyncCall& call, const Request& request, Response& response)
template <typename Request, typename Response, typename Function>
MakeHandler Unary(WorkerPool& pool, Function function) {
  return Synchronous(pool, Requests::kOne, [function = std::move(function)](SyncCall& call) -> absl::Status {
    Request request;
    const std::optional<std::string> bytes = call.Read();
    if (!bytes || !request.ParseFromString(*bytes)) return BadMessage(call.info());
    Response response;
    if (absl::Status status = function(call, static_cast<const Request&>(request), response); !status.ok()) {
      return status;
    }
    WriteMessage(call, response);
    return absl::OkStatus();
  });
}

// absl::Status function(SyncCall& call, const Request& request, std::function<bool(const Response&)> write)
template <typename Request, typename Response, typename Function>
MakeHandler ServerStreaming(WorkerPool& pool, Function function) {
  return Synchronous(pool, Requests::kOne, [function = std::move(function)](SyncCall& call) -> absl::Status {
    Request request;
    const std::optional<std::string> bytes = call.Read();
    if (!bytes || !request.ParseFromString(*bytes)) return BadMessage(call.info());
    return function(call, static_cast<const Request&>(request),
                    [&call](const Response& response) { return WriteMessage(call, response); });
  });
}

// absl::Status function(SyncCall& call, std::function<bool(Request&)> read, Response& response); `read` returns false at
// the end, and when a message could not be parsed, which then is the status.
template <typename Request, typename Response, typename Function>
MakeHandler ClientStreaming(WorkerPool& pool, Function function) {
  return Synchronous(pool, Requests::kMany, [function = std::move(function)](SyncCall& call) -> absl::Status {
    bool bad = false;
    const auto read = [&call, &bad](Request& request) {
      const std::optional<std::string> bytes = call.Read();
      if (!bytes) return false;
      bad = !request.ParseFromString(*bytes);
      return !bad;
    };
    Response response;
    absl::Status status = function(call, read, response);
    if (bad) return BadMessage(call.info());
    if (!status.ok()) return status;
    WriteMessage(call, response);
    return absl::OkStatus();
  });
}

}  // namespace sluice::rpc
