#include "server/net/tls_files.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() {
    const PemPair pair = authority_.Issue({});
    files_ = {.cert_file = folder_.Write("tls.crt", pair.cert),
              .key_file = folder_.Write("tls.key", pair.key),
              .key_password_file = "",
              .client_ca_file = folder_.Write("ca.crt", authority_.cert()),
              .client_crl = ""};
  }
  absl::StatusOr<TlsTexts> Read() const { return ReadTlsFiles("workers.tls", files_); }
  std::string Error() const { return std::string(Read().status().message()); }

  TempDir folder_;
  TlsAuthority authority_;
  TlsFiles files_;
};

TEST_F(TlsFilesTest, AreReadWhole) {
  const absl::StatusOr<TlsTexts> texts = Read();
  ASSERT_TRUE(texts.ok()) << texts.status();
  EXPECT_EQ(texts->client_ca, authority_.cert());
}

TEST_F(TlsFilesTest, ErrorsNameSettingFileAndCause) {
  const TlsFiles good = files_;
  files_.cert_file = folder_ / "absent.pem";
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.certFile: '" + files_.cert_file), HasSubstr("No such file")));
  files_ = good;
  files_.cert_file = folder_.Write("junk.pem", "junk");
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.certFile: '"), HasSubstr("holds no PEM certificate")));
  files_ = good;
  files_.key_file = good.cert_file;
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.keyFile: '"), HasSubstr("it holds a certificate")));
  files_ = good;
  files_.client_ca_file = folder_.path();
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.clientCaFile: '"), HasSubstr("Is a directory")));
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  files_.key_file = folder_.Write("other.key", authority_.Issue({}).key);
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.keyFile: '"), HasSubstr("is not the key of the certificate"),
                             HasSubstr(files_.cert_file)));
}

TEST_F(TlsFilesTest, AWeakKeyIsRefusedWithTheRemedy) {
  const PemPair weak = authority_.Issue({.key = TestKey::kWeakRsa});
  files_.cert_file = folder_.Write("weak.crt", weak.cert);
  files_.key_file = folder_.Write("weak.key", weak.key);
  EXPECT_THAT(Error(), AllOf(HasSubstr("key too small"), HasSubstr("2,048 bits")));
}

TEST_F(TlsFilesTest, EveryUsualKindOfKeyIsTaken) {
  for (TestKey kind : {TestKey::kP256, TestKey::kP384, TestKey::kEd25519, TestKey::kRsa2048}) {
    const PemPair pair = authority_.Issue({.key = kind});
    files_.cert_file = folder_.Write("tls.crt", pair.cert);
    files_.key_file = folder_.Write("tls.key", pair.key);
    EXPECT_TRUE(Read().ok()) << Read().status();
  }
}

TEST_F(TlsFilesTest, AnEncryptedKeyNeedsItsPassword) {
  const PemPair pair = authority_.Issue({});
  files_.cert_file = folder_.Write("tls.crt", pair.cert);
  files_.key_file = folder_.Write("tls.key", EncryptedKey(pair.key));
  EXPECT_THAT(Error(), AllOf(HasSubstr("is encrypted"), HasSubstr("keyPasswordFile")));
  files_.key_password_file = folder_.Write("password", "hunter2\n");
  EXPECT_TRUE(Read().ok()) << Read().status();
  files_.key_password_file = folder_.Write("password", "wrong\n");
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.keyFile: '"), HasSubstr("the password is not the one")));
  EXPECT_THAT(Error(), testing::Not(HasSubstr("wrong\n")));
  files_.key_password_file = folder_.Write("password", "\n");
  EXPECT_THAT(Error(), StartsWith("workers.tls.keyPasswordFile: '"));
}

TEST_F(TlsFilesTest, RevocationListsAreAFileOrADirectoryOfThem) {
  files_.client_crl = folder_.Write("list.crl", authority_.Crl({7}));
  ASSERT_TRUE(Read().ok()) << Read().status();
  std::filesystem::create_directory(folder_ / "crls");
  files_.client_crl = folder_ / "crls";
  EXPECT_THAT(Error(), AllOf(StartsWith("workers.tls.clientCrl: '"), HasSubstr("holds no file")));
  folder_.Write("crls/a.crl", authority_.Crl({7}));
  folder_.Write("crls/b.crl", TlsAuthority("Other").Crl({}));
  ASSERT_TRUE(Read().ok()) << Read().status();
  EXPECT_EQ(Read()->client_crls.size(), 2u);
  folder_.Write("crls/c.crl", "junk");
  EXPECT_THAT(Error(), AllOf(HasSubstr("crls/c.crl"), HasSubstr("holds no revocation list")));
}

TEST_F(TlsFilesTest, TheStampChangesWithAnyFile) {
  std::filesystem::create_directory(folder_ / "crls");
  files_.client_crl = folder_ / "crls";
  std::string before = TlsFilesStamp(files_);
  EXPECT_EQ(TlsFilesStamp(files_), before);
  folder_.Write("crls/a.crl", "one");
  EXPECT_NE(TlsFilesStamp(files_), before);
  before = TlsFilesStamp(files_);
  folder_.Write("crls/a.crl", "three");
  EXPECT_NE(TlsFilesStamp(files_), before);
  before = TlsFilesStamp(files_);
  std::filesystem::remove(files_.key_file);
  EXPECT_NE(TlsFilesStamp(files_), before);
}

}  // namespace
}  // namespace sluice
