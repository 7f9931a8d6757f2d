// The handler that does what stands in a message's payload.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "sluice/worker.h"

namespace sluice::testee {

// What handlers wait at. Thread-safe.
class Gates {
 public:
  void Wait(const std::string& name);
  // Now and later.
  void Release(const std::string& name);

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::set<std::string> open_;
};

// Does the steps in the payload; whatever is no script is an ACK.
client::Settlement RunScript(const client::Message& message, client::Context& context, Gates& gates);

}  // namespace sluice::testee
