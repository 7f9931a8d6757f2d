// docs/brokers.md shows how brokers differ. After a change, or with a new broker:
//   SLUICE_UPDATE_DOCS=1 build/release/bin/brokers_document_test
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/brokers/observations.h"

namespace sluice {
namespace {

const std::string kFile = std::string(SLUICE_SOURCE_DIR) + "/docs/brokers.md";

std::vector<std::string> ReadLines() {
  std::ifstream in(kFile);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string Title(const BrokerKind& kind, bool mqtt5) {
  return "## " + kind.name + " " + kind.version() + ", MQTT " + (mqtt5 ? "5" : "3.1.1");
}

// The sections of one broker, each beginning with "## NAME ", up to the next broker's or the end.
std::pair<size_t, size_t> PlaceOf(const std::vector<std::string>& lines, const BrokerKind& kind) {
  size_t begin = 0;
  while (begin < lines.size() && !lines[begin].starts_with("## " + kind.name + " ")) ++begin;
  size_t end = begin;
  while (end < lines.size() && (!lines[end].starts_with("## ") || lines[end].starts_with("## " + kind.name + " ")))
    ++end;
  return {begin, end};
}

std::vector<std::string> Observe(const BrokerKind& kind) {
  std::vector<std::string> lines;
  const std::unique_ptr<RealBroker> broker = kind.start();
  for (bool mqtt5 : {true, false}) {
    if (mqtt5 && !kind.mqtt5) continue;
    lines.push_back(Title(kind, mqtt5));
    lines.insert(lines.end(), {"", "| what | observed |", "|---|---|"});
    for (const Observation& observation : AllObservations()) {
      lines.push_back("| " + observation.title + " | " + observation.observe(kind, *broker, mqtt5) + " |");
    }
    lines.emplace_back();
  }
  return lines;
}

std::string BrokerName(const testing::TestParamInfo<BrokerKind>& info) { return info.param.identifier; }

class BrokersDocument : public testing::TestWithParam<BrokerKind> {};
INSTANTIATE_TEST_SUITE_P(All, BrokersDocument, testing::ValuesIn(AllBrokers()), BrokerName);

TEST_P(BrokersDocument, SaysWhatIsObserved) {
  const BrokerKind& kind = GetParam();
  if (const std::string missing = kind.missing(); !missing.empty()) GTEST_SKIP() << missing;
  std::vector<std::string> lines = ReadLines();
  ASSERT_FALSE(lines.empty()) << "no " << kFile;
  auto [begin, end] = PlaceOf(lines, kind);
  const bool update = std::getenv("SLUICE_UPDATE_DOCS") != nullptr;  // NOLINT(concurrency-mt-unsafe): one thread.
  if (!update && begin < end && !lines[begin].starts_with("## " + kind.name + " " + kind.version() + ",")) {
    GTEST_SKIP() << "the document is about another version: " << lines[begin];
  }
  const std::vector<std::string> observed = Observe(kind);
  std::vector<std::string> documented(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                                      lines.begin() + static_cast<std::ptrdiff_t>(end));
  if (!documented.empty() && !documented.back().empty()) documented.emplace_back();  // At the end of the file.
  if (!update) {
    EXPECT_EQ(documented, observed);
    return;
  }
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.begin() + static_cast<std::ptrdiff_t>(end));
  if (begin > 0 && !lines[begin - 1].empty()) lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(begin++), "");
  lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(begin), observed.begin(), observed.end());
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::ofstream out(kFile);
  for (const std::string& line : lines) out << line << '\n';
}

}  // namespace
}  // namespace sluice
