// Where and how the gateway listens for workers: ports, sockets, TLS.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "server/net/socket_claim.h"
#include "tests/integration/worker_stream/fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::HasSubstr;

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

mode_t ModeOf(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode) ? found.st_mode & 0777 : 0;
}

class WorkerListenTest : public WorkerStreamTest {
 protected:
  // Trusts `ca`, and shows `client` if there is one.
  static std::shared_ptr<grpc::ChannelCredentials> Trust(const CertificateAuthority& ca,
                                                         const CertificateFiles& client = {}) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadAll(ca.ca_file());
    if (!client.cert_file.empty()) {
      options.pem_private_key = ReadAll(client.key_file);
      options.pem_cert_chain = ReadAll(client.cert_file);
    }
    return grpc::SslCredentials(options);
  }
  void UseTls(const CertificateFiles& server, const std::string& client_ca_file = "") {
    config_.insecure = false;
    config_.tls = {.cert_file = server.cert_file, .key_file = server.key_file, .client_ca_file = client_ca_file};
  }
  // OK when a stream with these credentials is welcomed.
  grpc::Status TryToConnect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    TestWorker worker(NewChannel(credentials));
    worker.SayHello();
    if (worker.Read()) return grpc::Status::OK;
    return worker.Finish();
  }
  absl::Status StartError() { return NewServer()->Start(); }

  TempDir folder_;
};

TEST_F(WorkerListenTest, ReportsThePortItChose) {
  Start();
  EXPECT_GT(server_->port(), 0);
  EXPECT_EQ(server_->address(), "127.0.0.1:" + std::to_string(server_->port()));
}

TEST_F(WorkerListenTest, AnAddressInUseIsAnErrorThatSaysSo) {
  Start();
  config_.listen = server_->address();
  absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("workers.listen"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("Address already in use"));
}

TEST_F(WorkerListenTest, AHostThatIsNotThereIsAnErrorThatSaysSo) {
  config_.listen = "no-such-host.invalid:0";
  absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-host.invalid"));
}

TEST_F(WorkerListenTest, ListensOnAUnixSocketEvenWhenAStaleOneIsThere) {
  config_.listen = "unix:" + (folder_ / "workers.sock");
  for (int round = 0; round < 2; ++round) {
    Start();
    EXPECT_EQ(server_->address(), config_.listen);
    EXPECT_TRUE(TryToConnect(grpc::InsecureChannelCredentials()).ok());
    server_->Stop(Clock::Real().Now() + std::chrono::seconds(10));
  }
}

TEST_F(WorkerListenTest, ASocketIsItsOwnersAloneWhateverTheUmask) {
  config_.listen = "unix:" + (folder_ / "workers.sock");
  const mode_t before = umask(0);
  Start();
  EXPECT_EQ(umask(before), 0u) << "left as it was";
  EXPECT_EQ(ModeOf(folder_ / "workers.sock"), 0600u);
  EXPECT_TRUE(TryToConnect(grpc::InsecureChannelCredentials()).ok());
}

TEST_F(WorkerListenTest, ASocketHasTheModeThatIsAskedFor) {
  config_.listen = "unix:" + (folder_ / "workers.sock");
  config_.socket_mode = "0660";
  Start();
  EXPECT_EQ(ModeOf(folder_ / "workers.sock"), 0660u);
}

