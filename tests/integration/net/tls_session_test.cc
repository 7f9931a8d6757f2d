#include "server/net/tls_session.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "server/net/listen_socket.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"
#include "tests/support/tls_client_socket.h"

namespace sluice {
namespace {

// A session and its client, at the ends of a pair of sockets.
class TlsSessionTest : public testing::Test {
 protected:
  TlsSessionTest() {
    TlsAuthority authority;
    const PemPair pair = authority.Issue({});
    TlsServerSettings settings{.setting = "x"};
    settings.files.cert_file = folder_.Write("tls.crt", pair.cert);
    settings.files.key_file = folder_.Write("tls.key", pair.key);
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fd_ = FileDescriptor(ends[0]);
    socket_ = SocketClient::Of(ends[1]);
    client_ = std::make_unique<TlsClientSocket>(*socket_, TlsClientWishes{});
    session_ = std::make_unique<TlsSession>(*TlsServer::Load(settings, Clock::Real()), fd_.get());
  }

  void WaitReadable() const {
    pollfd waiting{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    poll(&waiting, 1, 10'000);
  }
  void Agree() {
    std::thread client([&] { EXPECT_TRUE(client_->Handshake()) << client_->error(); });
    TlsSession::Progress progress = TlsSession::Progress::kWaits;
    while (progress == TlsSession::Progress::kWaits) {
      WaitReadable();
      progress = session_->Handshake();
    }
    client.join();
    ASSERT_EQ(progress, TlsSession::Progress::kDone);
  }

  TempDir folder_;
  FileDescriptor fd_;
  std::unique_ptr<SocketClient> socket_;
  std::unique_ptr<TlsClientSocket> client_;
  std::unique_ptr<TlsSession> session_;
};

TEST_F(TlsSessionTest, APeerThatTakesNothingLeavesNoMoreThanAFewRecords) {
  Agree();
  const std::string large(4 << 20, 'x');
  const std::string_view pieces[] = {large};
  const absl::StatusOr<size_t> taken = session_->Write(pieces);
  ASSERT_TRUE(taken.ok());
  EXPECT_GT(*taken, 0u);
  EXPECT_LT(*taken, large.size());
  EXPECT_GT(session_->unsent(), 0u);
  EXPECT_LE(session_->unsent(), 128u * 1024);
  EXPECT_EQ(*session_->Write(pieces), 0u);
}

TEST_F(TlsSessionTest, LittlePiecesShareARecord) {
  Agree();
  const std::vector<std::string_view> pieces(100, "0123456789");
  ASSERT_EQ(*session_->Write(pieces), 1'000u);
  EXPECT_EQ(client_->Read(1'000).size(), 1'000u);
  EXPECT_EQ(session_->unsent(), 0u);
}

TEST_F(TlsSessionTest, WhatFindsNoRoomInTheBufferComesWithTheNextRead) {
  Agree();
  client_->Send("0123456789");
  client_->Send("abcdefghij");
  WaitReadable();
  std::array<char, 4> buffer;
  std::string all;
  while (all.size() < 20) {
    const absl::StatusOr<size_t> got = session_->Read(buffer);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_GT(*got, 0u) << "there is no need to look at the socket";
    all.append(buffer.data(), *got);
  }
  EXPECT_EQ(all, "0123456789abcdefghij");
  EXPECT_FALSE(session_->Holds());
}

TEST_F(TlsSessionTest, APeerThatAsksForNewKeysAndDoesNotReadIsCutOff) {
  Agree();
  std::atomic<bool> stop = false;
  std::thread flood([&] {
    while (!stop && client_->ChangeKeys()) {
    }
  });
  std::array<char, 1'024> buffer;
  absl::StatusOr<size_t> got = 0;
  size_t most = 0;
  for (int i = 0; i < 200'000 && got.ok(); ++i) {
    WaitReadable();
    got = session_->Read(buffer);
    most = std::max(most, session_->unsent());
  }
  stop = true;
  fd_ = FileDescriptor();
  flood.join();
  EXPECT_EQ(got.status().code(), absl::StatusCode::kResourceExhausted) << got.status();
  EXPECT_LT(most, 600u * 1024);
}

}  // namespace
}  // namespace sluice
