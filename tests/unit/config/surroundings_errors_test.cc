// What would fail at the start or later for what lies around the configuration: files, disks, listeners, brokers.
#include <gmock/gmock.h>

#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SurroundingsErrors : public LoadErrors {
 protected:
  std::string Warnings(std::string_view yaml) { return WarningLines(world_.Load(yaml)); }
  std::string WithWorkersTls(std::string_view tls) {
    return "connections: {plant: {server: b, clientId: x}}\nroutes: [{from: {path: a}, to: {path: c}}]\n"
           "workers:\n  tls: {" +
           std::string(tls) + "}\n";
  }
  std::string WithWorkers(std::string_view workers, std::string_view rest = "") {
    return "connections: {plant: {server: b, clientId: x}}\nroutes: [{from: {path: a}, to: {path: c}}]\n"
           "workers: {insecure: true, " +
           std::string(workers) + "}\n" + std::string(rest);
  }
};

// ------------------------------------------------------------------------------------------------ PEM files

TEST_F(SurroundingsErrors, AKeyThatIsNotTheCertificates) {
  EXPECT_EQ(Errors(WithWorkersTls("certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/client.key")),
            "gw.yaml:4:52: workers.tls.keyFile: file '/etc/sluice/client.key' is not the key of the certificate\n");
  EXPECT_EQ(
      OfConnection("server: b, clientId: x, certFile: /etc/sluice/client.pem, certKeyFile: /etc/sluice/server.key"),
      "gw.yaml:2:82: connections.plant.certKeyFile: file '/etc/sluice/server.key' is not the key of the "
      "certificate\n");
}

TEST_F(SurroundingsErrors, AKeyThatIsEncrypted) {
  world_.files["/etc/sluice/server.key"] = EncryptedKey(FakePem(2).key);
  EXPECT_THAT(Errors(WithWorkersTls("certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key")),
              StartsWith("gw.yaml:4:52: workers.tls.keyFile: file '/etc/sluice/server.key' is encrypted"));
}

