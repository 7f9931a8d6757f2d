// Where and how the gateway listens for those who administer it.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "server/net/socket_claim.h"
#include "tests/integration/admin/fixture.h"
#include "tests/support/certificates.h"

namespace sluice {
namespace {

using testing::HasSubstr;

using AdminListenTest = AdminTest;

// What a killed process leaves: a socket that nobody listens at.
void LeaveSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(fd);
}

TEST_F(AdminListenTest, ASocketIsItsOwnersAloneWhateverTheUmask) {
  const mode_t before = umask(0);
  const absl::Status started = Start(Socket());
  EXPECT_EQ(umask(before), 0u) << "left as it was";
  ASSERT_TRUE(started.ok()) << started;
  struct stat found{};
  ASSERT_EQ(stat((folder_ / "admin.sock").c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(Ctl({"status"}), ctl::kOk) << err_;
}

TEST_F(AdminListenTest, ASocketThatADeadProcessHasLeftIsReplaced) {
  LeaveSocket(folder_ / "admin.sock");
  const absl::Status started = Start(Socket());
  ASSERT_TRUE(started.ok()) << started;
  EXPECT_EQ(Ctl({"status"}), ctl::kOk) << err_;
}

TEST_F(AdminListenTest, ASocketInUseIsAnErrorAndStaysInUse) {
  ASSERT_TRUE(Start(Socket()).ok());
  auto second = AdminServer::Start(Socket(), config_, clock_, metrics_, status_, *store_, replays_, sessions_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("admin.listen: cannot listen on"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("a running process listens there already"));
  EXPECT_EQ(Ctl({"status"}), ctl::kOk) << "the first one still serves: " << err_;
}

TEST_F(AdminListenTest, AFileThatIsNoSocketIsLeftAlone) {
  folder_.Write("admin.sock", "precious");
  const absl::Status status = Start(Socket());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a file that is no socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(folder_ / "admin.sock"));
}

TEST_F(AdminListenTest, APathThatIsTooLongForASocketIsSaid) {
  const absl::Status status = Start("unix:" + (folder_ / std::string(108, 'x')));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the path of a Unix socket has 1 to 107 bytes"));
}

TEST_F(AdminListenTest, APortIsChosenAndAPortInUseIsAnError) {
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  EXPECT_EQ(Ctl({"status"}), ctl::kOk) << err_;
  auto second = AdminServer::Start(admin_->address(), config_, clock_, metrics_, status_, *store_, replays_, sessions_);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("Address already in use"));
}

TEST_F(AdminListenTest, ServesTlsToThoseWithACertificate) {
  CertificateAuthority ca;
  CertificateAuthority operators("operators");
  const CertificateFiles server = ca.Server();
  config_.tls = {.cert_file = server.cert_file, .key_file = server.key_file, .client_ca_file = operators.ca_file()};
  ASSERT_TRUE(Start("127.0.0.1:0").ok());
  const CertificateFiles own = operators.Client("operator");
  EXPECT_EQ(Ctl({"status", "--ca-file", ca.ca_file(), "--cert-file", own.cert_file, "--key-file", own.key_file}),
            ctl::kOk)
      << err_;
  EXPECT_EQ(Ctl({"status", "--ca-file", ca.ca_file()}), ctl::kFailure);
  EXPECT_EQ(Ctl({"status"}), ctl::kFailure) << "plain text";
  EXPECT_THAT(err_, HasSubstr("cannot reach the gateway at " + admin_->address()));
  EXPECT_EQ(Ctl({"status", "--ca-file", folder_ / "absent.pem"}), ctl::kFailure);
  EXPECT_THAT(err_, HasSubstr("--ca-file: cannot read"));
}

TEST_F(AdminListenTest, ATlsFileThatCannotBeUsedNamesItsSetting) {
  config_.tls = {.cert_file = folder_ / "absent.pem", .key_file = folder_ / "absent.key"};
  EXPECT_THAT(std::string(Start("127.0.0.1:0").message()), HasSubstr("admin.tls.certFile: '"));
}

TEST_F(AdminListenTest, StopsAtOnceAndTwice) {
  ASSERT_TRUE(Start(Socket()).ok());
  admin_->Stop(Clock::Real().Now());
  admin_->Stop(Clock::Real().Now());
  EXPECT_EQ(Ctl({"status"}), ctl::kFailure);
}

}  // namespace
}  // namespace sluice
