// The examples in docs/ are right, word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/unit/config/fixture.h"

namespace sluice {
namespace {

const std::filesystem::path kExamples = std::filesystem::path(SLUICE_SOURCE_DIR) / "docs" / "examples";

LoadResult LoadExample(const std::filesystem::path& path) {
  FakeWorld world;
  world.variables["HOSTNAME"] = "edge-7";
  world.files["/etc/sluice/mqtt-password"] = "swordfish\n";
  std::ifstream in(path);
  const std::string yaml{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return LoadConfig(yaml, path.filename(), world.surroundings());
}

TEST(Examples, AllAreWithoutErrors) {
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(kExamples)) {
    if (file.path().extension() != ".yaml") continue;
    EXPECT_EQ(Lines(LoadExample(file.path())), "");
    ++count;
  }
  EXPECT_GE(count, 2u);
}

TEST(Examples, TheFirstOneWarnsOfPlainTextOnly) {
  const LoadResult result = LoadExample(kExamples / "first.yaml");
  ASSERT_EQ(result.config.warnings.size(), 1u) << WarningLines(result);
  EXPECT_THAT(result.config.warnings[0], testing::HasSubstr("workers.insecure"));
  EXPECT_EQ(result.config.routes.at(0).qos, Qos::kAtLeastOnce);
}

TEST(Examples, TheOneWithTlsHasNothingToWarnOf) {
  const LoadResult result = LoadExample(kExamples / "tls.yaml");
  EXPECT_EQ(WarningLines(result), "");
  EXPECT_EQ(result.config.connections.at("plant").client_id, "sluice-edge-7");
  EXPECT_EQ(result.config.connections.at("plant").password_file, "/etc/sluice/mqtt-password");
  EXPECT_EQ(result.config.workers.tls->client_ca_file, "/etc/sluice/workers-ca.pem");
  EXPECT_EQ(result.config.routes.at(1).target, "${topic}");
}

}  // namespace
}  // namespace sluice
