#include "sluice/options.h"

#include <gtest/gtest.h>

#include <functional>

namespace sluice::client {
namespace {

Options Valid() {
  Options options;
  options.gateways = {"gateway:7443"};
  options.chains = {"c"};
  return options;
}

TEST(OptionsTest, AreValidWithAGatewayAndAChain) { EXPECT_TRUE(Validate(Valid()).ok()); }

struct Wrong {
  const char* names;  // What the message must contain.
  std::function<void(Options&)> change;
};

class WrongOptionsTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongOptionsTest, AreRefusedByName) {
  Options options = Valid();
  GetParam().change(options);
  const Status status = Validate(options);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().names), std::string::npos) << status.message();
}

INSTANTIATE_TEST_SUITE_P(
    Options, WrongOptionsTest,
    ::testing::Values(Wrong{"gateways", [](Options& o) { o.gateways.clear(); }},
                      Wrong{"http://x", [](Options& o) { o.gateways = {"http://x"}; }},
                      Wrong{"chains", [](Options& o) { o.chains.clear(); }},
                      Wrong{"chains", [](Options& o) { o.chains.assign(1001, "c"); }},
                      Wrong{"empty name", [](Options& o) { o.chains = {""}; }},
                      Wrong{"257", [](Options& o) { o.chains = {std::string(257, 'c')}; }},
                      Wrong{"worker_name", [](Options& o) { o.worker_name = std::string(257, 'c'); }},
                      Wrong{"window_messages", [](Options& o) { o.window_messages = 0; }},
                      Wrong{"concurrency", [](Options& o) { o.concurrency = 5000; }},
                      Wrong{"resolve_interval", [](Options& o) { o.resolve_interval = std::chrono::milliseconds(10); }},
                      Wrong{"reconnect_longest",
                            [](Options& o) { o.reconnect_longest = std::chrono::milliseconds(10); }},
                      Wrong{"lease", [](Options& o) { o.lease = std::chrono::hours(100); }},
                      Wrong{"token_file",
                            [](Options& o) {
                              o.token_file = "/etc/hostname";
                              o.token = [](std::string&) { return Status(); };
                            }},
                      Wrong{"key_file", [](Options& o) { o.tls.cert_file = "/etc/hostname"; }},
                      Wrong{"/nowhere", [](Options& o) { o.tls.ca_file = "/nowhere"; }},
                      Wrong{"kPlaintext", [](Options& o) {
                              o.security = Security::kPlaintext;
                              o.tls.ca_file = "/etc/hostname";
                            }}));

}  // namespace
}  // namespace sluice::client
