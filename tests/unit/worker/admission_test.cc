#include "server/worker/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    chains_.Define("temperature", {});
    chains_.Define("pressure", {});
  }
  static Hello HelloFor(std::vector<std::string> chains) {
    Hello hello;
    hello.chains = std::move(chains);
    return hello;
  }

  ChainDirectory chains_{ChainOptions{}};
  AdmissionRules rules_{.chains = chains_, .may_create = nullptr};
};

TEST_F(AdmissionTest, AcceptsKnownChainsOnceEach) {
  auto admission = Admit(HelloFor({"pressure", "temperature", "pressure"}), rules_);
  ASSERT_TRUE(admission.ok()) << admission.status();
  EXPECT_THAT(admission->accepted, ElementsAre(chains_.Find("pressure"), chains_.Find("temperature")));
  EXPECT_TRUE(admission->refused.empty());
  EXPECT_EQ(admission->protocol_version, 1);
}

TEST_F(AdmissionTest, NamesTheChainThatWasProbablyMeant) {
  auto admission = Admit(HelloFor({"pressure", "temprature"}), rules_);
  ASSERT_TRUE(admission.ok());
  ASSERT_EQ(admission->refused.size(), 1);
  EXPECT_EQ(admission->refused[0].chain, "temprature");
  EXPECT_THAT(admission->refused[0].reason, HasSubstr("did you mean 'temperature'?"));
}

TEST_F(AdmissionTest, ListsKnownChainsWhenNoneIsNear) {
  auto admission = Admit(HelloFor({"humidity"}), rules_);
  EXPECT_EQ(admission.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(admission.status().message()),
              HasSubstr("'humidity': no route names this chain; known are 'pressure', 'temperature'"));
}

TEST_F(AdmissionTest, MakesChainsThatATemplateRouteMayName) {
  rules_.may_create = [](std::string_view name) { return name.starts_with("plant/"); };
  auto admission = Admit(HelloFor({"plant/7", "other"}), rules_);
  ASSERT_TRUE(admission.ok());
  EXPECT_THAT(admission->accepted, ElementsAre(chains_.Find("plant/7")));
  ASSERT_EQ(admission->refused.size(), 1);
  EXPECT_EQ(admission->refused[0].chain, "other");
}

TEST_F(AdmissionTest, PicksTheHighestCommonVersionOrRefuses) {
  Hello hello = HelloFor({"pressure"});
  hello.max_protocol_version = 7;
  EXPECT_EQ(Admit(hello, rules_)->protocol_version, 1);
  hello.min_protocol_version = 2;
  EXPECT_EQ(Admit(hello, rules_).status().code(), absl::StatusCode::kFailedPrecondition);
  hello.min_protocol_version = 8;
  EXPECT_EQ(Admit(hello, rules_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AdmissionTest, AThousandWrongLongNamesCostLittle) {
  for (int i = 0; i < 5'000; ++i) chains_.Define("chain-" + std::to_string(i) + std::string(50, 'x'), {});
  std::vector<std::string> wrong;
  for (int i = 0; i < 1'000; ++i) wrong.push_back(std::to_string(i) + std::string(200, 'y'));
  auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(Admit(HelloFor(wrong), rules_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(2));
}

class GrantsTest : public AdmissionTest {
 protected:
  std::shared_ptr<const Grants> grants_ =
      Permissions::Compile({{.name = "r", .who = {"sub:w"}, .chains = {"temp*"}}})->For({.names = {"sub:w"}});
};

TEST_F(GrantsTest, RefusesTheChainsThatNoRuleGives) {
  auto admission = Admit(HelloFor({"pressure", "temperature", "no-such-chain"}), rules_, grants_.get());
  ASSERT_TRUE(admission.ok()) << admission.status();
  EXPECT_THAT(admission->accepted, ElementsAre(chains_.Find("temperature")));
  ASSERT_EQ(admission->refused.size(), 2);
  EXPECT_EQ(admission->refused[0].chain, "pressure");
  EXPECT_EQ(admission->refused[0].reason, admission->refused[1].reason)
      << "who may not serve a chain does not learn whether there is one";
}

TEST_F(GrantsTest, NamesTheChainWhenNothingIsLeft) {
  const absl::Status status = Admit(HelloFor({"pressure"}), rules_, grants_.get()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(status.message(), "chain 'pressure': no rule permits this worker to serve the chain");
  EXPECT_EQ(Admit(HelloFor({"temp-no-such"}), rules_, grants_.get()).status().code(),
            absl::StatusCode::kFailedPrecondition)
      << "permitted, but not there";
}

}  // namespace
}  // namespace sluice
