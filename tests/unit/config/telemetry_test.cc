// telemetry.otlp.
#include <gmock/gmock.h>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class TelemetrySection : public testing::Test {
 protected:
  LoadResult Load(const std::string& otlp) {
    return world_.Load(std::string(kMinimal) + "telemetry: {otlp: {" + otlp + "}}\n");
  }
  std::string Errors(const std::string& otlp) { return Lines(Load(otlp)); }

  FakeWorld world_;
};

TEST_F(TelemetrySection, IsOffUnlessItIsThere) {
  EXPECT_FALSE(world_.Load(kMinimal).config.otlp.on());
  EXPECT_FALSE(world_.Load(std::string(kMinimal) + "telemetry: {}\n").config.otlp.on());
}

TEST_F(TelemetrySection, NamesTheCollectorAndHowManyAreTraced) {
  const LoadResult result = Load("endpoint: 'https://otel.example/custom?a=b', sampleRatio: 0.25, serviceName: plant");
  EXPECT_EQ(Lines(result), "");
  const OtlpConfig& otlp = result.config.otlp;
  EXPECT_TRUE(otlp.on());
  EXPECT_EQ(otlp.server, "ssl://otel.example:443");
  EXPECT_EQ(otlp.authority, "otel.example:443");
  EXPECT_EQ(otlp.path, "/custom?a=b");
  EXPECT_EQ(otlp.sample_ratio, 0.25);
  EXPECT_EQ(otlp.service_name, "plant");
}

TEST_F(TelemetrySection, WhatIsNotWrittenIsUsual) {
  const OtlpConfig otlp = Load("endpoint: 'http://[::1]:4318'").config.otlp;
  EXPECT_EQ(otlp.server, "tcp://[::1]:4318");
  EXPECT_EQ(otlp.path, "/v1/traces");
  EXPECT_EQ(otlp.sample_ratio, 0.01);
  EXPECT_EQ(Load("endpoint: http://collector").config.otlp.authority, "collector:80");
}

TEST_F(TelemetrySection, WhatIsNoEndpointIsRefused) {
  for (const char* endpoint : {"collector:4318", "grpc://collector:4317", "http://", "http://a b/", "http://u:p@host/",
                               "http://host:99999/", "'http://host/a b'", "'http://host/#x'"}) {
    EXPECT_THAT(Errors(std::string("endpoint: ") + endpoint), HasSubstr("telemetry.otlp.endpoint: found ")) << endpoint;
  }
  EXPECT_THAT(Errors("serviceName: x"), HasSubstr("endpoint"));
}

TEST_F(TelemetrySection, WhatIsNoHeaderIsSaidWithoutShowingIt) {
  world_.files["/etc/sluice/otlp"] = "Authorization: Bearer hunter2\n";
  EXPECT_EQ(Errors("endpoint: 'https://c', headersFile: /etc/sluice/otlp"), "");
  world_.files["/etc/sluice/otlp"] = "x: 1\nhunter2\n";
  const std::string errors = Errors("endpoint: 'https://c', headersFile: /etc/sluice/otlp");
  EXPECT_THAT(errors, HasSubstr("telemetry.otlp.headersFile: '/etc/sluice/otlp': line 2 has no ':'"));
  EXPECT_EQ(errors.find("hunter2"), std::string::npos) << errors;
}

TEST_F(TelemetrySection, ARatioIsANumberFrom0To1) {
  for (const char* ratio : {"0", "1", "1e-3", "0.5", "1.0"}) {
    EXPECT_EQ(Errors(std::string("endpoint: http://c, sampleRatio: ") + ratio), "") << ratio;
  }
  for (const char* ratio : {"-0.1", "1.01", "1%", "nan", "inf", "''", "half"}) {
    EXPECT_THAT(Errors(std::string("endpoint: http://c, sampleRatio: ") + ratio),
                HasSubstr("telemetry.otlp.sampleRatio: found "))
        << ratio;
  }
}

TEST_F(TelemetrySection, SecretsInPlainTextAreWarnedOfWhereOthersHearThem) {
  world_.files["/etc/sluice/headers"] = "Authorization: Bearer x\n";
  EXPECT_EQ(WarningLines(Load("endpoint: 'http://127.0.0.1:4318', headersFile: /etc/sluice/headers")), "");
  EXPECT_THAT(WarningLines(Load("endpoint: 'http://collector:4318', headersFile: /etc/sluice/headers")),
              HasSubstr("whoever is on the way can read them"));
  EXPECT_EQ(WarningLines(Load("endpoint: 'https://collector:4318', headersFile: /etc/sluice/headers")), "");
}

TEST_F(TelemetrySection, TheFilesOfTlsAreChecked) {
  EXPECT_EQ(Errors("endpoint: https://c, tls: {caFile: /etc/sluice/ca.pem}"), "");
  EXPECT_THAT(Errors("endpoint: https://c, tls: {certFile: /etc/sluice/client.pem}"), HasSubstr("without its key"));
  EXPECT_THAT(Errors("endpoint: https://c, tls: {certFile: /etc/sluice/server.pem, keyFile: /etc/sluice/client.key}"),
              HasSubstr("telemetry.otlp.tls.keyFile"));
  EXPECT_THAT(WarningLines(Load("endpoint: http://c, tls: {caFile: /etc/sluice/ca.pem}")),
              HasSubstr("endpoint is http://"));
}

}  // namespace
}  // namespace sluice
