// Files that the command line names, and what is said of one that cannot be used, before anything is sent; and of a
// gateway that cannot be reached.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "client/cpp/ctl/channel.h"
#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/target_flags.h"
#include "tests/support/pem.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kNobody[] = "127.0.0.1:1";

class CtlFilesTest : public testing::Test {
 protected:
  // What a command that fails says.
  std::string Said(std::vector<std::string> arguments, int status = kFailure) {
    arguments.insert(arguments.end(), {"--address", kNobody});
    fake_.err.str("");
    EXPECT_EQ(ctl::Run(arguments, fake_.console()), status) << arguments.front();
    return fake_.err.str();
  }

  const TempDir folder_;
  FakeConsole fake_;
};

TEST_F(CtlFilesTest, AnArgumentThatIsNoTextIsRefusedUnlessItNamesAFile) {
  EXPECT_THAT(Said({"chains", "show", "\xff"}, kUsage), HasSubstr("argument 3, '"));
  EXPECT_THAT(Said({"chains", "show", "caf\xe9"}, kUsage), HasSubstr("is no text in UTF-8"));
  EXPECT_THAT(Said({"tail", "--topic=plant/\xff"}, kUsage), HasSubstr("argument 2, '"));

  const std::string latin1 = folder_ / "caf\xe9.pem";
  std::ofstream(latin1) << "no certificate";
  EXPECT_THAT(Said({"status", "--ca-file", latin1}), Not(HasSubstr("UTF-8")));
  EXPECT_THAT(Said({"status", "--ca-file=" + latin1}), Not(HasSubstr("UTF-8")));
}

TEST_F(CtlFilesTest, OneThatCannotBeReadIsNamedWithTheReason) {
  const std::string directory = folder_.path();
  const std::string absent = folder_ / "absent";
  const auto with = [](std::vector<std::string> words, const std::string& path) {
    words.push_back(path);
    return words;
  };
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"config", "diff"}, {"config", "apply"}, {"routes", "put"}, {"rulego", "apply"}}) {
    EXPECT_EQ(Said(with(command, directory)), "sluicectl: cannot read '" + directory + "': Is a directory\n");
    EXPECT_EQ(Said(with(command, absent)), "sluicectl: cannot read '" + absent + "': No such file or directory\n");
  }
  const std::vector<std::string> status = {"status"};
  const std::vector<std::string> test = {"routes", "test", "--topic", "a"};
  for (const auto& [option, words] :
       {std::pair("--ca-file", &status), std::pair("--token-file", &status), std::pair("--payload", &test)}) {
    const std::string place = "sluicectl: " + std::string(option) + ": cannot read '";
    EXPECT_EQ(Said(with(with(*words, option), directory)), place + directory + "': Is a directory\n");
    EXPECT_EQ(Said(with(with(*words, option), absent)), place + absent + "': No such file or directory\n");
  }
  EXPECT_EQ(Said({"dlq", "import", directory}), "sluicectl: " + directory + ": cannot be read: Is a directory\n");
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(Said({"dlq", "import", pipe}),
              HasSubstr("is no regular file; what comes out of a pipe is read with '-'"));
}

TEST_F(CtlFilesTest, AnEmptyOneIsSaidToBeEmpty) {
  const std::string empty = folder_.Write("empty", "");
  EXPECT_EQ(Said({"status", "--token-file", empty}), "sluicectl: --token-file: '" + empty + "' is empty\n");
  EXPECT_EQ(Said({"status", "--ca-file", empty}),
            "sluicectl: --ca-file: '" + empty + "' holds no PEM certificate (it is empty)\n");
}

TEST_F(CtlFilesTest, OneThatIsNoTextIsNotSent) {
  const std::string binary = folder_.Write("gateway.yaml", "routes:\n  - \xff\xfe\n");
  const std::string said = "sluicectl: '" + binary + "' is no text in UTF-8 (line 2)";
  EXPECT_THAT(Said({"config", "diff", binary}), HasSubstr(said));
  EXPECT_THAT(Said({"config", "apply", binary}), HasSubstr(said));
  for (const char* kind : {"routes", "chains", "connections"})
    EXPECT_THAT(Said({kind, "put", binary}), HasSubstr(said));
  EXPECT_THAT(Said({"rulego", "apply", binary}), HasSubstr(said));
  fake_.in.str("\xff");
  EXPECT_THAT(Said({"config", "diff", "-"}), HasSubstr("standard input is no text in UTF-8 (line 1)"));
}

