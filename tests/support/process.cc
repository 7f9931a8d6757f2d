#include "tests/support/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, Options options)
    : output_file_(std::move(options.output_file)) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  // All that allocates comes before the fork: other threads may hold the allocator's locks in it.
  std::vector<char*> argv = Pointers(arguments);
  std::vector<char*> envp = Pointers(environment);
  int output = open(output_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (output < 0) throw std::runtime_error("cannot write " + output_file_);
  pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(output);
  if (pid_ < 0) throw std::runtime_error("cannot start " + arguments.at(0));
}

Process::~Process() {
  if (pid_ > 0) Kill();
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_), output_file_(std::move(other.output_file_)) {}

bool Process::Reap() {
  if (status_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::running() { return !Reap(); }

void Process::Signal(int signal) const {
  if (!status_) kill(pid_, signal);
}

void Process::Kill() {
  Signal(SIGKILL);
  while (!Reap() && errno != ECHILD) {
    siginfo_t ignored;
    waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED | WNOWAIT);
  }
}

std::optional<int> Process::Wait(std::chrono::milliseconds within) {
  Eventually([this] { return Reap(); }, within);
  return status_;
}

std::string Process::output() const { return ReadFile(output_file_); }

std::string RunCommand(const std::vector<std::string>& arguments) {
  TempDir directory;
  Process process(arguments, {.output_file = directory / "output"});
  std::optional<int> status = process.Wait();
  if (status != 0) {
    throw std::runtime_error(arguments.at(0) + ": " + (status ? "exit status " + std::to_string(*status) : "no end") +
                             "\n" + process.output());
  }
  return process.output();
}

}  // namespace sluice
