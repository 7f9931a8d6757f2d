// SIGTERM and SIGINT, turned into calls on an ordinary thread.
#pragma once

#include <functional>
#include <memory>

#include "sluice/status.h"

namespace sluice::client {

// While it lives, the process's handlers of both signals are its own: they only write to a pipe, from which a thread
// reads. One at a time in a process.
class SignalWatch {
 public:
  // FAILED_PRECONDITION: there is one already. `on_signal` gets 1, 2, … for the first signal, the second and so on.
  static Status Make(std::function<void(int count)> on_signal, std::unique_ptr<SignalWatch>& watch);
  // Puts the former handlers back; no call is under way or will come.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct State;
  explicit SignalWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::client
