// A program that a test starts, watches and ends.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/eventually.h"

namespace sluice {

// One child process. Its standard output and error go into a file. Ended with SIGKILL when this object goes, and by the
// kernel should the test die first. Not thread-safe; start it from a thread that outlives it.
class Process {
 public:
  struct Options {
    std::string output_file = "/dev/null";      // Appended to.
    std::vector<std::string> environment = {};  // NAME=VALUE, on top of the test's own.
  };

  // `arguments[0]` is the program, looked up in PATH. Throws std::runtime_error when it cannot be started.
  explicit Process(const std::vector<std::string>& arguments) : Process(arguments, Options()) {}
  Process(const std::vector<std::string>& arguments, Options options);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void Signal(int signal) const;
  void Terminate() const { Signal(SIGTERM); }
  // SIGKILL, and waits for the end.
  void Kill();
  // The exit status (128 + signal when one ended it), once it has ended; nullopt at the deadline.
  std::optional<int> Wait(std::chrono::milliseconds within = kTestDeadline);
  // What it has written so far.
  std::string output() const;

 private:
  bool Reap();

  pid_t pid_ = -1;
  std::optional<int> status_;
  std::string output_file_;
};

// Runs a program to its end. Throws std::runtime_error with its output unless it exits with 0.
std::string RunCommand(const std::vector<std::string>& arguments);

}  // namespace sluice
