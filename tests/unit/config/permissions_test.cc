// Who workers are, and what they may: what is read, and what cannot be meant.
#include <gmock/gmock.h>

#include "tests/support/jwk.h"
#include "tests/unit/config/errors_fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class PermissionsConfig : public testing::Test {
 protected:
  PermissionsConfig() { world_.files["/etc/sluice/jwks.json"] = Jwks(SigningKey(SigningKind::kP256).Jwk("k1")); }

  // `more` begins in line 4.
  LoadResult Load(const std::string& more, const std::string& auth =
                                               "jwt: [{issuer: i, audiences: [sluice], jwksFile: "
                                               "/etc/sluice/jwks.json}], certificates: {}") const {
    return world_.Load(
        "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
        "routes: [{id: t, from: {path: a/b}, to: {path: temp}}, {id: p, from: {path: c}, to: {path: pressure}}]\n"
        "workers: {tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key, clientCaFile: "
        "/etc/sluice/ca.pem}, auth: {" +
        auth + "}}\n" + more);
  }
  std::string Errors(const std::string& more) const { return Lines(Load(more)); }
  std::string Warnings(const std::string& more) const {
    const LoadResult result = Load(more);
    EXPECT_EQ(Lines(result), "");
    return WarningLines(result);
  }
  std::string AuthErrors(const std::string& auth) const { return Lines(Load("", auth)); }

  FakeWorld world_;
};

TEST_F(PermissionsConfig, WhoShowsATokenNeedsNoCertificate) {
  const std::string jwt = "jwt: [{issuer: i, audiences: [sluice], jwksFile: /etc/sluice/jwks.json}]";
  const std::string tls =
      "tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}, auth: {" + jwt + "}}\n";
  const LoadResult result = world_.Load(
      "connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
      "routes: [{id: t, from: {path: a/b}, to: {path: temp}}]\n"
      "workers: {" +
      tls + "admin: {listen: '127.0.0.1:7444', " + tls + "permissions: [{who: ['**'], chains: ['*'], role: viewer}]\n");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(WarningLines(result), "");
}

TEST_F(PermissionsConfig, IsReadAsItIsWritten) {
  const LoadResult result = Load(
      "permissions:\n"
      "- name: temperature\n"
      "  who: ['spiffe://plant/worker/*', 'sub:system:serviceaccount:plant:temperature']\n"
      "  claims: {iss: i, /kubernetes.io/namespace: [plant, plant-*]}\n"
      "  chains: [temp, pressure]\n"
      "  replies: {allow: ['plant/${topic.2}/reply/#'], deny: ['plant/+/admin/#'], qos: 1, retain: true}\n"
      "  window: {messages: 100, bytes: 1MiB}\n"
      "  streams: 4\n"
      "  rate: {messages: 1000, bytes: 10MiB}\n");
  EXPECT_EQ(Lines(result), "");
  ASSERT_EQ(result.config.permissions.size(), 1);
  const PermissionRule& rule = result.config.permissions[0];
  EXPECT_EQ(rule.name, "temperature");
  EXPECT_THAT(rule.who, ElementsAre("spiffe://plant/worker/*", "sub:system:serviceaccount:plant:temperature"));
  EXPECT_THAT(rule.claims, ElementsAre(Pair("/kubernetes.io/namespace", ElementsAre("plant", "plant-*")),
                                       Pair("iss", ElementsAre("i"))));
  EXPECT_THAT(rule.chains, ElementsAre("temp", "pressure"));
  EXPECT_THAT(rule.allow_replies, ElementsAre("plant/${topic.2}/reply/#"));
  EXPECT_THAT(rule.deny_replies, ElementsAre("plant/+/admin/#"));
  EXPECT_EQ(rule.reply_qos, Qos::kAtLeastOnce);
  EXPECT_TRUE(rule.reply_retain);
  EXPECT_EQ(rule.window_messages, 100);
  EXPECT_EQ(rule.window_bytes, 1u << 20);
  EXPECT_EQ(rule.streams, 4);
  EXPECT_EQ(rule.messages_a_second, 1'000);
  EXPECT_EQ(rule.bytes_a_second, 10u << 20);
  ASSERT_TRUE(result.config.workers.auth);
  EXPECT_EQ(result.config.workers.auth->tokens.at(0).jwks_file, "/etc/sluice/jwks.json");
  EXPECT_EQ(result.config.workers.auth->tokens.at(0).clock_skew_s, 60);
  EXPECT_EQ(WarningLines(result), "");
}

TEST_F(PermissionsConfig, WithoutRulesSaysSo) {
  EXPECT_THAT(Warnings(""), HasSubstr("may serve every chain and publish to every topic"));
}

TEST_F(PermissionsConfig, MayStandInAFileOfTheirOwn) {
  world_.files["/etc/sluice/rules.yaml"] = "permissions:\n- who: ['**']\n  chains: [temp]\n";
  const LoadResult result = Load("permissionsFile: /etc/sluice/rules.yaml\n");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.permissions_file, "/etc/sluice/rules.yaml");
  ASSERT_EQ(result.config.permissions.size(), 1);
  EXPECT_THAT(result.config.permissions[0].chains, ElementsAre("temp"));
  EXPECT_THAT(WarningLines(result),
              HasSubstr("/etc/sluice/rules.yaml:1:1: permissions: no rule lets anybody serve the chain 'pressure'"));
}

