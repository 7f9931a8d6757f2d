// Brokers that nobody here wrote. Each starts on free ports of 127.0.0.1 with its files in a
// directory of its own, and ends with its object.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace sluice {

// Everybody may do everything, save subscribe to "refused".
class RealBroker {
 public:
  virtual ~RealBroker() = default;
  virtual std::string uri() const = 0;
  // With SIGTERM, and waits for the end.
  virtual void Stop() = 0;
  // Throws std::runtime_error with its log when it does not start.
  virtual void Start() = 0;
};

struct BrokerKind {
  std::string name;        // "mosquitto".
  std::string identifier;  // In names of tests: "Mosquitto".
  bool mqtt5 = true;       // Speaks MQTT 5, beside 3.1.1.
  // Sessions and their messages survive Stop() and Start().
  bool persistent = true;
  // What a session has queued comes in the order in which it was published.
  bool ordered_queue = true;
  // Knows QoS 2; else it answers with PUBACK, which a well-behaved client need not understand.
  bool qos2 = true;
  // Knows shared subscriptions.
  bool shares = true;
  // Subscriptions that it can be told to refuse.
  bool refuses = true;
  // Why it cannot run here; empty: it can.
  std::function<std::string()> missing;
  std::function<std::string()> version;
  std::function<std::unique_ptr<RealBroker>()> start;

  friend void PrintTo(const BrokerKind& kind, std::ostream* out) { *out << kind.name; }
};

const std::vector<BrokerKind>& AllBrokers();

}  // namespace sluice
