// The HTTP port with TLS, and /metrics with a token.
#include <gmock/gmock.h>

#include "server/http/http_server.h"
#include "tests/integration/http/http_client.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"
#include "tests/support/tls_client_socket.h"

namespace sluice {
namespace {

using testing::HasSubstr;

class HttpSecureTest : public testing::Test {
 protected:
  absl::Status Start() {
    auto started = HttpServer::Start(options_, metrics_, [] { return std::vector<ReadinessItem>(); }, clock_);
    if (!started.ok()) return started.status();
    server_ = *std::move(started);
    return absl::OkStatus();
  }
  void StartWithToken(const std::string& content) {
    auto token = TokenGate::Load("http.metricsTokenFile", folder_.Write("token", content));
    ASSERT_TRUE(token.ok()) << token.status();
    options_.metrics_token = *std::move(token);
    ASSERT_TRUE(Start().ok());
  }
  void LookAgain() {
    clock_.Advance(TokenGate::kLookEvery);
    options_.metrics_token->Tick(clock_.Now());
  }
  int StatusOf(const std::string& path, const std::string& authorization = "") const {
    return HttpGet(server_->port(), path, authorization.empty() ? "" : "Authorization: " + authorization + "\r\n")
        .status;
  }

  ManualClock clock_;
  TempDir folder_;
  MetricsRegistry metrics_;
  HttpOptions options_{.listen = "127.0.0.1:0"};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpSecureTest, MetricsNeedTheTokenAndProbesDoNot) {
  StartWithToken("s3cret\n");
  EXPECT_EQ(StatusOf("/healthz"), 200);
  EXPECT_EQ(StatusOf("/readyz"), 200);
  EXPECT_EQ(StatusOf("/metrics"), 401);
  EXPECT_EQ(StatusOf("/metrics", "Bearer wrong!"), 401);
  EXPECT_EQ(StatusOf("/metrics", "Bearer s3cre"), 401);
  EXPECT_EQ(StatusOf("/metrics", "Basic s3cret"), 401);
  EXPECT_EQ(StatusOf("/metrics", "Bearer s3cret"), 200);
  EXPECT_EQ(StatusOf("/metrics", "bearer s3cret"), 200) << "RFC 9110: the scheme's case does not matter";
  EXPECT_THAT(HttpGet(server_->port(), "/metrics").head, HasSubstr("WWW-Authenticate: Bearer"));
}

TEST_F(HttpSecureTest, AnotherTokenIsTakenWhenTheFileChangesAndJunkChangesNothing) {
  StartWithToken("first");
  LookAgain();
  folder_.Write("token", "second");
  options_.metrics_token->Tick(clock_.Now());
  EXPECT_EQ(StatusOf("/metrics", "Bearer first"), 200) << "looked at once a second at most";
  LookAgain();
  EXPECT_EQ(StatusOf("/metrics", "Bearer first"), 401);
  EXPECT_EQ(StatusOf("/metrics", "Bearer second"), 200);
  folder_.Write("token", "");
  LookAgain();
  EXPECT_EQ(StatusOf("/metrics", "Bearer "), 401);
  EXPECT_EQ(StatusOf("/metrics", "Bearer second"), 200);
}

TEST_F(HttpSecureTest, ATokenFileThatCannotBeUsedIsAnErrorThatShowsNothingOfIt) {
  const auto error_of = [](const std::string& path) {
    return std::string(TokenGate::Load("http.metricsTokenFile", path).status().message());
  };
  EXPECT_EQ(error_of(folder_ / "absent"),
            "http.metricsTokenFile: '" + (folder_ / "absent") + "' cannot be read: No such file or directory");
  EXPECT_THAT(error_of(folder_.Write("token", "two words")), HasSubstr("holds no token"));
  EXPECT_THAT(error_of(folder_.Write("token", "two words")), testing::Not(HasSubstr("words")));
}

TEST_F(HttpSecureTest, ServesTlsToClientsThatNameHttpOrNothing) {
  TlsAuthority authority;
  const PemPair pair = authority.Issue({.alternative_names = "IP:127.0.0.1"});
  TlsServerSettings settings{.setting = "http.tls", .protocols = {"http/1.1"}, .protocol_required = false};
  settings.files.cert_file = folder_.Write("tls.crt", pair.cert);
  settings.files.key_file = folder_.Write("tls.key", pair.key);
  auto tls = TlsServer::Load(settings, Clock::Real());
  ASSERT_TRUE(tls.ok()) << tls.status();
  options_.tls = *tls;
  ASSERT_TRUE(Start().ok());
  for (const char* protocols : {"http/1.1", "h2,http/1.1", ""}) {
    SocketClient socket;
    ASSERT_TRUE(socket.Connect(server_->port()));
    TlsClientSocket client(socket, {.trust = authority.cert(), .protocols = protocols});
    ASSERT_TRUE(client.Handshake()) << client.error();
    client.Send(HttpText("/healthz"));
    EXPECT_EQ(ParseAnswer(client.ReadAll()).body, "ok\n");
    EXPECT_TRUE(client.ended_properly());
  }
  EXPECT_EQ(StatusOf("/healthz"), 0) << "plain text";
}

}  // namespace
}  // namespace sluice
