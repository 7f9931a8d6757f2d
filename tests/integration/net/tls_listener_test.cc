// TLS of a Listener: who is let in, why not, and what happens when files change.
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <thread>

#include "server/net/listener.h"
#include "tests/integration/net/echo_server.h"
#include "tests/support/eventually.h"
#include "tests/support/socket_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_authority.h"
#include "tests/support/tls_client_socket.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kHosts[] = "DNS:localhost,IP:127.0.0.1";

class TlsListenerTest : public testing::Test {
 protected:
  TlsListenerTest() {
    UseCertificate(authority_.Issue({.name = "first", .alternative_names = kHosts, .usage = "serverAuth"}));
    tls_.setting = "workers.tls";
    tls_.files = {.cert_file = folder_ / "tls.crt",
                  .key_file = folder_ / "tls.key",
                  .key_password_file = "",
                  .client_ca_file = "",
                  .client_crl = ""};
    wishes_.trust = authority_.cert();
  }
  void UseCertificate(const PemPair& pair) {
    folder_.Write("tls.crt", pair.cert);
    folder_.Write("tls.key", pair.key);
  }
  void RequireClients() { tls_.files.client_ca_file = folder_.Write("clients.crt", clients_.cert()); }

  void Start(AcceptLimits limits = {}) {
    auto tls = TlsServer::Load(tls_, Clock::Real());
    ASSERT_TRUE(tls.ok()) << tls.status();
    tls_server_ = *tls;
    const absl::Status started = server_.Start({.listen = "127.0.0.1:0", .tls = *tls, .limits = limits});
    ASSERT_TRUE(started.ok()) << started;
  }
  void LookAgain() {
    now_ += TlsServer::kLookEvery;
    tls_server_->Tick(now_);
  }

  struct Client {
    SocketClient socket;
    std::unique_ptr<TlsClientSocket> tls;

    TlsClientSocket* operator->() const { return tls.get(); }
  };
  std::unique_ptr<Client> Connect() {
    auto client = std::make_unique<Client>();
    EXPECT_TRUE(client->socket.Connect(server_.listener().port()));
    client->tls = std::make_unique<TlsClientSocket>(client->socket, wishes_);
    return client;
  }
  static bool Answers(Client& client) {
    client->Send("hello");
    return client->Read(5) == "hello";
  }
  // A handshake, and that the server is content with it too.
  bool LetIn() {
    auto client = Connect();
    return (*client)->Handshake() && Answers(*client);
  }
  // Not let in, counted under this reason.
  void ExpectRefused(const std::string& reason) {
    const uint64_t before = server_.Refused(reason);
    EXPECT_FALSE(LetIn()) << reason;
    EXPECT_TRUE(Eventually([&] { return server_.Refused(reason) == before + 1; })) << reason;
  }

  TempDir folder_;
  TlsAuthority authority_;
  TlsAuthority clients_{"Clients"};
  TlsServerSettings tls_;
  TlsClientWishes wishes_;
  std::shared_ptr<TlsServer> tls_server_;
  SteadyTime now_ = Clock::Real().Now();
  EchoServer server_;
};

TEST_F(TlsListenerTest, AgreesOnTheNewestVersionAndH2) {
  Start();
  auto client = Connect();
  ASSERT_TRUE((*client)->Handshake()) << (*client)->error();
  EXPECT_EQ((*client)->version(), "TLSv1.3");
  EXPECT_EQ((*client)->protocol(), "h2");
  EXPECT_TRUE(Answers(*client));
  EXPECT_EQ(server_.LastPeer().tls_version, "TLSv1.3");
  EXPECT_EQ(server_.LastPeer().certificate, nullptr);
}

TEST_F(TlsListenerTest, ServesTls12WithEveryUsualKey) {
  wishes_.max_version = TLS1_2_VERSION;
  for (TestKey key : {TestKey::kP256, TestKey::kEd25519, TestKey::kRsa2048}) {
    UseCertificate(authority_.Issue({.alternative_names = kHosts, .key = key}));
    if (tls_server_ == nullptr) Start();
    LookAgain();
    EXPECT_TRUE(LetIn()) << static_cast<int>(key);
    EXPECT_EQ(server_.LastPeer().tls_version, "TLSv1.2");
    EXPECT_THAT(server_.LastPeer().tls_cipher, HasSubstr("ECDHE"));
  }
}

TEST_F(TlsListenerTest, ServesWithAnEncryptedKey) {
  const PemPair pair = authority_.Issue({.alternative_names = kHosts});
  UseCertificate({.cert = pair.cert, .key = EncryptedKey(pair.key)});
  tls_.files.key_password_file = folder_.Write("password", "hunter2\n");
  Start();
  EXPECT_TRUE(LetIn());
}