TEST_F(PermissionsConfig, AFileThatIsWrongIsToldWithItsPlaces) {
  const auto errors = [this](const std::string& rules) {
    world_.files["/etc/sluice/rules.yaml"] = rules;
    return Errors("permissionsFile: /etc/sluice/rules.yaml\n");
  };
  EXPECT_THAT(errors("permissions:\n- {who: ['**'], chain: [temp]}\n"),
              HasSubstr("/etc/sluice/rules.yaml:2:17: permissions[0]: unknown key 'chain' (did you mean 'chains'?)"));
  EXPECT_THAT(errors("permissions: []\n"), HasSubstr("rules.yaml:1:14: permissions: found no list of rules"));
  EXPECT_THAT(errors("- {who: ['**']}\n"), HasSubstr("rules.yaml:1:1: the file: found a list"));
  EXPECT_THAT(errors("permissions: ["), HasSubstr("/etc/sluice/rules.yaml:1:"));
  EXPECT_THAT(Errors("permissionsFile: /etc/sluice/rules.yaml\npermissions: [{who: ['**'], chains: [temp]}]\n"),
              HasSubstr("gw.yaml:4:18: permissionsFile: both permissions and permissionsFile are set"));
  EXPECT_THAT(Errors("permissionsFile: /etc/sluice/absent.yaml\n"), HasSubstr("gw.yaml:4:18: permissionsFile: found"));
}

TEST_F(PermissionsConfig, RulesThatAreNone) {
  EXPECT_EQ(
      Errors("permissions: [{chains: [temp]}]\n"),
      "gw.yaml:4:15: permissions[0]: says neither who nor which claims; allowed: one of them, or both; who: ['**'] "
      "is everybody\n");
  EXPECT_EQ(Errors("permissions: [{who: ['**']}]\n"),
            "gw.yaml:4:15: permissions[0]: gives nothing and denies nothing; allowed: chains, a role, replies.deny or "
            "a bound\n");
  EXPECT_EQ(Errors("permissions: [{who: ['**'], streams: 1, replies: {allow: [a]}}]\n"),
            "gw.yaml:4:15: permissions[0]: replies.allow is for messages of its chains, and it names none; allowed: "
            "chains\n");
  EXPECT_THAT(Errors("permissions: [{who: ['a***'], chains: [temp]}]\n"),
              HasSubstr("gw.yaml:4:22: permissions[0].who[0]: found 'a***' (holds '***'"));
  EXPECT_THAT(
      Errors("permissions: [{who: ['**'], chains: [temp], replies: {allow: ['a/${topic.x}']}}]\n"),
      HasSubstr("permissions[0].replies.allow[0]: found 'a/${topic.x}' (has a ${topic.N} whose N is no number"));
  EXPECT_THAT(Errors("permissions: [{who: ['**'], chains: [temp], claims: {groups: {a: b}}}]\n"),
              HasSubstr("permissions[0].claims.groups: found a map"));
  EXPECT_EQ(Errors("permissions: []\n"),
            "gw.yaml:4:14: permissions: found no list of rules; allowed: a list of maps, each beginning with '- '\n");
  EXPECT_THAT(Lines(world_.Load(std::string(kMinimal) + "permissions: [{who: ['**'], chains: [c]}]\n")),
              HasSubstr("nobody is asked who it is"));
}

TEST_F(PermissionsConfig, RulesThatNothingReaches) {
  const std::string rest = ", chains: [temp, pressure]}]\n";
  EXPECT_EQ(Warnings("permissions: [{who: ['dns:Pump.plant']" + rest),
            "gw.yaml:4:21: permissions[0].who: 'dns:Pump.plant' is nobody: host names are compared in small letters\n");
  EXPECT_THAT(Warnings("permissions: [{who: ['worker-7']" + rest),
              HasSubstr("names of principals begin with spiffe://"));
  EXPECT_THAT(Warnings("permissions: [{who: ['subject:CN = x']" + rest), HasSubstr("no auth takes names of this kind"));
  EXPECT_EQ(Warnings("permissions: [{who: ['sp*', '**', 'sub:*']" + rest), "");
  EXPECT_THAT(Warnings("permissions: [{who: ['**'], replies: {allow: [a/#], deny: ['#']}" + rest),
              HasSubstr("replies.allow 'a/#' gives nothing, as replies.deny '#' denies all of it"));
  EXPECT_THAT(WarningLines(Load("permissions: [{claims: {groups: a}" + rest, "certificates: {}")),
              HasSubstr("nobody has them: no auth takes tokens"));
}

