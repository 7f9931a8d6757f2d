#include "server/config/brokers.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

MqttOptions To(std::vector<std::string> servers) {
  MqttOptions options;
  options.uri = servers.front();
  options.more_uris.assign(servers.begin() + 1, servers.end());
  return options;
}

TEST(BrokersTest, OneServerIsOneBrokerHoweverItIsWritten) {
  auto brokers = BrokerOfEach(
      {{"a", To({"tcp://Plant:1883"})}, {"b", To({"ws://plant:1883/mqtt"})}, {"c", To({"tcp://plant:1884"})}});
  EXPECT_EQ(brokers.at("a"), brokers.at("b"));
  EXPECT_NE(brokers.at("a"), brokers.at("c"));
}

TEST(BrokersTest, ListsThatShareAServerAreOfOneBroker) {
  auto brokers = BrokerOfEach({{"a", To({"tcp://one:1883", "tcp://two:1883"})},
                               {"b", To({"tcp://two:1883"})},
                               {"c", To({"tcp://three:1883", "tcp://four:1883"})},
                               // Only now those before it turn out to be one.
                               {"d", To({"tcp://four:1883", "tcp://five:1883", "tcp://one:1883"})},
                               {"e", To({"tcp://six:1883"})}});
  EXPECT_EQ(brokers.at("a"), brokers.at("b"));
  EXPECT_EQ(brokers.at("a"), brokers.at("c"));
  EXPECT_EQ(brokers.at("a"), brokers.at("d"));
  EXPECT_NE(brokers.at("a"), brokers.at("e"));
}

}  // namespace
}  // namespace sluice