TEST_F(TlsListenerTest, CarriesManyMegabytesWhoeverIsSlow) {
  Start();
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    wishes_.max_version = version;
    auto client = Connect();
    ASSERT_TRUE((*client)->Handshake());
    std::string sent(100'000, '\0');
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 7);
    for (int i = 0; i < 20; ++i) {
      (*client)->Send(sent);
      ASSERT_TRUE((*client)->Read(sent.size()) == sent);
    }
  }
}

TEST_F(TlsListenerTest, WhatWasWrittenBeforeCloseArrivesWithAProperEnd) {
  server_.SayAndClose(4 << 20);
  Start();
  auto client = Connect();
  ASSERT_TRUE((*client)->Handshake());
  (*client)->Send(std::string(10'000, 'y'));
  std::this_thread::sleep_for(Millis(50));  // So that the server's socket is full meanwhile.
  EXPECT_EQ((*client)->ReadAll().size(), 4u << 20);
  EXPECT_TRUE((*client)->ended_properly());
}

TEST_F(TlsListenerTest, TellsWhoAClientIs) {
  RequireClients();
  Start();
  wishes_.own =
      clients_.Issue({.name = "pump-7",
                      .alternative_names = "URI:spiffe://plant/pump-7,DNS:pump-7.plant,email:pump@plant,IP:10.0.0.7",
                      .usage = "clientAuth"});
  ASSERT_TRUE(LetIn());
  const auto certificate = server_.LastPeer().certificate;
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(certificate->subject, "CN = pump-7");
  EXPECT_EQ(certificate->common_name, "pump-7");
  EXPECT_EQ(certificate->issuer, "CN = Clients");
  EXPECT_THAT(certificate->uris, ElementsAre("spiffe://plant/pump-7"));
  EXPECT_THAT(certificate->dns_names, ElementsAre("pump-7.plant"));
  EXPECT_THAT(certificate->emails, ElementsAre("pump@plant"));
  EXPECT_THAT(certificate->ip_addresses, ElementsAre("10.0.0.7"));
  EXPECT_EQ(certificate->serial, "3e9");  // 1001
  EXPECT_GT(certificate->not_after_unix_s, Clock::Real().UnixMillis() / 1'000);
  EXPECT_TRUE(tls_server_->CheckAgain(*certificate).ok());
}

TEST_F(TlsListenerTest, LetsInOnlyGoodCertificatesAndNamesTheCheckThatFailed) {
  RequireClients();
  tls_.files.client_crl = folder_.Write("list.crl", clients_.Crl({}));
  Start();
  struct Case {
    std::string reason;
    PemPair shown;
  };
  const int64_t tomorrow = Clock::Real().UnixMillis() / 1'000 + 86'400;
  const PemPair stranger = authority_.Issue({.name = "stranger", .usage = "clientAuth"});
  const Case cases[] = {
      {"tls_no_certificate", {}},
      {"tls_certificate_authority", stranger},
      {"tls_certificate_authority", MakePem("self", tomorrow)},
      {"tls_certificate_expired",
       clients_.Issue({.name = "old", .usage = "clientAuth", .valid_from_s = -7'200, .valid_to_s = -3'600})},
      {"tls_certificate_not_yet_valid",
       clients_.Issue({.name = "early", .usage = "clientAuth", .valid_from_s = 3'600})},
      {"tls_certificate", clients_.Issue({.name = "server", .usage = "serverAuth"})},
      {"tls_certificate", clients_.Issue({.name = "weak", .usage = "clientAuth", .key = TestKey::kWeakRsa})},
  };
  wishes_.ciphers = "DEFAULT:@SECLEVEL=0";  // Or the client would not show a weak one.
  for (const Case& one : cases) {
    wishes_.own = one.shown;
    ExpectRefused(one.reason);
  }
  wishes_.ciphers = {};
  for (TestKey key : {TestKey::kP256, TestKey::kP384, TestKey::kEd25519, TestKey::kRsa2048}) {
    wishes_.own = clients_.Issue({.name = "pump-7", .usage = "clientAuth", .key = key});
    EXPECT_TRUE(LetIn()) << static_cast<int>(key);
  }
  folder_.Write("list.crl", clients_.Crl({clients_.serial()}));
  LookAgain();
  ExpectRefused("tls_certificate_revoked");
  folder_.Write("list.crl", authority_.Crl({}));
  LookAgain();
  ExpectRefused("tls_certificate_crl");
}

TEST_F(TlsListenerTest, AnOptionalCertificateMustBeGoodIfItIsShown) {
  RequireClients();
  tls_.client_certificate_optional = true;
  Start();
  EXPECT_TRUE(LetIn());
  wishes_.own = authority_.Issue({.name = "stranger", .usage = "clientAuth"});
  ExpectRefused("tls_certificate_authority");
}

TEST_F(TlsListenerTest, WithARevocationListThatHasRunOutNobodyIsLetIn) {
  RequireClients();
  tls_.files.client_crl = folder_.Write("list.crl", clients_.Crl({}, -60));
  Start();
  wishes_.own = clients_.Issue({.name = "pump-7", .usage = "clientAuth"});
  ExpectRefused("tls_certificate_crl");
}

TEST_F(TlsListenerTest, ClientsMustNameH2) {
  Start();
  wishes_.protocols = "http/1.1";
  ExpectRefused("tls_protocol");
  wishes_.protocols = "";
  ExpectRefused("tls_protocol");
  wishes_.protocols = "http/1.1,h2";
  EXPECT_TRUE(LetIn());
}

TEST_F(TlsListenerTest, OldVersionsAndWeakCiphersAreRefused) {
  Start();
  wishes_.max_version = TLS1_1_VERSION;
  wishes_.min_version = TLS1_VERSION;
  wishes_.ciphers = "ALL:@SECLEVEL=0";
  ExpectRefused("tls_version");
  wishes_.min_version = 0;
  wishes_.max_version = TLS1_2_VERSION;
  wishes_.ciphers = "AES128-GCM-SHA256";  // Without forward secrecy.
  ExpectRefused("tls_cipher");
}

TEST_F(TlsListenerTest, MinVersionAndCiphersAreAsAskedFor) {
  tls_.min_version = "1.3";
  tls_.ciphers = {"TLS_CHACHA20_POLY1305_SHA256"};
  Start();
  EXPECT_TRUE(LetIn());
  EXPECT_EQ(server_.LastPeer().tls_cipher, "TLS_CHACHA20_POLY1305_SHA256");
  wishes_.max_version = TLS1_2_VERSION;
  ExpectRefused("tls_version");
}

TEST_F(TlsListenerTest, AClientThatDoesNotTrustUsIsCounted) {
  Start();
  wishes_.trust = clients_.cert();
  ExpectRefused("tls_refused");
}

TEST_F(TlsListenerTest, PlainTextIsRefused) {
  Start();
  for (const char* text : {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
    const uint64_t before = server_.Refused("tls_not_tls");
    SocketClient client;
    ASSERT_TRUE(client.Connect(server_.listener().port()));
    client.Send(text);
    EXPECT_TRUE(client.ClosedWithin(Millis(10'000)));
    EXPECT_TRUE(Eventually([&] { return server_.Refused("tls_not_tls") == before + 1; })) << text;
  }
}

TEST_F(TlsListenerTest, HandshakesHaveATimeLimitHoweverSlowlyTheyGoOn) {
  Start({.handshake_timeout = Millis(200)});
  SocketClient silent;
  SocketClient slow;
  ASSERT_TRUE(silent.Connect(server_.listener().port()));
  ASSERT_TRUE(slow.Connect(server_.listener().port()));
  slow.Send("\x16\x03\x01\x02");
  EXPECT_TRUE(LetIn()) << "nobody waits for them";
  EXPECT_TRUE(silent.ClosedWithin(Millis(10'000)));
  EXPECT_TRUE(slow.ClosedWithin(Millis(10'000)));
  EXPECT_TRUE(Eventually([&] { return server_.Refused("handshake_timeout") == 2; }));
  EXPECT_TRUE(Eventually([&] { return server_.Open() == 0; }));
}

TEST_F(TlsListenerTest, AProbeThatConnectsAndGoesIsCountedApart) {
  Start();
  {
    EXPECT_TRUE(SocketClient().Connect(server_.listener().port()));
  }
  EXPECT_TRUE(Eventually([&] { return server_.Refused("tls_closed") == 1; }));
}

TEST_F(TlsListenerTest, RenewedFilesAreForNewConnectionsAndJunkChangesNothing) {
  Start();
  auto live = Connect();
  ASSERT_TRUE((*live)->Handshake());
  EXPECT_EQ((*live)->server_name(), "first");

  folder_.Write("tls.crt", "junk");
  LookAgain();
  EXPECT_TRUE(LetIn()) << "the last good pair stays in use";
  const PemPair second = authority_.Issue({.name = "second", .alternative_names = kHosts});
  folder_.Write("tls.crt", second.cert);
  LookAgain();
  EXPECT_TRUE(LetIn()) << "half of a pair changes nothing";

  folder_.Write("tls.key", second.key);
  LookAgain();
  auto renewed = Connect();
  ASSERT_TRUE((*renewed)->Handshake());
  EXPECT_EQ((*renewed)->server_name(), "second");
  EXPECT_TRUE(Answers(*live)) << "what stands goes on";
}

TEST_F(TlsListenerTest, RotationUnderLoadBreaksNoConnection) {
  Start();
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::vector<std::unique_ptr<Client>> live;
  for (int i = 0; i < 4; ++i) {
    live.push_back(Connect());
    ASSERT_TRUE((*live.back())->Handshake());
  }
  std::thread load([&] {
    while (!stop) {
      for (const auto& client : live) failed += Answers(*client) ? 0 : 1;
    }
  });
  for (int i = 0; i < 20; ++i) {
    UseCertificate(authority_.Issue({.name = "round", .alternative_names = kHosts}));
    LookAgain();
    EXPECT_TRUE(LetIn());
  }
  stop = true;
  load.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace sluice
