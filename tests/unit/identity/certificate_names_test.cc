#include "server/identity/certificate_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CertificateNames, AreWhatTheCertificateSaysOfEachKind) {
  const PeerCertificate certificate{.subject = "CN = pump-7, O = Plant",
                                    .uris = {"https://plant.example/pump", "spiffe://plant/pump-7"},
                                    .dns_names = {"Pump-7.Plant.Example"},
                                    .emails = {"Ops@Plant.Example"}};
  EXPECT_THAT(NamesOf(certificate, {}), ElementsAre("spiffe://plant/pump-7", "uri:https://plant.example/pump",
                                                    "dns:pump-7.plant.example", "email:Ops@plant.example"));
  EXPECT_THAT(NamesOf(certificate, {.uri = false, .dns = false, .email = false, .subject = true}),
              ElementsAre("subject:CN = pump-7, O = Plant"));
  EXPECT_THAT(NamesOf(certificate, {.uri = false, .dns = false, .email = false}), IsEmpty())
      << "the subject only where it is asked for";
}

TEST(CertificateNames, LeaveOutWhatIsNoSpiffeId) {
  for (const char* uri :
       {"spiffe://plant/../admin", "spiffe://plant/./admin", "spiffe://plant//admin", "spiffe://plant/admin/",
        "spiffe://plant", "spiffe:///admin", "spiffe://Plant/admin", "SPIFFE://plant/admin", "spiffe:plant/admin",
        "spiffe://plant:443/admin", "spiffe://user@plant/admin", "spiffe://plant/admin?x", "spiffe://plant/admin#x",
        "spiffe://plant/%61dmin", "spiffe://plant/adm\xd1\x96n", "spiffe://pl\xc3\xa0nt/admin",
        "spiffe://plant/ad min"}) {
    EXPECT_THAT(NamesOf({.uris = {uri}}, {}), IsEmpty()) << uri;
  }
}

TEST(CertificateNames, DoNotChooseBetweenSpiffeIds) {
  EXPECT_THAT(NamesOf({.uris = {"spiffe://plant/worker", "spiffe://plant/admin"}}, {}), IsEmpty());
}

TEST(CertificateNames, LeaveOutHostNamesThatStandForOthers) {
  for (const char* name : {"*.plant", "", ".", "a..b", "a b", "-\xc3\xa9.plant", "pump/7", "a.plant."}) {
    EXPECT_THAT(NamesOf({.dns_names = {name}}, {}), IsEmpty()) << name;
  }
}

TEST(CertificateNames, LeaveOutAddressesThatAreNone) {
  for (const char* address : {"ops", "@plant", "ops@", "ops@pl ant", "ops@*.plant", "o ps@plant"}) {
    EXPECT_THAT(NamesOf({.emails = {address}}, {}), IsEmpty()) << address;
  }
}

}  // namespace
}  // namespace sluice