TEST_F(CtlFilesTest, TlsFilesAreCheckedBeforeAnybodyIsDialled) {
  const PemPair own = MakePem("own", 4'000'000'000);
  const PemPair other = MakePem("other", 4'000'000'000);
  const std::string junk = folder_.Write("junk.pem", "junk");
  const std::string cert = folder_.Write("own.crt", own.cert);
  const std::string key = folder_.Write("own.key", own.key);
  const std::string others_key = folder_.Write("other.key", other.key);
  const std::string locked = folder_.Write("locked.key", EncryptedKey(own.key));
  const auto said = [this](const std::string& cert_file, const std::string& key_file) {
    return Said({"status", "--cert-file", cert_file, "--key-file", key_file});
  };
  EXPECT_EQ(Said({"status", "--ca-file", junk}), "sluicectl: --ca-file: '" + junk + "' holds no PEM certificate\n");
  EXPECT_EQ(Said({"status", "--ca-file", key}),
            "sluicectl: --ca-file: '" + key + "' holds no PEM certificate (it holds a private key)\n");
  EXPECT_EQ(said(junk, key), "sluicectl: --cert-file: '" + junk + "' holds no PEM certificate\n");
  EXPECT_EQ(said(cert, junk), "sluicectl: --key-file: '" + junk + "' holds no PEM private key\n");
  EXPECT_EQ(said(cert, others_key), "sluicectl: --key-file: '" + others_key +
                                        "' is not the key of the certificate (--cert-file '" + cert + "')\n");
  EXPECT_EQ(said(cert, locked), "sluicectl: --key-file: '" + locked + "' is encrypted; decrypt it (openssl pkey)\n");
  EXPECT_THAT(said(cert, key), HasSubstr("cannot reach the gateway"));
}

TEST_F(CtlFilesTest, ACertificateAndItsKeyGoTogether) {
  EXPECT_THAT(Said({"status", "--key-file", "k"}, kUsage), HasSubstr("--key-file: the key's certificate is missing"));
  EXPECT_THAT(Said({"status", "--cert-file", "c"}, kUsage), HasSubstr("--cert-file: the certificate's key is missing"));
}

std::string Unreached(const AdminChannel& channel, const std::string& text) {
  return std::string(ExplainStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, text), channel).message());
}

TEST(ExplainStatusTest, TlsIsThoughtOfWhereSomebodyHangsUp) {
  const AdminChannel plain{.address = "localhost:7444"};
  const AdminChannel secure{.address = "localhost:7444", .tls = true};
  const std::string prefix = "failed to connect to all addresses; last error: ";
  const std::string hung_up = prefix + "UNAVAILABLE: ipv4:127.0.0.1:7444: Socket closed";
  EXPECT_THAT(Unreached(plain, hung_up), HasSubstr("Socket closed; if it speaks TLS, give --ca-file"));
  EXPECT_THAT(Unreached(secure, hung_up), Not(HasSubstr("speak")));
  EXPECT_THAT(Unreached(plain, prefix + "Connection refused"), Not(HasSubstr("speak")));
  EXPECT_THAT(Unreached(secure, prefix + "SSL routines::wrong version number"),
              HasSubstr("; if it speaks no TLS, leave out"));
}

TEST(ExplainStatusTest, TheUsualSocketIsExplained) {
  if (access(kDefaultAddress + 5, F_OK) == 0) GTEST_SKIP() << "a gateway runs here";
  EXPECT_THAT(Unreached({.address = kDefaultAddress}, "x"),
              HasSubstr("'admin.sock' in its journal.path; --address or $SLUICE_ADMIN names another"));
  EXPECT_THAT(Unreached({.address = "unix:/nowhere/admin.sock"}, "x"), HasSubstr("is that its admin.listen?"));
}

}  // namespace
}  // namespace sluice::ctl
