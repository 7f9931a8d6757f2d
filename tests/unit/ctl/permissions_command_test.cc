// sluicectl permissions test, by a file: the same rules as the gateway's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cpp/ctl/commands.h"
#include "tests/support/jwk.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using ::testing::HasSubstr;

class PermissionsTest : public ::testing::Test {
 protected:
  PermissionsTest() {
    const std::string keys = directory_.Write("jwks.json", Jwks(SigningKey(SigningKind::kP256).Jwk("k1")));
    config_ =
        directory_.Write("gateway.yaml",
                         "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
                         "routes: [{from: {path: plant/+/temp}, to: {path: temperature}}]\n"
                         "workers: {insecure: true, auth: {jwt: [{issuer: i, audiences: [a], jwksFile: " +
                             keys +
                             "}]}}\n"
                             "journal: {enabled: false}\n"
                             "permissions: [{name: temp, who: ['sub:w'], claims: {groups: x}, chains: [temperature], "
                             "replies: {allow: ['plant/${topic.2}/reply'], qos: 1}}]\n");
  }
  int Ask(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"permissions", "test", "--config", config_, "--as", "sub:w"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return ctl::Run(arguments, fake_.console());
  }

  const TempDir directory_;
  std::string config_;
  FakeConsole fake_;
};

TEST_F(PermissionsTest, ExplainsWhatIsPermittedAndWhatIsNot) {
  const std::vector<std::string> question = {"--claim", "groups=x",      "--chain",         "temperature",
                                             "--reply", "plant/7/reply", "--message-topic", "plant/7/temp"};
  EXPECT_EQ(Ask(question), kOk) << fake_.err.str();
  EXPECT_THAT(fake_.out.str(), HasSubstr("permitted\n  to sub:w apply: temp\n"));
  std::vector<std::string> other = question;
  other.back() = "plant/8/temp";
  EXPECT_EQ(Ask(other), kFailure);
  EXPECT_THAT(fake_.out.str(), HasSubstr("NOT permitted\n"));
  std::vector<std::string> exact = question;
  exact.insert(exact.end(), {"--qos", "2"});
  EXPECT_EQ(Ask(exact), kFailure);
  EXPECT_THAT(fake_.out.str(), HasSubstr("permits QoS 1 at most"));
}

TEST_F(PermissionsTest, NeedsTheClaimsToo) {
  EXPECT_EQ(Ask({"--chain", "temperature"}), kFailure);
  EXPECT_THAT(fake_.out.str(), HasSubstr("no rule applies to sub:w"));
  EXPECT_EQ(Ask({"--chain", "temperature", "--claim", "groups"}), kUsage);
}

TEST_F(PermissionsTest, SaysWhatIsWrongWithTheQuestionOrTheFile) {
  EXPECT_EQ(Ask({"--chain", "temperature", "--reply", "a/#"}), kFailure);
  EXPECT_THAT(fake_.err.str(), HasSubstr("the reply topic has the wildcard '#'"));
  const std::vector<std::string> nowhere = {"permissions", "test",  "--config", "/nowhere",
                                            "--as",        "sub:w", "--chain",  "c"};
  EXPECT_EQ(ctl::Run(nowhere, fake_.console()), kFailure);
  EXPECT_THAT(fake_.err.str(), HasSubstr("the configuration is wrong:\nsluicectl:   command line: --config /nowhere"));
}

}  // namespace
}  // namespace sluice::ctl
