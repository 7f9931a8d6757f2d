// What a wrong configuration is told: the sections beside connections and routes.
#include <gmock/gmock.h>

#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

TEST_F(LoadErrors, Chains) {
  EXPECT_EQ(
      OfLine("chains: {a: {orderBy: topic/2}}"),
      "gw.yaml:5:23: chains.a.orderBy: found 'topic/2'; allowed: none, topic, or topic level N (N from 1 to 1000)\n");
  EXPECT_EQ(
      OfLine("chains: {a: {orderBy: topic level 0}}"),
      "gw.yaml:5:23: chains.a.orderBy: found 'topic level 0'; allowed: none, topic, or topic level N (N from 1 to "
      "1000)\n");
  EXPECT_EQ(OfLine("chains: {a: {lease: 11m}}"),
            "gw.yaml:5:21: chains.a.lease: lease (11m) is longer than maxLease (10m); allowed: at most as long\n");
  EXPECT_EQ(
      OfLine("chainDefaults: {maxRetryBackoff: 500ms}\nchains: {a: {}}"),
      "gw.yaml:5:34: chainDefaults.maxRetryBackoff: retryBackoff (1s) is longer than maxRetryBackoff (500ms); allowed: "
      "at most as long\n");
  EXPECT_EQ(
      OfLine("chains: {a: {deadLetterTopic: a/+}}"),
      "gw.yaml:5:31: chains.a.deadLetterTopic: found 'a/+' (has the wildcard '+' at byte 3); allowed: a topic without "
      "wildcards\n");
  EXPECT_EQ(OfLine("chains: {'a:b': {}}"),
            "gw.yaml:5:10: chains: found the name 'a:b'; allowed: 1 to 256 bytes without ':', '${', blanks and control "
            "characters\n");
}

TEST_F(LoadErrors, ChainsOfTemplates) {
  EXPECT_EQ(OfLine("maxTemplateChains: 0"),
            "gw.yaml:5:20: maxTemplateChains: found '0'; allowed: a whole number from 1 to 100000\n");
  const std::string rest = "connections: {plant: {server: b, clientId: x}}\nworkers: {insecure: true}\n";
  EXPECT_EQ(Errors(rest + "routes: [{from: {path: a}, to: {path: c, chains: [c]}}]\n"),
            "gw.yaml:3:50: routes[0].to.chains: the path names one chain; allowed: only with a path that has a '${'\n");
  EXPECT_EQ(
      Errors(rest + "routes: [{from: {path: a}, to: {path: '${topic}', chains: ['', 'a b']}}]\n"),
      "gw.yaml:3:60: routes[0].to.chains[0]: found '' (is empty); allowed: a list of names of chains, with `*` for "
      "any characters\n"
      "gw.yaml:3:64: routes[0].to.chains[1]: found 'a b' (has a blank or control character); allowed: a list of "
      "names of chains, with `*` for any characters\n");
}

TEST_F(LoadErrors, Replies) {
  EXPECT_EQ(
      OfLine("replies: {allow: [a#, $share/g/a, [b]]}"),
      "gw.yaml:5:19: replies.allow[0]: found 'a#' (has a '#' that does not fill a whole level at byte 2); allowed: a "
      "list of topic filters such as plant/+/reply/#\n"
      "gw.yaml:5:23: replies.allow[1]: found '$share/g/a' (is a shared subscription); allowed: a list of topic filters "
      "such as plant/+/reply/#\n"
      "gw.yaml:5:35: replies.allow[2]: found a list; allowed: a list of topic filters such as plant/+/reply/#\n");
}

TEST_F(LoadErrors, WorkersMustBeToldHowToConnect) {
  const std::string rest =
      "connections: {plant: {server: b, clientId: x}}\nroutes: [{from: {path: a}, to: {path: c}}]\n";
  const std::string neither =
      "neither tls nor insecure is set, so it is not said how workers connect; write tls: {certFile: FILE, keyFile: "
      "FILE, "
      "clientCaFile: FILE}, or, for a first try or behind something that encrypts, insecure: true\n";
  EXPECT_EQ(Errors(rest + "workers: {}\n"), "gw.yaml:3:1: workers: " + neither);
  EXPECT_EQ(Errors(rest + "workers: {insecure: false}\n"), "gw.yaml:3:21: workers.insecure: " + neither);
  EXPECT_EQ(Errors(rest + "workers: {insecure: true, tls: {certFile: /etc/sluice/server.pem, keyFile: "
                          "/etc/sluice/server.key}}\n"),
            "gw.yaml:3:21: workers.insecure: both tls and insecure: true are set; allowed: exactly one of them\n");
  EXPECT_EQ(Errors(rest + "workers: {tls: {}}\n"),
            "gw.yaml:3:11: workers.tls: key 'certFile' is missing; allowed: the path of a file\n"
            "gw.yaml:3:11: workers.tls: key 'keyFile' is missing; allowed: the path of a file\n");
  EXPECT_EQ(
      Errors(rest + "workers: {listen: ':7443', insecure: true}\n"),
      "gw.yaml:3:19: workers.listen: found ':7443' (the host is missing; 0.0.0.0 is every address of this machine, "
      "127.0.0.1 this machine only); allowed: HOST:PORT or unix:PATH\n");
}

TEST_F(LoadErrors, FramesMustHoldTheLargestPacket) {
  EXPECT_EQ(Errors("connections: {plant: {server: b, clientId: x, maxPacketBytes: 1MiB}}\n"
                   "routes: [{from: {path: a}, to: {path: c}}]\n"
                   "workers: {listen: 'unix:/w', insecure: true, maxFrameBytes: 1MiB}\n"),
            "gw.yaml:3:61: workers.maxFrameBytes: found 1048576 bytes, too few for the 1048576 bytes of "
            "connections.plant.maxPacketBytes and 65536 more; allowed: a larger maxFrameBytes, or a smaller "
            "maxPacketBytes\n");
}

TEST_F(LoadErrors, Journal) {
  EXPECT_EQ(OfLine("journal: {enabled: perhaps}"),
            "gw.yaml:5:20: journal.enabled: found 'perhaps'; allowed: true or false\n");
  EXPECT_EQ(
      OfLine("journal: {path: ''}"),
      "gw.yaml:5:17: journal.path: found an empty path; allowed: a directory, or enabled: false for no journal\n");
  EXPECT_EQ(OfLine("journal: {fsync: sometimes}"),
            "gw.yaml:5:18: journal.fsync: found 'sometimes'; allowed: never, interval, always\n");
  EXPECT_EQ(OfLine("journal: {segmentBytes: 1KiB}"),
            "gw.yaml:5:25: journal.segmentBytes: found '1KiB'; allowed: a size from 64KiB to 1GiB, such as 1048576, "
            "10MB or 64MiB\n");
}

TEST_F(LoadErrors, DeadLetters) {
  EXPECT_EQ(OfLine("deadLetters: {maxMessages: 0}"),
            "gw.yaml:5:28: deadLetters.maxMessages: found '0'; allowed: a whole number from 1 to 100000000\n");
  EXPECT_EQ(
      OfLine("deadLetters: {maxAges: 0}"),
      "gw.yaml:5:15: deadLetters: unknown key 'maxAges' (did you mean 'maxAge'?); known keys: maxMessages, maxBytes, "
      "maxAge\n");
  EXPECT_EQ(OfLine("chainDefaults: {deadLetterFormat: json}"),
            "gw.yaml:5:35: chainDefaults.deadLetterFormat: found 'json'; allowed: auto, payload, envelope\n");
}

TEST_F(LoadErrors, Admin) {
  EXPECT_EQ(OfLine("admin: {listen: 'unix:/run/sluice/admin.sock'}"), "");
  EXPECT_EQ(OfLine("admin: {listen: ''}"), "");
  EXPECT_EQ(OfLine("admin: {listen: '127.0.0.1:7444'}"), "");
  EXPECT_EQ(OfLine("admin: {listen: '[::1]:7444'}"), "");
  for (const char* open : {"0.0.0.0:7444", "[::]:7444", "admin.example:7444"}) {
    const std::string listen = "admin: {listen: '" + std::string(open) + "'";
    EXPECT_THAT(OfLine(listen + "}"),
                testing::StartsWith("gw.yaml:5:17: admin.listen: '" + std::string(open) +
                                    "' can be reached from other machines; allowed: a unix:PATH"));
    EXPECT_EQ(OfLine(listen + ", insecure: true}"), "");
  }
  EXPECT_EQ(OfLine("admin: {insecure: true, tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}"),
            "gw.yaml:5:19: admin.insecure: both tls and insecure: true are set; allowed: at most one of them\n");
  EXPECT_EQ(OfLine("admin: {tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}}"),
            "gw.yaml:5:14: admin.tls: TLS is for a HOST:PORT, and listen is none; allowed: listen: HOST:PORT, or no "
            "tls\n");
}

TEST_F(LoadErrors, Http) {
  EXPECT_EQ(
      OfLine("http: {listen: 'unix:/x'}"),
      "gw.yaml:5:16: http.listen: found 'unix:/x' (a Unix socket is not possible here); allowed: HOST:PORT, or \"\" "
      "for none\n");
}

TEST_F(LoadErrors, WatermarksThatLeaveNoRoomBetweenThem) {
  EXPECT_EQ(
      OfLine("pressure: {low: 90}"),
      "gw.yaml:5:17: pressure.low: found 90, which is not less than high, 90; allowed: a smaller low, or a larger "
      "high\n");
  EXPECT_EQ(OfLine("pressure: {high: 80, low: 79}"), "");
}

}  // namespace
}  // namespace sluice
