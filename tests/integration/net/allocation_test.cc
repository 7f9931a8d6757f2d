// What a message that comes and goes costs a warm connection: no memory.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "server/net/listener.h"
#include "tests/support/socket_client.h"

namespace {

std::atomic<uint64_t> g_allocations{0};

}  // namespace

// NOLINTBEGIN: the program's own, all of them.
void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }
// NOLINTEND

namespace sluice {
namespace {

// Says back what it is told, with a header before it.
class HeadedEcho {
 public:
  explicit HeadedEcho(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) { ReadOn(); }

 private:
  void ReadOn() {
    channel_->Read(buffer_, [this](const absl::Status& status, size_t bytes) {
      if (!status.ok()) return;
      const std::array<std::string_view, 2> pieces = {">", std::string_view(buffer_.data(), bytes)};
      EXPECT_EQ(*channel_->TryWrite(pieces), bytes + 1);
      ReadOn();
    });
  }

  std::unique_ptr<Channel> channel_;
  std::array<char, 4'096> buffer_;
};

TEST(Allocations, AWarmConnectionNeedsNone) {
  MetricsRegistry metrics;
  EventLoop loop("test");
  loop.Start(nullptr);
  auto listener = Listener::Bind({.name = "test", .listen = "127.0.0.1:0"}, Clock::Real(), metrics);
  ASSERT_TRUE(listener.ok()) << listener.status();
  std::vector<std::unique_ptr<HeadedEcho>> answerers;
  (*listener)->Start(loop, {}, [&](std::unique_ptr<Channel> channel) {
    answerers.push_back(std::make_unique<HeadedEcho>(std::move(channel)));
  });
  SocketClient client;
  ASSERT_TRUE(client.Connect((*listener)->port()));
  std::array<char, 6> answer;
  const auto ask = [&] {
    send(client.fd(), "hello", 5, MSG_NOSIGNAL);
    ASSERT_EQ(recv(client.fd(), answer.data(), answer.size(), MSG_WAITALL), 6);
  };
  for (int i = 0; i < 100; ++i) ask();
  const uint64_t before = g_allocations;
  for (int i = 0; i < 1'000; ++i) ask();
  EXPECT_EQ(g_allocations - before, 0u);
  (*listener)->Stop();
  loop.Stop(kNever);
}

}  // namespace
}  // namespace sluice