TEST_F(PermissionsConfig, ChainsThatAreNoneAndThoseOfNobody) {
  EXPECT_EQ(
      Warnings("permissions: [{who: ['**'], chains: [temp, presure]}]\n"),
      "gw.yaml:2:56: permissions: no rule lets anybody serve the chain 'pressure' that this route leads to\n"
      "gw.yaml:4:37: permissions[0].chains: 'presure' is no chain that a route leads to or that chains names (did "
      "you mean 'pressure'?)\n");
  EXPECT_THAT(Warnings("permissions: [{who: ['**'], chains: [temp, pressure, 'alarm-*']}]\n"), HasSubstr("'alarm-*'"));
}

TEST_F(PermissionsConfig, SeveralIssuersMayHaveOneSubject) {
  const std::string two =
      "jwt: [{issuer: i, audiences: [s], jwksFile: /etc/sluice/jwks.json}, {issuer: k, audiences: [s], jwksFile: "
      "/etc/sluice/jwks.json}]";
  EXPECT_THAT(WarningLines(Load("permissions: [{who: ['sub:a'], chains: ['*']}]\n", two)),
              HasSubstr("several issuers may have such a subject"));
  EXPECT_EQ(WarningLines(Load("permissions: [{who: ['sub:a'], claims: {iss: i}, chains: ['*']}]\n", two)), "");
}

TEST_F(PermissionsConfig, Roles) {
  const std::string admin =
      "admin: {listen: '0.0.0.0:9', tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key, "
      "clientCaFile: /etc/sluice/ca.pem}, auth: {certificates: {names: [email]}}}\n";
  const std::string rule = "permissions: [{who: ['email:*@plant'], role: operator}, {who: ['**'], chains: ['*']}]\n";
  const LoadResult result = Load(admin + rule);
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(WarningLines(result), "");
  EXPECT_EQ(result.config.permissions.at(0).role, AdminRole::kOperator);
  EXPECT_THAT(Warnings(rule), HasSubstr("permissions[0].role: nobody asks administrators who they are"));
  EXPECT_THAT(Errors("permissions: [{who: ['**'], role: root}]\n"),
              HasSubstr("permissions[0].role: found 'root'; allowed: viewer, operator, admin"));
  EXPECT_THAT(WarningLines(Load("admin: {listen: 'unix:/run/a', auth: {jwt: [{issuer: i, audiences: [a], jwksFile: "
                                "/etc/sluice/jwks.json}]}}\npermissions: [{who: ['**'], chains: ['*']}]\n")),
              HasSubstr("nobody is asked on a Unix socket"));
}

TEST_F(PermissionsConfig, AuthThatCannotBeMeant) {
  EXPECT_THAT(AuthErrors(""), HasSubstr("workers.auth: neither certificates nor jwt is there"));
  EXPECT_THAT(AuthErrors("certificates: {}, require: all"), HasSubstr("workers.auth.require: all is for"));
  EXPECT_THAT(AuthErrors("certificates: {names: [uri, cn]}"),
              HasSubstr("workers.auth.certificates.names[1]: found 'cn' (no such name)"));
  EXPECT_THAT(AuthErrors("certificates: {names: []}"), HasSubstr("an empty list takes no certificate"));
  EXPECT_THAT(AuthErrors("jwt: []"), HasSubstr("workers.auth.jwt: found no list of issuers"));
  EXPECT_THAT(AuthErrors("jwt: [{issuer: i}]"), HasSubstr("key 'audiences' is missing"));
  EXPECT_THAT(AuthErrors("jwt: [{issuer: i, audiences: [], jwksFile: /etc/sluice/jwks.json}]"),
              HasSubstr("an empty list takes no token"));
  EXPECT_THAT(AuthErrors("jwt: [{issuer: i, audiences: [a], jwksFile: /etc/sluice/server.key}]"),
              HasSubstr("jwksFile: file '/etc/sluice/server.key' is no JSON object"));
  EXPECT_THAT(Lines(world_.Load(std::string(kMinimal) + "")), "");
  EXPECT_THAT(Lines(world_.Load("connections: {plant: {server: 'broker:1883', clientId: gw}}\n"
                                "routes: [{from: {path: a/b}, to: {path: c}}]\n"
                                "workers: {insecure: true, auth: {certificates: {}}}\n")),
              HasSubstr("nobody checks client certificates without tls.clientCaFile"));
}

}  // namespace
}  // namespace sluice
