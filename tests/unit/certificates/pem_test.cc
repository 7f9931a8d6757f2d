#include "server/certificates/pem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "server/certificates/expiry.h"
#include "tests/support/pem.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kDay = 86'400;

std::string Text(const absl::Status& status) { return std::string(status.message()); }
std::string CertificateError(const std::string& pem) { return Text(CheckCertificates(pem).status()); }

TEST(Pem, TakesAPairThatBelongsTogether) {
  const PemPair pair = MakePem("plant", kNow);
  EXPECT_TRUE(CheckCertificates(pair.cert).ok());
  EXPECT_TRUE(CheckPrivateKey(pair.key).ok());
  EXPECT_TRUE(CheckPair(pair.cert, pair.key).ok());
  EXPECT_TRUE(CheckCertificates("Some words.\n" + pair.cert + "# more\n").ok()) << "text around is allowed";
}

TEST(Pem, KnowsWhatExpiresFirst) {
  const std::string chain = MakePem("late", kNow + 20 * kDay).cert + MakePem("early", kNow + 10 * kDay).cert;
  const absl::StatusOr<Expiry> expiry = CheckCertificates(chain);
  ASSERT_TRUE(expiry.ok());
  EXPECT_EQ(expiry->unix_s, kNow + 10 * kDay);
  EXPECT_EQ(expiry->subject, "CN = early");
}

TEST(Pem, WarnsFromFourteenDaysBefore) {
  const Expiry expiry{.unix_s = kNow, .subject = "CN = plant"};
  EXPECT_EQ(ExpiresSoon(expiry, kNow - 14 * kDay - 1), "");
  EXPECT_EQ(ExpiresSoon(expiry, kNow - 14 * kDay), "expires in less than 14 days (CN = plant, 2027-01-15T08:00:00Z)");
  EXPECT_EQ(ExpiresSoon(expiry, kNow), "has expired (CN = plant, 2027-01-15T08:00:00Z)");
}

TEST(Pem, SaysWhatAWrongFileIsWithoutShowingIt) {
  const PemPair pair = MakePem("plant", kNow);
  EXPECT_EQ(CertificateError("hunter2\n"), "holds no PEM certificate");
  EXPECT_EQ(CertificateError(""), "holds no PEM certificate (it is empty)");
  EXPECT_EQ(CertificateError(pair.key), "holds no PEM certificate (it holds a private key)");
  EXPECT_EQ(CertificateError("\x30\x82\x01\x02"),
            "holds no PEM certificate (it looks like DER, which openssl converts)");
  EXPECT_EQ(Text(CheckPrivateKey("\x30\x77" + std::string(0x77, 'k'))),
            "holds no PEM private key (it looks like DER, which openssl converts)");
  EXPECT_EQ(Text(CheckPrivateKey("0w, a password")), "holds no PEM private key");
  EXPECT_EQ(CertificateError("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"),
            "holds a PEM certificate that is damaged");
  EXPECT_EQ(CertificateError(pair.cert + pair.cert.substr(0, 200)), "holds a PEM certificate that is damaged");
  EXPECT_EQ(Text(CheckPrivateKey("hunter2\n")), "holds no PEM private key");
  EXPECT_EQ(Text(CheckPrivateKey(pair.cert)), "holds no PEM private key (it holds a certificate)");
  EXPECT_EQ(Text(CheckPrivateKey(pair.key.substr(0, 60))), "holds a PEM private key that is damaged");
}

TEST(Pem, RefusesAKeyThatAsksForAPassPhrase) {
  const PemPair pair = MakePem("plant", kNow);
  EXPECT_THAT(Text(CheckPrivateKey(EncryptedKey(pair.key))),
              AllOf(StartsWith("is encrypted"), Not(HasSubstr("hunter2"))));
}

TEST(Pem, RefusesTheKeyOfAnotherCertificate) {
  const PemPair pair = MakePem("plant", kNow);
  EXPECT_EQ(Text(CheckPair(pair.cert, MakePem("other", kNow).key)), "is not the key of the certificate");
}

TEST(Pem, RefusesAWeakKeyByItsName) {
  const PemPair pair = MakePem("plant", kNow, PemKey::kWeakRsa);
  EXPECT_TRUE(CheckPrivateKey(pair.key).ok());
  EXPECT_THAT(Text(CheckPair(pair.cert, pair.key)), HasSubstr("key too small"));
}

TEST(Pem, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(Text(ReadPemFile("/no/such.pem").status()), "cannot be read: No such file or directory");
  EXPECT_EQ(Text(ReadPemFile("/").status()), "cannot be read: Is a directory");
  EXPECT_EQ(Text(ReadPemFile("/dev/zero").status()), "cannot be read: it is no regular file");
  const TempDir folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(Text(ReadPemFile(folder / "pipe").status()), "cannot be read: it is no regular file") << "and nobody waits";
}

}  // namespace
}  // namespace sluice
