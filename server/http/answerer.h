// Makes answers that may take a while, on a thread of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/net/http_message.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Whoever asks while an answer is being made waits for the next one, which all who wait for the same then get: however many
// ask, it is one at a time. Thread-safe.
class Answerer {
 public:
  // `makes` are called by the thread `name`.
  Answerer(std::string name, std::vector<std::function<HttpResponse()>> makes);
  ~Answerer() { Stop(); }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // For what makes[which] makes.
  void Ask(HttpReply reply, size_t which = 0);
  // None of `makes` runs any more after it returned; replies that are left are not called. Idempotent.
  void Stop();

 private:
  void Run();

  const std::string name_;
  const std::vector<std::function<HttpResponse()>> makes_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::vector<HttpReply>> waiting_ ABSL_GUARDED_BY(mutex_);  // By what they wait for.
  bool asked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice
