#include "server/admin/admin_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Whoever shows a name is that.
class NameAuthenticator final : public Authenticator {
 public:
  OrRefusal<PrincipalPtr> Authenticate(const Credentials& credentials) override {
    if (credentials.authorization.empty()) {
      return AuthenticationRefusal{AuthenticationCheck::kNoCredentials, "a token is needed"};
    }
    return std::make_shared<const Principal>(Principal{.names = {std::string(credentials.authorization.front())}});
  }
  absl::Status StillHolds(const Principal& /*principal*/) const override { return absl::OkStatus(); }
};

// A call that goes on until it is ended.
class LastingCall final : public rpc::SyncCall {
 public:
  explicit LastingCall(const std::string& name) {
    info_.metadata = {{"authorization", name}};
    info_.peer = std::make_shared<Peer>(
        Peer{.text = "10.0.0.7:4711", .address = "10.0.0.7", .certificate = std::make_shared<const PeerCertificate>()});
  }
  const rpc::CallInfo& info() const override { return info_; }
  std::optional<std::string> Read() override { return std::nullopt; }
  bool Write(rpc::Payload /*message*/) override { return false; }
  bool cancelled() const override { return !ends_->empty(); }
  std::function<void(const absl::Status&)> Ender() override {
    return [ends = ends_](const absl::Status& status) { ends->push_back(status); };
  }
  const std::vector<absl::Status>& ends() const { return *ends_; }

 private:
  rpc::CallInfo info_;
  const std::shared_ptr<std::vector<absl::Status>> ends_ = std::make_shared<std::vector<absl::Status>>();
};

class AdminGuardTest : public testing::Test {
 protected:
  absl::Status Enter(AdminGuard& guard, AdminRole needed, const std::vector<std::string_view>& shown,
                     const std::string& address = "10.0.0.7") {
    Peer peer{.text = address + ":4711", .address = address};
    if (address == "unix") peer = {.text = "unix", .address = "unix", .uid = 1'000};
    const absl::StatusOr<AdminCaller> caller = guard.Enter("PurgeDeadLetters", needed, peer, shown);
    if (caller.ok()) guard.Note("PurgeDeadLetters", needed, *caller, absl::OkStatus(), "3 purged");
    return caller.status();
  }
  std::vector<std::string> Lines() const {
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  const TempDir directory_;
  const std::string path_ = directory_ / "audit.log";
  ManualClock clock_;
  AuditLog audit_{path_, clock_};
  NameAuthenticator authenticator_;
  Permissions permissions_ =
      *Permissions::Compile({{.name = "v", .who = {"email:*@plant"}, .role = AdminRole::kViewer},
                             {.name = "a", .who = {"email:root@plant"}, .role = AdminRole::kAdmin}});
  AdminGuard guard_{&authenticator_, permissions_, audit_};
};

TEST_F(AdminGuardTest, LetsInByRoleAndNotesWho) {
  EXPECT_TRUE(Enter(guard_, AdminRole::kAdmin, {"email:root@plant"}).ok());
  EXPECT_THAT(Lines(), ElementsAre(R"({"time":"2023-11-14T22:30:00Z","who":"email:root@plant","from":"10.0.0.7:4711",)"
                                   R"("what":"PurgeDeadLetters","outcome":"done","detail":"3 purged"})"));
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AdminGuardTest, RefusesAndNotesWhy) {
  const absl::Status low = Enter(guard_, AdminRole::kOperator, {"email:bob@plant"});
  EXPECT_EQ(low.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(low.message(), "needs the role operator, has viewer");
  EXPECT_EQ(Enter(guard_, AdminRole::kViewer, {"email:eve@other"}).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Enter(guard_, AdminRole::kViewer, {}).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(R"("who":"email:bob@plant")"), HasSubstr(R"("outcome":"refused")"),
                                   HasSubstr(R"("who":"nobody")")));
  EXPECT_THAT(Lines().back(), HasSubstr("no_credentials: a token is needed"));
}

TEST_F(AdminGuardTest, ARevokedCertificateEndsNoConnectionButLetsNobodyAct) {
  const auto revoked = [](const PeerCertificate&) { return absl::UnauthenticatedError("CN = root is revoked"); };
  AdminGuard guard(&authenticator_, permissions_, audit_, revoked);
  const Peer peer{.text = "10.0.0.7:4711", .address = "10.0.0.7", .certificate = std::make_shared<PeerCertificate>()};
  const std::string_view shown[] = {"email:root@plant"};
  const absl::Status refused = guard.Enter("PurgeDeadLetters", AdminRole::kAdmin, peer, shown).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr("CN = root is revoked")));
}

