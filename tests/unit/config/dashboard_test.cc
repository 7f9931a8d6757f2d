// admin.dashboard.
#include <gmock/gmock.h>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kTlsFiles[] =
    "certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key, clientCaFile: /etc/sluice/ca.pem";

class DashboardSection : public testing::Test {
 protected:
  LoadResult Load(const std::string& dashboard, const std::string& more = "") {
    return world_.Load(std::string(kMinimal) + more + "admin: {dashboard: {" + dashboard + "}}\n");
  }
  std::string Errors(const std::string& dashboard) { return Lines(Load(dashboard)); }

  FakeWorld world_;
};

TEST_F(DashboardSection, IsOffUnlessItIsThere) { EXPECT_EQ(world_.Load(kMinimal).config.admin.dashboard.listen, ""); }

TEST_F(DashboardSection, WhomNobodyAsksMayLook) {
  const LoadResult result = Load("listen: '127.0.0.1:8090'");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(WarningLines(result), "");
  EXPECT_EQ(result.config.admin.dashboard.unasked, AdminRole::kViewer);
  EXPECT_EQ(Load("listen: '127.0.0.1:8090', role: admin").config.admin.dashboard.unasked, AdminRole::kAdmin);
  EXPECT_THAT(Errors("listen: '127.0.0.1:8090', role: none"), HasSubstr("viewer, operator"));
}

TEST_F(DashboardSection, NeedsAnAddressOfItsOwn) {
  EXPECT_THAT(Errors("role: viewer"), HasSubstr("listen"));
  EXPECT_THAT(Errors("listen: 'unix:/run/x.sock'"), HasSubstr("admin.dashboard.listen"));
  EXPECT_THAT(Errors("listen: '127.0.0.1:9090'"), HasSubstr("is in the way of http.listen"));
}

TEST_F(DashboardSection, WhatOthersReachNeedsTlsOrAWordThatItDoesNot) {
  EXPECT_THAT(Errors("listen: '0.0.0.0:8090'"), HasSubstr("can be reached from other machines"));
  EXPECT_EQ(Errors(std::string("listen: '0.0.0.0:8090', tls: {") + kTlsFiles + "}"), "");
  const LoadResult plain = Load("listen: '0.0.0.0:8090', insecure: true");
  EXPECT_EQ(Lines(plain), "");
  EXPECT_THAT(WarningLines(plain), HasSubstr("admin.dashboard.insecure"));
  EXPECT_THAT(Errors(std::string("listen: '0.0.0.0:8090', insecure: true, tls: {") + kTlsFiles + "}"),
              HasSubstr("at most one"));
}

TEST_F(DashboardSection, HostsAreNames) {
  EXPECT_THAT(Load("listen: '127.0.0.1:8090', hosts: [Sluice.Plant.Example]").config.admin.dashboard.hosts,
              ElementsAre("sluice.plant.example"));
  for (const char* host : {"'https://x'", "'x:8090'", "'*.x'"}) {
    EXPECT_THAT(Errors(std::string("listen: '127.0.0.1:8090', hosts: [") + host + "]"), HasSubstr("is no name"))
        << host;
  }
}

TEST_F(DashboardSection, AsksAsAdminAuthSays) {
  const auto load = [this](const std::string& dashboard) {
    return world_.Load(std::string(kMinimal) +
                       "admin: {auth: {certificates: {}}, dashboard: {listen: '127.0.0.1:8090'" + dashboard + "}}\n");
  };
  EXPECT_EQ(Lines(load(std::string(", tls: {") + kTlsFiles + "}")), "");
  EXPECT_THAT(Lines(load("")), HasSubstr("no browser is asked for one"));
  EXPECT_THAT(Lines(load(std::string(", role: admin, tls: {") + kTlsFiles + "}")),
              HasSubstr("allowed: no role in here"));
}

}  // namespace
}  // namespace sluice
