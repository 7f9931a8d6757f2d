#include "server/config/brokers.h"

#include "server/config/address.h"
#include "server/mqtt/server_list.h"

namespace sluice {

std::map<std::string, std::string> BrokerOfEach(const std::map<std::string, MqttOptions>& connections) {
  std::map<std::string, std::string> broker_of_server;
  std::map<std::string, std::string> broker_of_connection;
  for (const auto& [name, options] : connections) {
    const std::string& broker = broker_of_connection[name] = BrokerIdentity(options.uri);
    for (const std::string& server : ServersOf(options)) {
      const auto [known, is_new] = broker_of_server.try_emplace(BrokerIdentity(server), broker);
      if (is_new || known->second == broker) continue;
      // What was taken for two is one.
      const std::string other = known->second;
      for (auto* brokers : {&broker_of_server, &broker_of_connection}) {
        for (auto& [key, value] : *brokers) {
          if (value == other) value = broker;
        }
      }
    }
  }
  return broker_of_connection;
}

}  // namespace sluice
