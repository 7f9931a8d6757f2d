#include "server/dashboard/request_gate.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

int Status(const std::optional<GateRefusal>& refusal) { return refusal ? refusal->status : 0; }

int HostStatus(const std::string& host, std::vector<std::string> hosts = {}) {
  return Status(RequestGate(std::move(hosts), false).CheckHost({.headers = {{"host", host}}}));
}

// A call as the page of http://127.0.0.1:8090 makes it, with `more`.
int CallStatus(const Headers& more, bool tls = false, bool post = true) {
  HttpRequest request{.post = post, .headers = {{"host", "127.0.0.1:8090"}}};
  request.headers.insert(request.headers.end(), more.begin(), more.end());
  return Status(RequestGate({}, tls).CheckCall(request));
}

const Headers kOfThePage = {{"sluice-dashboard", "1"}, {"content-type", "application/json"}};

Headers OfThePageAnd(const std::string& name, const std::string& value) {
  Headers headers = kOfThePage;
  headers.emplace_back(name, value);
  return headers;
}

TEST(RequestGate, KnowsNumericAddressesAndLocalhost) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:8090", "10.0.0.7:80", "[::1]", "[2001:db8::1]:8090", "localhost:1",
                           "LOCALHOST", "localhost."}) {
    EXPECT_EQ(HostStatus(host), 0) << host;
  }
}

TEST(RequestGate, RefusesNamesThatNobodyGaveIt) {
  for (const char* host : {"evil.example", "evil.example:8090", "localhost.evil.example", "127.0.0.1.evil.example",
                           "1.2.3.a", "", "[::1", "1.1", "sluice.plant"}) {
    EXPECT_EQ(HostStatus(host, {"sluice.plant.example"}), 421) << host;
  }
  EXPECT_EQ(HostStatus("Sluice.Plant.Example:443", {"sluice.plant.example"}), 0);
}

TEST(RequestGate, WantsOneHost) {
  const RequestGate gate({}, false);
  EXPECT_EQ(Status(gate.CheckHost({})), 400);
  EXPECT_EQ(Status(gate.CheckHost({.headers = {{"host", "localhost"}, {"host", "evil.example"}}})), 400);
}

TEST(RequestGate, LetsItsOwnPageAndToolsCall) {
  EXPECT_EQ(CallStatus(kOfThePage), 0);
  EXPECT_EQ(CallStatus(OfThePageAnd("origin", "http://127.0.0.1:8090")), 0);
  EXPECT_EQ(CallStatus(OfThePageAnd("sec-fetch-site", "same-origin")), 0);
  EXPECT_EQ(CallStatus({{"sluice-dashboard", ""}, {"content-type", "Application/JSON; charset=utf-8"}}), 0);
  EXPECT_EQ(CallStatus({{"sluice-dashboard", "1"}}, false, /*post=*/false), 0);
}

TEST(RequestGate, RefusesWhatAnotherSiteCanSend) {
  EXPECT_EQ(CallStatus({{"content-type", "application/json"}}), 403) << "without the header";
  for (const char* origin : {"http://evil.example", "https://127.0.0.1:8091", "http://127.0.0.1", "null", "",
                             "http://127.0.0.1:8090.evil.example", "ftp://127.0.0.1:8090", "127.0.0.1:8090"}) {
    EXPECT_EQ(CallStatus(OfThePageAnd("origin", origin)), 403) << origin;
  }
  EXPECT_EQ(CallStatus(OfThePageAnd("sec-fetch-site", "cross-site")), 403);
  EXPECT_EQ(CallStatus(OfThePageAnd("sec-fetch-site", "same-site")), 403);
}

TEST(RequestGate, WithTlsAPageOfPlainHttpIsAnotherSite) {
  EXPECT_EQ(CallStatus(OfThePageAnd("origin", "http://127.0.0.1:8090"), /*tls=*/true), 403);
  EXPECT_EQ(CallStatus(OfThePageAnd("origin", "https://127.0.0.1:8090"), /*tls=*/true), 0);
}

TEST(RequestGate, WantsJson) {
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/json5", ""}) {
    EXPECT_EQ(CallStatus({{"sluice-dashboard", "1"}, {"content-type", type}}), 415) << type;
  }
}

TEST(RequestGate, SaysNoMoreOfAHostThanFitsInALine) {
  const auto refusal = RequestGate({}, false).CheckHost({.headers = {{"host", std::string(5'000, 'x')}}});
  ASSERT_TRUE(refusal);
  EXPECT_LT(refusal->why.size(), 200);
}

}  // namespace
}  // namespace sluice