TEST_F(AdminGuardTest, EndsACallThatLastsWhenItsRuleIsTakenAwayAndNoOther) {
  LastingCall bob("email:bob@plant"), root("email:root@plant");
  const auto looks = guard_.EnterToStay("Tail", AdminRole::kViewer, bob);
  const auto acts = guard_.EnterToStay("ImportDeadLetters", AdminRole::kOperator, root);
  ASSERT_TRUE(looks.ok() && acts.ok());
  EXPECT_EQ((*acts)->caller().who, "email:root@plant");
  guard_.CheckAgain();
  EXPECT_THAT(bob.ends(), IsEmpty());

  permissions_.Replace(*Permissions::Compile({{.name = "v", .who = {"email:*@plant"}, .role = AdminRole::kViewer}}));
  guard_.CheckAgain();
  guard_.CheckAgain();
  EXPECT_THAT(bob.ends(), IsEmpty());
  ASSERT_THAT(root.ends(), SizeIs(1));
  EXPECT_EQ(root.ends()[0].code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ((*acts)->ended(), root.ends()[0]);
  EXPECT_TRUE((*looks)->ended().ok());
  EXPECT_THAT(Lines(), ElementsAre(AllOf(HasSubstr(R"("what":"ImportDeadLetters")"), HasSubstr("has viewer"))));
}

TEST_F(AdminGuardTest, EndsACallThatLastsWhenItsCertificateIsWithdrawnAtTheNextLookAtTheFiles) {
  absl::Status shown_is;
  AdminGuard guard(&authenticator_, permissions_, audit_, [&](const PeerCertificate&) { return shown_is; });
  LastingCall call("email:root@plant");
  const auto stay = guard.EnterToStay("ImportDeadLetters", AdminRole::kOperator, call);
  ASSERT_TRUE(stay.ok());
  guard.Tick(clock_.Now(), 1);
  shown_is = absl::UnauthenticatedError("CN = root is revoked");
  guard.Tick(clock_.Now(), 1);
  EXPECT_THAT(call.ends(), IsEmpty());
  guard.Tick(clock_.Now(), 2);
  ASSERT_THAT(call.ends(), SizeIs(1));
  EXPECT_EQ(call.ends()[0].code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(AdminGuardTest, WhoStaysIsAskedForAgainNowAndThenAndNotWhenTheCallIsOver) {
  absl::Status shown_is;
  AdminGuard guard(&authenticator_, permissions_, audit_, [&](const PeerCertificate&) { return shown_is; });
  LastingCall lasting("email:root@plant"), over("email:root@plant");
  const auto stay = guard.EnterToStay("Tail", AdminRole::kViewer, lasting);
  ASSERT_TRUE(guard.EnterToStay("Tail", AdminRole::kViewer, over).ok());
  const SteadyTime next = guard.Tick(clock_.Now(), 0);
  EXPECT_EQ(next, clock_.Now() + AdminGuard::kAskAgain);
  shown_is = absl::UnauthenticatedError("run out");
  guard.Tick(next, 0);
  EXPECT_THAT(lasting.ends(), SizeIs(1));
  EXPECT_THAT(over.ends(), IsEmpty());
}

TEST_F(AdminGuardTest, TheOwnersSocketIsAnAdministrators) {
  EXPECT_TRUE(Enter(guard_, AdminRole::kAdmin, {}, "unix").ok());
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(R"("who":"unix:1000","from":"unix")")));
}

TEST_F(AdminGuardTest, ALookIsNotAnAct) {
  EXPECT_TRUE(Enter(guard_, AdminRole::kViewer, {"email:bob@plant"}).ok());
  EXPECT_THAT(Lines(), IsEmpty());
}

TEST_F(AdminGuardTest, WithoutAuthWhoeverComesMayAll) {
  AdminGuard open(nullptr, permissions_, audit_);
  EXPECT_TRUE(Enter(open, AdminRole::kAdmin, {}).ok());
  EXPECT_THAT(Lines(), ElementsAre(HasSubstr(R"("who":"anybody")")));
}

TEST_F(AdminGuardTest, ANameCannotForgeALine) {
  EXPECT_FALSE(Enter(guard_, AdminRole::kAdmin, {"sub:x\"}\n{\"who\":\"root"}).ok());
  EXPECT_EQ(Lines().size(), 1);
}

}  // namespace
}  // namespace sluice
