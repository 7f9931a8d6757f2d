#include "tests/support/free_port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

namespace sluice {
namespace {

constexpr int kLowest = 10'000;
constexpr int kTries = 1'000;

// A TCP socket, closed at the end of the scope.
class Socket {
 public:
  Socket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Locks the port against other tests for as long as this process lives: -1 if one of them has it.
int TryLock(const std::filesystem::path& folder, uint16_t port) {
  const std::filesystem::path file = folder / std::to_string(port);
  const int lock = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  close(lock);
  return -1;
}

bool IsFree(uint16_t port) {
  Socket socket;
  const sockaddr_in address = Loopback(port);
  return bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

// The lowest port that the kernel gives to outgoing connections, and to servers without a wish.
uint16_t LowestOfKernel() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  int lowest = 0;
  return range >> lowest && lowest > kLowest ? static_cast<uint16_t>(lowest) : 32'768;
}

}  // namespace

uint16_t FreePort() {
  // tests/e2e/harness/process.py has the same locks.
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("sluice-test-ports-" + std::to_string(getuid()));
  std::filesystem::create_directories(folder);
  std::random_device dice;
  std::uniform_int_distribution<int> ports(kLowest, LowestOfKernel() - 1);
  for (int i = 0; i < kTries; ++i) {
    const auto port = static_cast<uint16_t>(ports(dice));
    const int lock = TryLock(folder, port);
    if (lock < 0) continue;
    // Kept open: this is the lock.
    if (IsFree(port)) return port;
    close(lock);
  }
  throw std::runtime_error("no free port on 127.0.0.1 below those of the kernel");
}

bool PortAccepts(uint16_t port) {
  Socket socket;
  sockaddr_in address = Loopback(port);
  return connect(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace sluice
