#include "sluice/options.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/temp_dir.h"

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

Status OfTls(const std::string& ca_file, const std::string& cert_file = "", const std::string& key_file = "") {
  Options options = Valid();
  options.security = Security::kTls;
  options.tls = {.ca_file = ca_file, .cert_file = cert_file, .key_file = key_file, .server_name = ""};
  return Validate(options);
}

TEST(OptionsTest, ATlsFileThatCannotBeUsedIsNamedWithTheReason) {
  const TempDir folder;
  const std::string directory = folder.path();
  const std::string empty = folder.Write("empty.pem", "");
  const std::string junk = folder.Write("junk.pem", "junk");
  const std::string cert = folder.Write("own.crt", "-----BEGIN CERTIFICATE-----\n");
  const std::string key = folder.Write("own.key", "-----BEGIN EC PRIVATE KEY-----\n");
  const std::string locked = folder.Write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
  EXPECT_EQ(OfTls(directory).message(), "tls.ca_file: cannot read " + directory + ": Is a directory");
  EXPECT_EQ(OfTls("/nowhere").message(), "tls.ca_file: cannot read /nowhere: No such file or directory");
  EXPECT_EQ(OfTls(empty).message(), "tls.ca_file: " + empty + " is empty");
  EXPECT_EQ(OfTls(junk).message(), "tls.ca_file: " + junk + " holds no PEM certificate");
  EXPECT_EQ(OfTls(key).message(), "tls.ca_file: " + key + " holds no PEM certificate, but a private key");
  EXPECT_EQ(OfTls(cert, junk, key).message(), "tls.cert_file: " + junk + " holds no PEM certificate");
  EXPECT_EQ(OfTls(cert, cert, cert).message(),
            "tls.key_file: " + cert + " holds no PEM private key, but a certificate");
  EXPECT_EQ(OfTls(cert, cert, locked).message(),
            "tls.key_file: " + locked + " holds an encrypted key; decrypt it (openssl pkey)");
  EXPECT_TRUE(OfTls(cert, cert, key).ok());
}

}  // namespace
}  // namespace sluice::client
