#include "client/cpp/ctl/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "client/cpp/ctl/command_line.h"
#include "client/cpp/ctl/commands.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/ctl/console.h"

namespace sluice::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ContextsTest : public testing::Test {
 protected:
  ContextsTest() { fake_.environment["XDG_CONFIG_HOME"] = home_.path(); }

  CommandLine Parse(const std::vector<std::string>& arguments) { return ParseCommandLine(arguments, fake_.console()); }
  std::vector<std::string> Addresses(const std::vector<std::string>& arguments) {
    std::vector<std::string> addresses;
    const CommandLine line = Parse(arguments);
    EXPECT_EQ(line.exit, std::nullopt) << fake_.err.str();
    for (const Target& target : line.targets) addresses.push_back(target.address);
    return addresses;
  }
  void Write(const Contexts& contexts) { ASSERT_TRUE(WriteContexts(ContextsPath(fake_.console()), contexts).ok()); }

  TempDir home_;
  FakeConsole fake_;
};

TEST_F(ContextsTest, WhatIsWrittenIsRead) {
  const Contexts contexts{
      .current = "plant",
      .named = {{"plant", {.addresses = {"gw-0:7444", "unix:/run/a \"b\".sock"}, .ca_file = "/a: b#c.pem"}},
                {"empty", {}}}};
  Write(contexts);
  const absl::StatusOr<Contexts> read = ReadContexts(ContextsPath(fake_.console()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->current, "plant");
  EXPECT_EQ(read->named, contexts.named);
}

TEST_F(ContextsTest, MistakesAreSaidWithTheirLines) {
  const auto mistake = [](std::string_view text) {
    return std::string(ParseContexts(text, "contexts.yaml").status().message());
  };
  EXPECT_THAT(mistake("contexts:\n  a: {adress: [x]}\n"), HasSubstr("contexts.yaml:2: 'adress' is no key"));
  EXPECT_THAT(mistake("contexts:\n  a: {addresses: x}\n"), HasSubstr("is to be a list"));
  EXPECT_THAT(mistake("current: [a]\n"), HasSubstr("'current' is to be a text"));
  EXPECT_THAT(mistake("contexts:\n  'a b': {}\n"), HasSubstr("'a b' is no name"));
  EXPECT_TRUE(ParseContexts("", "contexts.yaml").ok());
}

TEST_F(ContextsTest, AnUnknownNameIsAnsweredWithTheNearest) {
  const Contexts contexts{.named = {{"plant", {}}, {"lab", {}}}};
  EXPECT_THAT(std::string(contexts.Find("plnt").status().message()), HasSubstr("did you mean 'plant'?"));
  EXPECT_THAT(std::string(Contexts().Find("a").status().message()), HasSubstr("context set makes one"));
}

TEST_F(ContextsTest, WhatTheCommandLineSaysGoesFirst) {
  Write({.current = "lab",
         .named = {{"plant", {.addresses = {"a:1", "b:1"}, .ca_file = "/ca.pem"}}, {"lab", {.addresses = {"lab:1"}}}}});
  EXPECT_THAT(Addresses({"status"}), ElementsAre("lab:1")) << "the one in use";
  EXPECT_THAT(Addresses({"status", "--context", "plant"}), ElementsAre("a:1", "b:1"));
  EXPECT_TRUE(Parse({"status", "--context", "plant"}).all);
  EXPECT_EQ(Parse({"status", "--context", "plant"}).target.ca_file, "/ca.pem");
  EXPECT_THAT(Addresses({"status", "--context", "plant", "--address", "c:1"}), ElementsAre("c:1"));
  EXPECT_EQ(Parse({"status", "--context", "plant", "--ca-file", "x"}).target.ca_file, "x");
  fake_.environment["SLUICE_ADMIN"] = "d:1";
  EXPECT_THAT(Addresses({"status"}), ElementsAre("d:1")) << "not the one in use, whose files are of another gateway";
  fake_.environment["SLUICE_CONTEXT"] = "plant";
  EXPECT_THAT(Addresses({"status"}), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(Addresses({"status", "--context", "lab"}), ElementsAre("lab:1"));
}

TEST_F(ContextsTest, SeveralAddressesAreForCommandsThatAskReplicas) {
  EXPECT_THAT(Addresses({"chains", "status", "--address", "a:1,b:1", "--address", "c:1"}),
              ElementsAre("a:1", "b:1", "c:1"));
  EXPECT_FALSE(Parse({"chains", "status", "--address", "a:1"}).all);
  EXPECT_TRUE(Parse({"chains", "status", "--all", "--address", "a:1"}).all);
  EXPECT_EQ(Parse({"chain", "pause", "c", "--address", "a:1,b:1"}).exit, kUsage);
  EXPECT_THAT(fake_.err.str(), HasSubstr("this command asks one gateway, and there are 2"));
}

TEST_F(ContextsTest, ALooseModeIsSaid) {
  Write({});
  const std::string path = ContextsPath(fake_.console());
  EXPECT_EQ(AboutMode(path), "");
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(AboutMode(path), HasSubstr("others may read"));
  ASSERT_EQ(chmod(path.c_str(), 0620), 0);
  EXPECT_THAT(AboutMode(path), HasSubstr("others may change"));
}

TEST_F(ContextsTest, ThePathFollowsTheEnvironment) {
  EXPECT_EQ(ContextsPath(fake_.console()), home_ / "sluice/contexts.yaml");
  fake_.environment["XDG_CONFIG_HOME"] = "relative";
  fake_.environment["HOME"] = "/home/me";
  EXPECT_EQ(ContextsPath(fake_.console()), "/home/me/.config/sluice/contexts.yaml");
  fake_.environment.clear();
  EXPECT_EQ(ContextsPath(fake_.console()), "");
  EXPECT_FALSE(WriteContexts("", {}).ok());
}

}  // namespace
}  // namespace sluice::ctl
