// Makes answers that may take a while, on a thread of its own.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/net/http_message.h"
#include "server/runtime/mutex.h"

namespace sluice {

// Whoever asks while an answer is being made waits for the next one, which all who wait then get: however many ask,
// it is one at a time. Thread-safe.
class Answerer {
 public:
  // `make` is called by the thread `name`.
  Answerer(std::string name, std::function<HttpResponse()> make);
  ~Answerer() { Stop(); }
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  void Ask(HttpReply reply);
  // `make` does not run any more after it returned; replies that are left are not called. Idempotent.
  void Stop();

 private:
  void Run();

  const std::string name_;
  const std::function<HttpResponse()> make_;

  Mutex mutex_;
  CondVar changed_;
  std::vector<HttpReply> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice
