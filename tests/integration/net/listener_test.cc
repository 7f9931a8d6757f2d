// Addresses, streams and limits of a Listener without TLS.
#include "server/net/listener.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "server/net/socket_claim.h"
#include "tests/integration/net/echo_server.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_client.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ListenerTest : public testing::Test {
 protected:
  void Start(bool on_another_loop = false) {
    const absl::Status started = server_.Start(options_, on_another_loop);
    ASSERT_TRUE(started.ok()) << started;
  }
  int port() { return server_.listener().port(); }
  bool Answers(const SocketClient& client) {
    client.Send("hello");
    return client.Read(5) == "hello";
  }
  static absl::Status BindError(const std::string& listen) {
    MetricsRegistry metrics;
    return Listener::Bind({.name = "test", .listen = listen}, Clock::Real(), metrics).status();
  }

  TempDir folder_;
  ListenerOptions options_{.listen = "127.0.0.1:0"};
  EchoServer server_;
};

TEST_F(ListenerTest, ReportsThePortItChoseAndServes) {
  Start();
  EXPECT_GT(port(), 0);
  EXPECT_EQ(server_.listener().address(), "127.0.0.1:" + std::to_string(port()));
  SocketClient client;
  ASSERT_TRUE(client.Connect(port()));
  EXPECT_TRUE(Answers(client));
  EXPECT_THAT(server_.LastPeer().text, StartsWith("127.0.0.1:"));
  EXPECT_EQ(server_.LastPeer().address, "127.0.0.1");
}

TEST_F(ListenerTest, ServesOnAnotherLoopThanItAcceptsOn) {
  Start(/*on_another_loop=*/true);
  SocketClient client;
  ASSERT_TRUE(client.Connect(port()));
  EXPECT_TRUE(Answers(client));
}

TEST_F(ListenerTest, EveryAddressIsIpv4AndIpv6) {
  options_.listen = ":0";
  Start();
  SocketClient v4;
  ASSERT_TRUE(v4.Connect(port()));
  EXPECT_TRUE(Answers(v4));
  EXPECT_EQ(server_.LastPeer().address, "127.0.0.1") << "not ::ffff:127.0.0.1";
  SocketClient v6(AF_INET6);
  if (!v6.ConnectV6(port())) GTEST_SKIP() << "this machine has no IPv6";
  EXPECT_TRUE(Answers(v6));
  EXPECT_THAT(server_.LastPeer().text, StartsWith("[::1]:"));
}

TEST_F(ListenerTest, AnAddressInUseIsAnErrorThatSaysSo) {
  Start();
  const absl::Status status = BindError(server_.listener().address());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "cannot listen on " + server_.listener().address() + ": Address already in use");
}

TEST_F(ListenerTest, WhatIsNoAddressIsAnErrorThatSaysSo) {
  for (const char* listen : {"", "7443", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:7443"}) {
    EXPECT_EQ(BindError(listen).code(), absl::StatusCode::kInvalidArgument) << listen;
  }
  EXPECT_THAT(std::string(BindError("no-such-host.invalid:0").message()),
              StartsWith("cannot listen on no-such-host.invalid:0: "));
}

TEST_F(ListenerTest, AUnixSocketHasItsModeAndItsOwner) {
  options_.listen = "unix:" + (folder_ / "s.sock");
  options_.socket_mode = 0660;
  const mode_t before = umask(0);
  Start();
  EXPECT_EQ(umask(before), 0u) << "left as it was";
  struct stat found{};
  ASSERT_EQ(stat((folder_ / "s.sock").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  SocketClient client(AF_UNIX);
  ASSERT_TRUE(client.ConnectUnix(folder_ / "s.sock"));
  EXPECT_TRUE(Answers(client));
  EXPECT_EQ(server_.LastPeer().text, "unix");
  EXPECT_EQ(server_.LastPeer().uid, getuid());
  EXPECT_EQ(server_.LastPeer().pid, getpid());
}

TEST_F(ListenerTest, AUnixSocketInUseStaysInUseAndAStaleOneIsReplaced) {
  options_.listen = "unix:" + (folder_ / "s.sock");
  Start();
  const absl::Status status = BindError(options_.listen);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a running process listens there already"));
  server_.Stop();
  EXPECT_TRUE(BindError(options_.listen).ok());
  std::ofstream(folder_ / "file") << "precious";
  EXPECT_EQ(BindError("unix:" + (folder_ / "file")).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ListenerTest, CarriesManyMegabytesWhoeverIsSlow) {
  Start();
  SocketClient client;
  ASSERT_TRUE(client.Connect(port()));
  std::string sent(8 << 20, '\0');
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 7);
  std::thread sender([&] { client.Send(sent); });
  const std::string got = client.Read(sent.size());
  sender.join();
  EXPECT_TRUE(got == sent);
}

TEST_F(ListenerTest, WhatWasWrittenBeforeCloseArrivesThoughThePeerKeepsSending) {
  server_.SayAndClose(2 << 20);
  Start();
  SocketClient client;
  ASSERT_TRUE(client.Connect(port()));
  client.Send(std::string(100'000, 'y'));  // Nobody reads it: a plain close() would reset the connection.
  EXPECT_EQ(client.ReadAll().size(), 2u << 20);
  shutdown(client.fd(), SHUT_WR);
  EXPECT_TRUE(Eventually([&] { return server_.Open() == 0; }));
}

TEST_F(ListenerTest, OneAddressHasNoMoreThanItsConnections) {
  options_.limits.connections_per_address = 2;
  Start();
  auto first = std::make_unique<SocketClient>();
  SocketClient second;
  ASSERT_TRUE(first->Connect(port()));
  ASSERT_TRUE(second.Connect(port()));
  EXPECT_TRUE(Answers(*first));
  EXPECT_TRUE(Answers(second));
  SocketClient third;
  ASSERT_TRUE(third.Connect(port()));
  EXPECT_EQ(third.Read(1), "");
  EXPECT_EQ(server_.Refused("per_address"), 1u);
  EXPECT_TRUE(Answers(second)) << "the others go on";
  first.reset();
  EXPECT_TRUE(Eventually([&] { return server_.Open() == 1; }));
  SocketClient fourth;
  ASSERT_TRUE(fourth.Connect(port()));
  EXPECT_TRUE(Answers(fourth));
}

TEST_F(ListenerTest, AllTogetherHaveNoMoreThanTheirs) {
  options_.limits.connections = 1;
  Start();
  SocketClient first;
  ASSERT_TRUE(first.Connect(port()));
  EXPECT_TRUE(Answers(first));
  SocketClient second;
  ASSERT_TRUE(second.Connect(port()));
  EXPECT_EQ(second.Read(1), "");
  EXPECT_EQ(server_.Refused("connections"), 1u);
}

TEST_F(ListenerTest, WhatComesTooFastOfOneAddressIsClosed) {
  options_.limits.handshakes_per_second_per_address = 1;
  Start();
  int served = 0;
  for (int i = 0; i < 10; ++i) {
    SocketClient client;
    ASSERT_TRUE(client.Connect(port()));
    served += Answers(client) ? 1 : 0;
  }
  EXPECT_GE(served, 2);
  EXPECT_LE(served, 5);
  EXPECT_EQ(server_.Refused("handshake_rate"), static_cast<uint64_t>(10 - served));
}

TEST_F(ListenerTest, WhatComesTooFastOfAllWaitsAndIsServed) {
  options_.limits.handshakes_per_second = 20;
  Start();
  std::vector<std::unique_ptr<SocketClient>> clients;
  const SteadyTime begin = Clock::Real().Now();
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<SocketClient>());
    ASSERT_TRUE(clients.back()->Connect(port()));
  }
  for (const auto& client : clients) EXPECT_TRUE(Answers(*client));
  EXPECT_GE(Clock::Real().Now() - begin, Millis(400)) << "40 at once, then 20 a second";
}

// Lowers the limit so that no descriptor can be had, until it goes.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int next = dup(0);  // The lowest that is free.
    close(next);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(next);
    setrlimit(RLIMIT_NOFILE, &low);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

TEST_F(ListenerTest, WithoutDescriptorsAcceptRestsSaysSoAndGoesOn) {
  Start();
  SocketClient served;
  ASSERT_TRUE(served.Connect(port()));
  ASSERT_TRUE(Answers(served));
  EXPECT_TRUE(server_.listener().state().ok());
  SocketClient waiting;  // Has its own descriptor before there are none.
  {
    const NoDescriptors none_left;
    ASSERT_TRUE(waiting.Connect(port()));
    ASSERT_TRUE(Eventually([&] { return !server_.listener().state().ok(); }));
    EXPECT_THAT(std::string(server_.listener().state().message()),
                HasSubstr("accepts no connections: the process has no file descriptors left (limit "));
    EXPECT_TRUE(Answers(served)) << "what is connected goes on";
    EXPECT_GE(server_.Refused("descriptors"), 1u);
  }
  EXPECT_TRUE(Answers(waiting));
  EXPECT_TRUE(server_.listener().state().ok());
}

TEST_F(ListenerTest, AnswersProbesOnItsLoop) {
  Start();
  std::atomic<bool> answered = false;
  server_.listener().Probe([&](const absl::Status& state) { answered = state.ok(); });
  EXPECT_TRUE(Eventually([&] { return answered.load(); }));
}

TEST_F(ListenerTest, StopsAcceptingAndFreesThePortWhileConnectionsGoOn) {
  Start();
  SocketClient client;
  ASSERT_TRUE(client.Connect(port()));
  ASSERT_TRUE(Answers(client));
  server_.Stop();
  server_.Stop();
  EXPECT_TRUE(Answers(client));
  EXPECT_FALSE(SocketClient().Connect(port()));
  EXPECT_TRUE(BindError(server_.listener().address()).ok());
}

TEST_F(ListenerTest, ConnectionsThatGoGiveBackAllDescriptors) {
  Start();
  const int before = dup(0);
  close(before);
  for (int i = 0; i < 300; ++i) {
    SocketClient client;
    ASSERT_TRUE(client.Connect(port()));
    if (i % 3 == 0) {
      ASSERT_TRUE(Answers(client));
    }
  }
  EXPECT_TRUE(Eventually([&] { return server_.Open() == 0; }));
  const int after = dup(0);
  close(after);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace sluice
