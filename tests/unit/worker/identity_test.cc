// Who a stream belongs to, and what that means for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "server/identity/authenticator.h"
#include "server/net/peer.h"
#include "server/worker/registry.h"
#include "tests/unit/worker/session_fixture.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// Lets in who shows a name.
class FakeAuthenticator final : public Authenticator {
 public:
  OrRefusal<PrincipalPtr> Authenticate(const Credentials& credentials) override {
    if (credentials.authorization.empty()) {
      return AuthenticationRefusal{AuthenticationCheck::kNoCredentials, "a token is needed"};
    }
    return std::make_shared<const Principal>(Principal{.names = {std::string(credentials.authorization.front())}});
  }
  absl::Status StillHolds(const Principal& principal) const override {
    if (principal.name() == withdrawn) return absl::UnauthenticatedError("the key has been withdrawn");
    return absl::OkStatus();
  }
  std::string withdrawn;
};

class StreamIdentityTest : public SessionTest {
 protected:
  StreamIdentity Identity(PermissionRule rule, int64_t expires_in_s = 0) {
    rule.name = "r";
    rule.who = {"sub:w"};
    if (rule.chains.empty()) rule.chains = {"*"};
    Principal principal{.names = {"sub:w"}};
    if (expires_in_s != 0) principal.expires_unix_s = clock_.UnixMillis() / 1'000 + expires_in_s;
    auto grants = Permissions::Compile({rule})->For(principal);
    auto use = std::make_shared<PacedUse>(grants->bounds());
    return {.principal = std::make_shared<const Principal>(std::move(principal)),
            .grants = std::move(grants),
            .use = std::move(use)};
  }
  void TickOf(FakeStream& stream) { stream.session().Tick(clock_.Now()); }
};

TEST_F(StreamIdentityTest, TheWindowIsHeldToTheRules) {
  FakeStream stream(context_, kNever, Identity({.window_messages = 3, .window_bytes = 1'000}));
  stream.SayHello(50);
  const auto frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_welcome());
  EXPECT_EQ(frame->welcome().max_window().messages(), 3);
  EXPECT_EQ(frame->welcome().max_window().bytes(), 1'000);
  EXPECT_EQ(source_.window(1).messages, 3);
  v1::WorkerFrame more;
  more.mutable_window()->set_messages(40);
  stream.Say(more);
  EXPECT_EQ(source_.window(1).messages, 3);
}

TEST_F(StreamIdentityTest, AChainThatIsNotPermittedEndsTheStreamByItsName) {
  FakeStream stream(context_, kNever, Identity({.chains = {"other"}}));
  stream.SayHello();
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(stream.ended()->message(), HasSubstr("'temperature'"));
}

TEST_F(StreamIdentityTest, WhoItIsStandsBeforeWhatItCallsItself) {
  FakeStream stream(context_, kNever, Identity({}));
  stream.SayHello();
  EXPECT_EQ(source_.options(1).worker, "sub:w as alarm/pod-1");
}

TEST_F(StreamIdentityTest, TheEndOfATokenIsToldInTimeAndThenEndsTheStream) {
  const SteadyTime start = clock_.Now();
  {
    FakeStream soon(context_, kNever, Identity({}, 5));
    soon.SayHello();
    EXPECT_EQ(woken_, start + Millis(4'000)) << "before any heartbeat is due";
  }
  FakeStream stream(context_, kNever, Identity({}, 100));
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  clock_.Advance(Millis(85'000));
  v1::WorkerFrame alive;
  stream.Say(alive);
  TickOf(stream);
  EXPECT_FALSE(source_.draining(2));
  clock_.Advance(Millis(6'000));
  stream.Say(alive);
  TickOf(stream);
  EXPECT_TRUE(source_.draining(2)) << "a tenth of its time before the end";
  std::optional<v1::GatewayFrame> frame = stream.Read();
  if (frame && !frame->has_drain()) frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_THAT(frame->drain().reason(), HasSubstr("expires"));
  EXPECT_LE(frame->drain().deadline_ms(), 9'000);
  EXPECT_FALSE(stream.ended());
  clock_.Advance(Millis(9'000));
  stream.Say(alive);
  TickOf(stream);
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(stream.ended()->message(), HasSubstr("expired"));
}

TEST_F(StreamIdentityTest, WhatOneHasWithdrawnEndsTheStreamAndBlamesNoMessage) {
  FakeAuthenticator authenticator;
  SessionContext context = context_;
  context.authenticator = &authenticator;
  FakeStream stream(context, kNever, Identity({}));
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  stream.session().CheckAgain();
  EXPECT_FALSE(stream.ended());
  authenticator.withdrawn = "sub:w";
  stream.session().CheckAgain();
  const auto frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(source_.removed().at(1).how, SessionEnd::kDrained);
}

// Streams under rules that change.
class ChangingRules : public StreamIdentityTest {
 protected:
  ChangingRules() {
    context_with_rules_.permissions = &rules_;
    Set({.allow_replies = {"a/#"}});
  }
  void Set(PermissionRule rule) {
    rule.name = "r";
    rule.who = {"sub:w"};
    if (rule.chains.empty()) rule.chains = {"*"};
    rules_.Replace(*Permissions::Compile({rule}));
  }
  StreamIdentity OfNow() {
    StreamIdentity identity = Identity({});
    identity.grants = rules_.For(*identity.principal);
    return identity;
  }
  static bool MayReply(FakeStream& stream, const Chain& chain, std::string_view topic) {
    std::string why;
    return stream.session().grants()->Permits(chain, {.topic = topic, .message_topic = "m"}, why);
  }

  Permissions rules_;
  SessionContext context_with_rules_ = context_;
};

TEST_F(ChangingRules, ThatComeToTheSameLeaveAStreamAlone) {
  FakeStream stream(context_with_rules_, kNever, OfNow());
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  Set({.allow_replies = {"a/#"}});
  stream.session().CheckRules();
  EXPECT_FALSE(source_.draining(1));
}

TEST_F(ChangingRules, HoldForRepliesAtOnceAndDrainTheStream) {
  FakeStream stream(context_with_rules_, kNever, OfNow());
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  const Chain& chain = *source_.options(1).chains.front();
  EXPECT_TRUE(MayReply(stream, chain, "a/b"));
  Set({.allow_replies = {"b/#"}});
  stream.session().CheckRules();
  EXPECT_FALSE(MayReply(stream, chain, "a/b"));
  EXPECT_TRUE(MayReply(stream, chain, "b/b"));
  EXPECT_TRUE(source_.draining(1));
  const auto frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_THAT(frame->drain().reason(), HasSubstr("the rules have changed"));
  EXPECT_FALSE(stream.ended());
}

TEST_F(ChangingRules, ThatLeaveAStreamNoChainEndIt) {
  FakeStream stream(context_with_rules_, kNever, OfNow());
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  Set({.chains = {"other"}});
  stream.session().CheckRules();
  while (stream.Read()) {
  }
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(source_.removed().at(1).how, SessionEnd::kDrained);
}

TEST_F(ChangingRules, BeforeItsHelloMakeTheWorkerComeAgain) {
  FakeStream stream(context_with_rules_, kNever, OfNow());
  Set({.chains = {"other"}});
  stream.session().CheckRules();
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(stream.ended()->message(), HasSubstr("connect again"));
}

TEST_F(StreamIdentityTest, ACertificateThatIsRevokedDrainsAndEndsTheStreamOfWhomeverItIs) {
  absl::Status accepted;
  SessionContext context = context_;
  context.check_certificate = [&accepted](const PeerCertificate&) { return accepted; };
  FakeStream stream(context, kNever, {.certificate = std::make_shared<const PeerCertificate>()});
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  stream.session().CheckAgain();
  EXPECT_FALSE(stream.ended());
  accepted = absl::UnauthenticatedError("CN = pump-7 is revoked (clientCrl)");
  stream.session().CheckAgain();
  const auto frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  ASSERT_TRUE(stream.ended());
  EXPECT_EQ(stream.ended()->code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(absl::StartsWith(stream.ended()->message(), "revoked: "));
  EXPECT_THAT(stream.ended()->message(), testing::Not(HasSubstr("pump-7")));
  EXPECT_EQ(source_.removed().at(1).how, SessionEnd::kDrained);
}

TEST_F(StreamIdentityTest, ARateHoldsReadingBackAndDropsNothing) {
  FakeStream stream(context_, kNever, Identity({.messages_a_second = 10}));
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  v1::WorkerFrame frame;
  for (int i = 0; i < 15; ++i) frame.add_replies()->set_topic("a");
  EXPECT_FALSE(stream.Say(frame)) << "fifteen at once, where ten a second may come";
  EXPECT_EQ(settles_.TakeReplies().size(), 15);
  clock_.Advance(Millis(400));
  TickOf(stream);
  EXPECT_EQ(stream.reads_asked, 0);
  clock_.Advance(Millis(101));
  TickOf(stream);
  EXPECT_EQ(stream.reads_asked, 1);
  frame.clear_replies();
  frame.add_replies()->set_topic("a");
  clock_.Advance(Millis(1'000));
  EXPECT_TRUE(stream.Say(frame));
}

TEST_F(StreamIdentityTest, SilenceDoesNotCountWhileItsRateHoldsAWorkerBack) {
  FakeStream stream(context_, kNever, Identity({.bytes_a_second = 1}));
  v1::WorkerFrame hello;
  hello.mutable_hello()->set_worker_name("alarm");
  hello.mutable_hello()->add_chains("temperature");
  EXPECT_FALSE(stream.Say(hello));
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(Millis(4'000));
    TickOf(stream);
    while (stream.Read()) {
    }
  }
  EXPECT_FALSE(stream.ended());
}

TEST_F(StreamIdentityTest, TheGateHoldsAlsoWhenTheRateIsOver) {
  FakeStream stream(context_, kNever, Identity({.messages_a_second = 1}));
  stream.SayHello();
  ASSERT_TRUE(stream.Read()->has_welcome());
  v1::WorkerFrame frame;
  for (int i = 0; i < 3; ++i) frame.add_replies()->set_topic("a");
  EXPECT_FALSE(stream.Say(frame));
  gate_.Close();
  clock_.Advance(Millis(3'000));
  TickOf(stream);
  EXPECT_EQ(stream.reads_asked, 0);
  gate_.Open();
  EXPECT_EQ(stream.reads_asked, 1);
}

// Notes how it ended.
class BareStream final : public Stream {
 public:
  void Wake() override {}
  void WriteFrame(rpc::Payload /*frame*/) override {}
  void ReadFrame() override {}
  void EndWith(const absl::Status& status) override { ended = status; }
  void Abort(const absl::Status& /*status*/) override {}
  std::optional<absl::Status> ended;
};

TEST_F(StreamIdentityTest, TheRegistryLetsInWhomTheAuthenticatorKnows) {
  FakeAuthenticator authenticator;
  const Permissions permissions = *Permissions::Compile({{.name = "r", .who = {"**"}, .chains = {"*"}, .streams = 2}});
  SessionContext context = context_;
  context.authenticator = &authenticator;
  context.permissions = &permissions;
  SessionRegistry registry(context, {}, 1);
  BareStream stream;
  EXPECT_EQ(registry.Open(stream, "p", "host").status().code(), absl::StatusCode::kUnauthenticated);
  const std::string_view one[] = {"sub:one"};
  const std::string_view two[] = {"sub:two"};
  auto first = registry.Open(stream, "p", "host", {.authorization = one});
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(registry.Open(stream, "p", "host", {.authorization = one}).ok());
  const absl::Status third = registry.Open(stream, "p", "host", {.authorization = one}).status();
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(third.message(), "sub:one has 2 worker streams already, as many as it may have (permissions[].streams)");
  EXPECT_TRUE(registry.Open(stream, "p", "host", {.authorization = two}).ok()) << "another's are another's";
  (*first)->OnDone();
  EXPECT_TRUE(registry.Open(stream, "p", "host", {.authorization = one}).ok());
}

TEST_F(StreamIdentityTest, NoPrincipalHasAllStreamsWithoutRulesEither) {
  FakeAuthenticator authenticator;
  SessionContext context = context_;
  context.authenticator = &authenticator;
  SessionRegistry registry(context, {.max_streams_per_principal = 1}, 1);
  BareStream stream;
  const std::string_view one[] = {"sub:one"};
  const std::string_view two[] = {"sub:two"};
  EXPECT_TRUE(registry.Open(stream, "p", "host", {.authorization = one}).ok());
  const absl::Status second = registry.Open(stream, "p", "another", {.authorization = one}).status();
  EXPECT_EQ(second.message(),
            "sub:one has 1 worker streams already, as many as it may have (workers.maxStreamsPerPrincipal)");
  EXPECT_TRUE(registry.Open(stream, "p", "host", {.authorization = two}).ok()) << "the address does not count";
  EXPECT_EQ(metrics_.GetCounter("sluice_worker_streams_refused_total", "").value(), 1);
}

TEST_F(StreamIdentityTest, WhatWasWithdrawnOpensNoStreamOnAConnectionThatIsThereStill) {
  FakeAuthenticator authenticator;
  SessionContext context = context_;
  context.authenticator = &authenticator;
  SessionRegistry registry(context, {}, 1);
  BareStream stream;
  const std::string_view one[] = {"sub:one"};
  ASSERT_TRUE(registry.Open(stream, "p", "host", {.authorization = one}).ok());
  EXPECT_FALSE(stream.ended);
  authenticator.withdrawn = "sub:one";
  const auto session = registry.Open(stream, "p", "host", {.authorization = one});
  ASSERT_TRUE(session.ok());
  (*session)->OnWake();
  ASSERT_TRUE(stream.ended);
  EXPECT_EQ(stream.ended->code(), absl::StatusCode::kUnauthenticated);
}

TEST(PrincipalUses, ShareARateBetweenStreams) {
  PrincipalUses uses;
  const Grants::Bounds bounds{.messages_a_second = 10};
  const std::shared_ptr<PacedUse> one = uses.Enter("a", bounds);
  const std::shared_ptr<PacedUse> other = uses.Enter("a", bounds);
  const SteadyTime now = SteadyTime() + Millis(1'000'000);
  EXPECT_EQ(one->Charge(10, 0, now), now) << "a second's worth at once";
  EXPECT_EQ(other->Charge(5, 0, now), now + Millis(500));
  EXPECT_EQ(uses.Enter("b", bounds)->Charge(10, 0, now), now);
  const std::shared_ptr<PacedUse> under_new_rules = uses.Enter("a", {.messages_a_second = 100});
  EXPECT_EQ(under_new_rules->Charge(100, 0, now), now);
}

TEST_F(StreamIdentityTest, AChainThatIsConfiguredLaterHasTheWorkerConnectAgain) {
  FakeStream stream(context_, kNever, Identity({}));
  v1::WorkerFrame hello;
  for (const char* chain : {"temperature", "later"}) hello.mutable_hello()->add_chains(chain);
  stream.Say(hello);
  ASSERT_TRUE(stream.Read()->has_welcome());
  chains_.Define("another", {});
  stream.session().LookForChains();
  EXPECT_FALSE(stream.Read());
  chains_.Define("later", {});
  stream.session().LookForChains();
  const auto frame = stream.Read();
  ASSERT_TRUE(frame && frame->has_drain());
  EXPECT_EQ(frame->drain().reason(), "chain 'later' is configured now; connect again to serve it");
  EXPECT_FALSE(stream.ended());
}

}  // namespace
}  // namespace sluice