TEST_F(SurroundingsErrors, AKeyThatIsTooWeak) {
  const PemPair weak = MakePem("weak", kFakeNow + 365 * 86'400, PemKey::kWeakRsa);
  world_.files["/etc/sluice/server.pem"] = weak.cert;
  world_.files["/etc/sluice/server.key"] = weak.key;
  EXPECT_THAT(Errors(WithWorkersTls("certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key")),
              AllOf(StartsWith("gw.yaml:4:52: workers.tls.keyFile:"), HasSubstr("key too small")));
}

TEST_F(SurroundingsErrors, AFileThatHoldsSomethingElseIsNotShown) {
  EXPECT_EQ(OfConnection("server: b, clientId: x, caFile: /etc/sluice/password"),
            "gw.yaml:2:43: connections.plant.caFile: file '/etc/sluice/password' holds no PEM certificate\n");
  EXPECT_EQ(Errors(WithWorkersTls("certFile: /etc/sluice/server.key, keyFile: /etc/sluice/server.pem")),
            "gw.yaml:4:19: workers.tls.certFile: file '/etc/sluice/server.key' holds no PEM certificate (it holds a "
            "private key)\n"
            "gw.yaml:4:52: workers.tls.keyFile: file '/etc/sluice/server.pem' holds no PEM private key (it holds a "
            "certificate)\n");
}

TEST_F(SurroundingsErrors, APasswordOrAKeyInPlaceOfAPathIsNotShown) {
  EXPECT_EQ(Errors(WithWorkersTls("certFile: /etc/sluice/server.pem, keyFile: hunter2")),
            "gw.yaml:4:52: workers.tls.keyFile: found a text that is not shown, as it does not look like a path (a "
            "file beside: ./NAME) (No such file or directory); allowed: the path of a file\n");
  EXPECT_THAT(OfConnection("server: b, clientId: x, username: u, passwordFile: hunter2"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(OfConnection("server: b, clientId: x, caFile: \"-----BEGIN PRIVATE KEY-----\\nhunter2\\n\""),
              Not(HasSubstr("hunter2")));
}

TEST_F(SurroundingsErrors, CertificatesThatEndSoonAreWarnedOf) {
  world_.files["/etc/sluice/ca.pem"] = MakePem("old", kFakeNow - 1).cert;
  EXPECT_EQ(
      Warnings(WithConnection("server: b, clientId: x, caFile: /etc/sluice/ca.pem")),
      "gw.yaml:2:43: connections.plant.caFile: file '/etc/sluice/ca.pem' holds a certificate that has expired (CN "
      "= old, 2027-01-15T07:59:59Z)\n");
}

// ------------------------------------------------------------------------------------------------ the journal's disk

TEST_F(SurroundingsErrors, AJournalThatCannotBeThere) {
  world_.unusable_directories["/etc/passwd"] = "'/etc/passwd' is no directory";
  world_.unusable_directories["/data/journal"] = "'/data/journal' may not be written to";
  const std::string remedy = "; allowed: a directory that the gateway may write to or make, or enabled: false\n";
  EXPECT_EQ(OfLine("journal: {path: /etc/passwd}"),
            "gw.yaml:5:17: journal.path: '/etc/passwd' is no directory" + remedy);
  EXPECT_EQ(OfLine("journal: {path: /data}"),
            "gw.yaml:5:17: journal.path: '/data/journal' may not be written to" + remedy);
  EXPECT_EQ(OfLine("journal: {path: /etc/passwd, enabled: false}"), "");
  world_.unusable_directories["/var/lib/sluice"] = "'/var' is on a file system that is read-only";
  EXPECT_EQ(OfLine(""), "gw.yaml:1:1: journal: '/var' is on a file system that is read-only" + remedy);
}

TEST_F(SurroundingsErrors, ABoundThatTheDiskCannotHold) {
  world_.disk_bytes = 10u << 20;
  EXPECT_EQ(OfLine("journal: {maxBytes: 11MiB}"),
            "gw.yaml:5:21: journal.maxBytes: found 11 MiB, more than the 10 MiB of the whole disk under "
            "'/var/lib/sluice', which would be full before; allowed: less than half of it\n");
  EXPECT_EQ(OfLine("journal: {maxBytes: 9MiB}"), "");
  EXPECT_THAT(Warnings(std::string(kMinimal) + "journal: {maxBytes: 9MiB}\n"),
              HasSubstr("gw.yaml:5:21: journal.maxBytes: maxBytes (9 MiB) needs up to 274 MiB and the disk under "
                        "'/var/lib/sluice' has 10 MiB"));
  EXPECT_EQ(OfLine("journal: {path: /small}"), "") << "the default is only warned of";
  world_.disk_bytes = 0;
  EXPECT_EQ(OfLine("journal: {maxBytes: 11MiB}"), "") << "the disk does not say";
}

// ------------------------------------------------------------------------------------------------ listeners

TEST_F(SurroundingsErrors, ListenersInEachOthersWay) {
  EXPECT_EQ(Errors(WithWorkers("listen: '127.0.0.1:9090'")),
            "gw.yaml:3:35: workers.listen: '127.0.0.1:9090' is in the way of http.listen, '127.0.0.1:9090' by default; "
            "allowed: an address of its own\n");
  EXPECT_EQ(Errors(WithWorkers("listen: '0.0.0.0:7000'", "http: {listen: '127.0.0.1:7000'}\n")),
            "gw.yaml:4:16: http.listen: '127.0.0.1:7000' is in the way of workers.listen, '0.0.0.0:7000'; allowed: an "
            "address of its own\n");
  for (const char* http : {"localhost:7000", "LOCALHOST:7000", "0.0.0.0:7000", "'[::]:7000'", "'[::1]:7000'"}) {
    EXPECT_NE(Errors(WithWorkers("listen: 'localhost:7000'", "http: {listen: " + std::string(http) + "}\n")), "")
        << http;
  }
  for (const char* http :
       {"'[::ffff:127.0.0.1]:7000'", "'[::ffff:7f00:1]:7000'", "'127.1:7000'", "'0:7000'", "'[::ffff:0.0.0.0]:7000'"}) {
    EXPECT_NE(Errors(WithWorkers("listen: '127.0.0.1:7000'", "http: {listen: " + std::string(http) + "}\n")), "")
        << http;
  }
  EXPECT_NE(Errors(WithWorkers("listen: '[0:0::1]:7000'", "http: {listen: '[::1]:7000'}\n")), "");
  EXPECT_NE(Errors(WithWorkers("listen: '127.0.0.1:7000'", "admin: {listen: '127.0.0.1:7000'}\n")), "");
  EXPECT_EQ(Errors(WithWorkers("listen: '127.0.0.1:7000'", "http: {listen: '127.0.0.2:7000'}\n")), "");
  EXPECT_EQ(Errors(WithWorkers("listen: '127.0.0.1:0'", "http: {listen: '127.0.0.1:0'}\n")), "");
  EXPECT_EQ(Errors(WithWorkers("listen: '127.0.0.1:7000'", "http: {listen: ''}\n")), "");
}

TEST_F(SurroundingsErrors, SocketsAtOnePath) {
  EXPECT_EQ(
      Errors(WithWorkers("listen: 'unix:/run/../run/s'", "admin: {listen: 'unix:/run/s'}\n")),
      "gw.yaml:4:17: admin.listen: 'unix:/run/s' is in the way of workers.listen, 'unix:/run/../run/s'; allowed: an "
      "address of its own\n");
  EXPECT_EQ(Errors(WithWorkers("listen: 'unix:/var/lib/sluice/admin.sock'")),
            "gw.yaml:3:35: workers.listen: 'unix:/var/lib/sluice/admin.sock' is in the way of admin.listen, "
            "'unix:/var/lib/sluice/admin.sock' by default; allowed: an address of its own\n");
  world_.links["/run/link"] = "/run/s";
  EXPECT_NE(Errors(WithWorkers("listen: 'unix:/run/link'", "admin: {listen: 'unix:/run/s'}\n")), "");
}

// ------------------------------------------------------------------------------------------------ brokers

TEST_F(SurroundingsErrors, OneClientIdOnOneBrokerOfTwoNames) {
  const auto two = [this](const std::string& a, const std::string& b) {
    return Errors("connections:\n  a: {server: '" + a + "', clientId: x}\n  b: {server: '" + b +
                  "', clientId: x}\nroutes: [{connection: a, from: {path: a}, to: {path: c}}]\n"
                  "workers: {insecure: true}\n");
  };
  for (const auto& [a, b] : {std::pair("localhost", "127.0.0.1"), std::pair("localhost:1883", "mqtt://[::1]"),
                             std::pair("mqtt://Broker.Example", "tcp://broker.example.:1883"),
                             std::pair("[::1]:1883", "[0:0:0::1]"), std::pair("ws://b/mqtt", "ws://b:80/other")}) {
    EXPECT_THAT(two(a, b), HasSubstr("gw.yaml:3:3: connections.b: has the clientId and the server of connections.a"))
        << a << " " << b;
  }
  EXPECT_EQ(two("a", "b"), "");
  EXPECT_EQ(two("a:1883", "a:1884"), "");
}

TEST_F(SurroundingsErrors, OneClientIdOnTwoPortsOfAHostIsWarnedOf) {
  EXPECT_THAT(
      Warnings("connections:\n  a: {server: 'mqtt://b', clientId: x}\n  b: {server: 'mqtts://B', clientId: x}\n"
               "routes: [{connection: a, from: {path: a}, to: {path: c}}]\nworkers: {insecure: true}\n"),
      HasSubstr("gw.yaml:3:3: connections.b: has the clientId of connections.a on another port of the same host"));
}

// ------------------------------------------------------------------------------------------------ routes and replies

TEST_F(SurroundingsErrors, TwoRoutesOfOneFilter) {
  const auto routes = [](const std::string& second) {
    return "connections: {plant: {server: b, clientId: x}, other: {server: d, clientId: x}}\nworkers: {insecure: "
           "true}\n"
           "routes:\n  - {id: one, connection: plant, from: {path: a/+}, to: {path: c}}\n  - {id: two, " +
           second + "}\n";
  };
  const std::string twice = routes("connection: plant, from: {path: a/+}, to: {path: c}");
  EXPECT_EQ(
      Errors(twice),
      "gw.yaml:5:5: routes[1]: takes in 'a/+' as the route in line 4 does, and leads to the same chain, which would "
      "get every message twice; allowed: one of them, or another chain\n");
  EXPECT_NE(Errors(routes("connection: plant, from: {path: $share/g/a/+}, to: {path: c}")), "");
  const std::string both = routes("connection: plant, from: {path: $share/g/a/+}, to: {path: d}");
  EXPECT_EQ(Errors(both), "");
  EXPECT_THAT(Warnings(both), HasSubstr("gw.yaml:5:5: routes[1]: takes in 'a/+' as the route in line 4 does, so every "
                                        "message comes to both chains"));
  EXPECT_EQ(Errors(routes("connection: other, from: {path: a/+}, to: {path: c}")), "");
  EXPECT_THAT(Warnings(routes("connection: plant, from: {path: a/b}, to: {path: c}")), Not(HasSubstr("routes[1]")));
}

TEST_F(SurroundingsErrors, RepliesThatAreAllowedAndYetGoRoundAreWarnedOf) {
  const std::string loop = std::string(kMinimal) + "replies: {allow: [out/#, a/#]";
  EXPECT_THAT(
      Warnings(loop + "}\n"),
      AllOf(HasSubstr("gw.yaml:5:26: replies.allow: 'a/#' holds topics that route 'a/b' takes in ('a/b'); replies "
                      "to these are refused unless allowLoops is true"),
            Not(HasSubstr("out/#"))));
  EXPECT_THAT(Warnings(loop + ", allowLoops: true}\n"), Not(HasSubstr("replies.allow")));
}

}  // namespace
}  // namespace sluice