TEST_F(WorkerListenTest, ASocketInUseIsAnErrorAndStaysInUse) {
  config_.listen = "unix:" + (folder_ / "workers.sock");
  Start();
  const absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("workers.listen: cannot listen on"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a running process listens there already"));
  EXPECT_TRUE(TryToConnect(grpc::InsecureChannelCredentials()).ok()) << "the first one still serves";
}

TEST_F(WorkerListenTest, AGatewayThatIsAboutToListenAtASocketHasItAlready) {
  config_.listen = "unix:" + (folder_ / "workers.sock");
  {
    const absl::StatusOr<SocketClaim> other = SocketClaim::Take(config_.listen);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(StartError().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(StartError().ok()) << "and no more when it has gone";
}

TEST_F(WorkerListenTest, ASocketOfAProcessThatTakesNoLockIsNotTakenOverEither) {
  const std::string path = folder_ / "workers.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  config_.listen = "unix:" + path;
  EXPECT_EQ(StartError().code(), absl::StatusCode::kFailedPrecondition);
  close(fd);
  EXPECT_TRUE(StartError().ok()) << "once it is dead, its socket is replaced";
}

TEST_F(WorkerListenTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = folder_.Write("workers.sock", "precious");
  config_.listen = "unix:" + path;
  EXPECT_EQ(StartError().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadAll(path), "precious");
}

TEST_F(WorkerListenTest, PlainTextMustBeAskedFor) {
  config_.insecure = false;
  EXPECT_EQ(StartError().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WorkerListenTest, ServesTlsAndRefusesPlainText) {
  CertificateAuthority ca;
  CertificateAuthority other;
  UseTls(ca.Server());
  Start();
  EXPECT_TRUE(TryToConnect(Trust(ca)).ok());
  EXPECT_EQ(TryToConnect(Trust(other)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(TryToConnect(grpc::InsecureChannelCredentials()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(WorkerListenTest, WithAClientCaOnlyWorkersWithItsCertificateAreLetIn) {
  CertificateAuthority ca;
  CertificateAuthority workers("workers");
  UseTls(ca.Server(), workers.ca_file());
  Start();
  EXPECT_TRUE(TryToConnect(Trust(ca, workers.Client("worker"))).ok());
  EXPECT_EQ(TryToConnect(Trust(ca)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(TryToConnect(Trust(ca, ca.Client("stranger"))).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(WorkerListenTest, TlsFilesThatCannotBeUsedAreErrorsThatNameKeyAndPath) {
  CertificateAuthority ca;
  UseTls(ca.Server());
  auto error_with = [&](std::string ListenerTls::* file, const std::string& path) {
    ListenerTls good = *config_.tls;
    *config_.tls.*file = path;
    std::string message(StartError().message());
    config_.tls = good;
    return message;
  };
  std::string junk = folder_.Write("junk.pem", "junk");
  std::string absent = folder_ / "absent.pem";
  EXPECT_THAT(error_with(&ListenerTls::cert_file, absent),
              HasSubstr("workers.tls.certFile: '" + absent + "' cannot be read"));
  EXPECT_THAT(error_with(&ListenerTls::cert_file, junk),
              HasSubstr("certFile: '" + junk + "' holds no PEM certificate"));
  EXPECT_THAT(error_with(&ListenerTls::key_file, junk), HasSubstr("workers.tls.keyFile: '" + junk));
  EXPECT_THAT(error_with(&ListenerTls::key_file, ca.Server().key_file), HasSubstr("is not the key of"));
  EXPECT_THAT(error_with(&ListenerTls::client_ca_file, junk), HasSubstr("workers.tls.clientCaFile: '" + junk));
  EXPECT_THAT(error_with(&ListenerTls::client_ca_file, folder_.path()), HasSubstr("' cannot be read: Is a directory"));
}

TEST_F(WorkerListenTest, NewConnectionsUseRenewedFilesAndJunkChangesNothing) {
  CertificateAuthority ca;
  CertificateAuthority renewed;
  CertificateFiles files = ca.Server();
  UseTls(files);
  Start();
  EXPECT_TRUE(TryToConnect(Trust(ca)).ok());

  std::ofstream(files.cert_file) << "junk";
  Advance(Millis(2'000));
  EXPECT_TRUE(TryToConnect(Trust(ca)).ok()) << "the last good certificate stays in use";

  CertificateFiles fresh = renewed.Server();
  std::filesystem::copy_file(fresh.cert_file, files.cert_file, std::filesystem::copy_options::overwrite_existing);
  Advance(Millis(2'000));
  EXPECT_TRUE(TryToConnect(Trust(ca)).ok()) << "half of a pair changes nothing";

  std::filesystem::copy_file(fresh.key_file, files.key_file, std::filesystem::copy_options::overwrite_existing);
  Advance(Millis(2'000));
  EXPECT_TRUE(TryToConnect(Trust(renewed)).ok());
  EXPECT_EQ(TryToConnect(Trust(ca)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace sluice
