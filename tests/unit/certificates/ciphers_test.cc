#include "server/certificates/ciphers.h"

#include <gmock/gmock.h>

namespace sluice {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string Problem(std::string_view name) { return std::string(CheckCipher(name).message()); }

TEST(Ciphers, AreTakenByEitherNameWhenTheyHaveForwardSecrecyAndAuthenticate) {
  for (const char* name : {"ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                           "DHE-RSA-AES128-GCM-SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"}) {
    EXPECT_EQ(Problem(name), "") << name;
  }
}

TEST(Ciphers, OthersAreRefusedWithTheReason) {
  struct Case {
    const char* name;
    const char* why;
  };
  for (const auto& [name, why] : {Case{"AES128-GCM-SHA256", "has no forward secrecy"},
                                  {"TLS_RSA_WITH_AES_128_GCM_SHA256", "has no forward secrecy"},
                                  {"PSK-AES128-GCM-SHA256", "has no forward secrecy"},
                                  {"ECDHE-ECDSA-AES128-SHA", "has no authenticated encryption"},
                                  {"ADH-AES128-GCM-SHA256", "asks for no certificate"},
                                  {"TLS_AES_128_CCM_8_SHA256", "authenticates with 64 bits only"}}) {
    EXPECT_THAT(Problem(name), HasSubstr(why)) << name;
    EXPECT_THAT(CipherNames(), Not(Contains(name)));
  }
  for (const char* name : {"", "NO-SUCH", "HIGH:!aNULL", "ALL", "@SECLEVEL=0"}) {
    EXPECT_EQ(CheckCipher(name).code(), absl::StatusCode::kNotFound) << name;
  }
}

TEST(Ciphers, AreSortedByVersionAndOfAVersionThatIsNotNamedAllAreTaken) {
  const CipherLists lists =
      CipherListsOf({"TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_256_GCM_SHA384"});
  EXPECT_EQ(lists.tls13, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(lists.tls12, "ECDHE-RSA-AES128-GCM-SHA256");
  EXPECT_EQ(CipherListsOf({"TLS_AES_128_GCM_SHA256"}).tls12, CipherListsOf({}).tls12);
  EXPECT_TRUE(IsTls13Cipher("TLS_AES_128_GCM_SHA256"));
  EXPECT_FALSE(IsTls13Cipher("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
}

}  // namespace
}  // namespace sluice
