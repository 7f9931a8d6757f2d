// The HTTP port's TLS and token.
#include <gmock/gmock.h>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpSection : public testing::Test {
 protected:
  LoadResult Load(const std::string& http) { return world_.Load(std::string(kMinimal) + "http: {" + http + "}\n"); }
  std::string Errors(const std::string& http) { return Lines(Load(http)); }

  FakeWorld world_;
};

TEST_F(HttpSection, HasTlsAndATokenForMetrics) {
  world_.files["/etc/sluice/token"] = "s3cret\n";
  const LoadResult result = Load(
      "listen: '0.0.0.0:9090', tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/server.key}, "
      "metricsTokenFile: /etc/sluice/token");
  EXPECT_EQ(Lines(result), "");
  EXPECT_EQ(result.config.http.tls,
            (ListenerTls{.cert_file = "/etc/sluice/server.pem", .key_file = "/etc/sluice/server.key"}));
  EXPECT_EQ(result.config.http.metrics_token_file, "/etc/sluice/token");
  EXPECT_EQ(WarningLines(result), "");
}

TEST_F(HttpSection, NeedsBothFilesOfAPairThatCanBeUsed) {
  EXPECT_THAT(Errors("tls: {certFile: /etc/sluice/server.pem}"), HasSubstr("keyFile"));
  EXPECT_THAT(Errors("tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/client.key}"),
              HasSubstr("http.tls.keyFile: file '/etc/sluice/client.key' is not the key of the certificate"));
}

TEST_F(HttpSection, ATokenThatCannotBeSentIsAnErrorThatShowsNothingOfIt) {
  world_.files["/etc/sluice/token"] = "two words\n";
  EXPECT_EQ(Errors("metricsTokenFile: /etc/sluice/token"),
            "gw.yaml:5:26: http.metricsTokenFile: file '/etc/sluice/token' holds no token; allowed: up to 1024 visible "
            "letters of ASCII, without blanks\n");
  world_.files["/etc/sluice/token"] = "\n";
  EXPECT_THAT(Errors("metricsTokenFile: /etc/sluice/token"), HasSubstr("holds no token"));
}

TEST_F(HttpSection, ATokenInPlainTextIsWarnedOfWhereOthersHearIt) {
  world_.files["/etc/sluice/token"] = "s3cret\n";
  EXPECT_EQ(WarningLines(Load("metricsTokenFile: /etc/sluice/token")), "");
  EXPECT_THAT(WarningLines(Load("listen: '0.0.0.0:9090', metricsTokenFile: /etc/sluice/token")),
              StartsWith("gw.yaml:5:50: http.metricsTokenFile: the token goes to 0.0.0.0:9090 in plain text"));
}

}  // namespace
}  // namespace sluice
