// A server's services for whoever is no gRPC client: in this process, with requests and answers in protobuf's JSON.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/net/event_loop.h"
#include "server/rpc/service/service.h"
#include "server/runtime/clock.h"

namespace sluice::rpc {

class LocalCall;

struct JsonRequest {
  std::string path;   // "/sluice.v1.LiveService/ListWorkers".
  std::string json;   // The request message; empty: one without any field.
  Metadata metadata;  // "authorization"; as CallInfo::metadata.
  std::shared_ptr<const Peer> peer;
  SteadyTime deadline = kNever;  // The call is cancelled at it: DEADLINE_EXCEEDED.
};

// What becomes of a call. Run on the loop's thread, maybe within Begin.
struct JsonAnswers {
  // One answer, without line breaks; the next one does not come before `taken` has run, on the loop's thread.
  std::function<void(std::string json, std::function<void()> taken)> answer;
  // The last, once.
  std::function<void(const absl::Status& status)> end;
};

// Its methods do what they do for a gRPC client: the same handlers run, so that the same code decides who may what.
// Fields are in lowerCamelCase, those without a value too; an unknown field in a request is an error. On the loop's
// thread only, or while that does not run.
class JsonCalls {
 public:
  // Of `services` those methods whose client sends one message, and whose messages' generated code is in the program.
  // The loop outlives it.
  JsonCalls(EventLoop& loop, std::vector<Service> services);
  ~JsonCalls();  // After Stop().
  JsonCalls(const JsonCalls&) = delete;
  JsonCalls& operator=(const JsonCalls&) = delete;

  enum class Kind : uint8_t { kNone, kUnary, kStream };
  // What stands at the path: no method, or one with one answer, or with many.
  Kind Find(std::string_view path) const;
  // Returns what cancels the call, which may be called whenever on the loop's thread, and after the end does nothing.
  // INVALID_ARGUMENT: the JSON is none of that message; UNIMPLEMENTED: Find says kNone.
  std::function<void()> Begin(JsonRequest request, JsonAnswers answers);
  // Cancels all calls, without telling anybody. No handler runs afterwards, other than on threads of its own.
  void Stop();

 private:
  struct Found;
  Found Lookup(std::string_view path) const;

  EventLoop& loop_;
  const std::vector<Service> services_;
  std::set<std::shared_ptr<LocalCall>> calls_;
};

}  // namespace sluice::rpc
