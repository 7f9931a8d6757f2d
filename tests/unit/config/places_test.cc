// Every key that takes a path: what the shell would expand, and what cannot be where it is to be.
#include <gmock/gmock.h>

#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class Places : public LoadErrors {
 protected:
  std::string Warnings(std::string_view yaml) { return WarningLines(world_.Load(yaml)); }
  std::string WithWorkers(std::string_view workers, std::string_view rest = "") {
    return "connections: {plant: {server: b, clientId: x}}\nroutes: [{from: {path: a}, to: {path: c}}]\n"
           "workers: {" +
           std::string(workers) + "}\n" + std::string(rest) + "\n";
  }
};

TEST_F(Places, ATildeIsNotExpandedWhereverAPathIsTaken) {
  const std::string told =
      " ('~' is not expanded; write the whole path, or ${HOME} for it, or ./ before a name that begins with it); "
      "allowed: ";
  EXPECT_EQ(OfLine("journal: {path: ~/sluice}"),
            "gw.yaml:5:17: journal.path: found '~/sluice'" + told + "a directory\n");
  EXPECT_EQ(OfLine("audit: {file: ~/audit.log}"),
            "gw.yaml:5:15: audit.file: found '~/audit.log'" + told + "the path of a file\n");
  EXPECT_EQ(OfLine("admin: {listen: 'unix:~/admin.sock'}"), "gw.yaml:5:17: admin.listen: found 'unix:~/admin.sock'" +
                                                                told + "unix:PATH, HOST:PORT, or \"\" for none\n");
  EXPECT_EQ(OfConnection("server: b, clientId: x, passwordFile: ~/password"),
            "gw.yaml:2:49: connections.plant.passwordFile: found '~/password'" + told + "the path of a file\n");
  for (const char* key : {"caFile", "certFile", "certKeyFile"}) {
    EXPECT_THAT(OfConnection("server: b, clientId: x, " + std::string(key) + ": ~/x"), HasSubstr("found '~/x'" + told))
        << key;
  }
  EXPECT_THAT(OfLine("http: {metricsTokenFile: ~/token}"), HasSubstr(told));
  EXPECT_THAT(Errors(WithWorkers("tls: {certFile: ~/a, keyFile: ~/b, clientCaFile: ~/c}")),
              testing::AllOf(HasSubstr("found '~/a'"), HasSubstr("found '~/b'"), HasSubstr("found '~/c'")));
  EXPECT_THAT(Errors(WithWorkers("insecure: true, auth: {jwt: [{issuer: i, audiences: [a], jwksFile: ~/jwks}]}")),
              HasSubstr(told));
  EXPECT_EQ(OfLine("journal: {path: ./~/sluice}"), "");
  EXPECT_EQ(OfLine("journal: {path: '${HOME}/sluice'}"), "");
}

TEST_F(Places, AnAuditFileThatCannotBeThere) {
  world_.unusable_places["/var/log/sluice/audit.log"] = "'/var/log/sluice' is not there";
  EXPECT_EQ(
      OfLine("audit: {file: /var/log/sluice/audit.log}"),
      "gw.yaml:5:15: audit.file: '/var/log/sluice' is not there; allowed: a place where the user that this runs as "
      "may make it\n");
  EXPECT_EQ(OfLine("audit: {file: /var/log/audit.log}"), "");
}

TEST_F(Places, ASocketThatCannotBeThere) {
  world_.unusable_places["/run/sluice/s"] = "'/run/sluice' is not there";
  const std::string told =
      "'/run/sluice' is not there; allowed: a place where the user that this runs as may make it\n";
  EXPECT_EQ(Errors(WithWorkers("insecure: true, listen: 'unix:/run/sluice/s'")),
            "gw.yaml:3:35: workers.listen: " + told);
  EXPECT_EQ(OfLine("admin: {listen: 'unix:/run/sluice/s'}"), "gw.yaml:5:17: admin.listen: " + told);
}

TEST_F(Places, WhatIsBesideTheJournalIsMadeWithItsDirectory) {
  for (const char* path : {"/data/new/audit.log", "/data/new/s"})
    world_.unusable_places[path] = "'/data/new' is not there";
  EXPECT_EQ(Errors(WithWorkers("insecure: true, listen: 'unix:/data/new/s'",
                               "journal: {path: /data/new/}\naudit: {file: /data/new/../new/audit.log}")),
            "");
  EXPECT_THAT(Errors(WithWorkers("insecure: true", "journal: {enabled: false}\naudit: {file: /data/new/audit.log}")),
              HasSubstr("is not there"));
}

TEST_F(Places, AJournalThatEverybodyMayWriteToIsWarnedOf) {
  world_.open_directories["/var/lib/sluice"] = "1777";
  world_.open_directories["/var/lib/sluice/journal"] = "0777";
  const std::string told = " by every user of this machine (mode ";
  EXPECT_THAT(Warnings(kMinimal),
              testing::AllOf(HasSubstr("journal: '/var/lib/sluice' can be written to" + told + "1777)"),
                             HasSubstr("'/var/lib/sluice/journal' can be written to" + told + "0777)")));
  EXPECT_EQ(Warnings(std::string(kMinimal) + "journal: {enabled: false}\n").find("every user"), std::string::npos);
}

TEST_F(Places, APasswordFileThatHoldsNoPassword) {
  world_.files["/etc/sluice/password"] = "\r\n";
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, passwordFile: /etc/sluice/password"),
      "gw.yaml:2:49: connections.plant.passwordFile: file '/etc/sluice/password' is empty; allowed: the password, and "
      "a line break\n");
  world_.files["/etc/sluice/password"] = std::string(65'536, 'x');
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, passwordFile: /etc/sluice/password"),
      "gw.yaml:2:49: connections.plant.passwordFile: file '/etc/sluice/password' has more than the 65535 bytes of an "
      "MQTT password\n");
}

}  // namespace
}  // namespace sluice
