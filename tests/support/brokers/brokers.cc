#include "tests/support/brokers/brokers.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.h"
#include "tests/support/free_port.h"
#include "tests/support/mosquitto.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

const std::string kOut = SLUICE_BROKERS_OUT;

std::string ReadAllOf(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What the first group of `pattern` is in `text`.
std::string Find(const std::string& text, const char* pattern) {
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : "of an unknown version";
}

// ------------------------------------------------------------------------------------------------ mosquitto

class MosquittoBroker final : public RealBroker {
 public:
  std::string uri() const override { return broker_.uri(); }
  void Stop() override { broker_.Stop(); }
  void Start() override { broker_.Start(); }

 private:
  Mosquitto broker_{{.persistence = true, .refuse_subscriptions = "refused"}};
};

// ------------------------------------------------------------------------------------------------ programs

// RabbitMQ takes 5 s of CPU to start, on a machine that has other things to do.
constexpr std::chrono::seconds kPatience{240};

// A program that listens on one port.
class Program : public RealBroker {
 public:
  std::string uri() const override { return "tcp://127.0.0.1:" + std::to_string(port_); }
  void Stop() override {
    process_->Terminate();
    if (!process_->Wait(kPatience)) throw std::runtime_error("the broker does not end:\n" + process_->output());
  }
  void Start() override {
    if (!TryStart()) throw std::runtime_error("the broker does not start:\n" + process_->output());
  }

 protected:
  // A port may be taken between its choice and the start.
  void StartOnAFreePort() {
    for (int attempt = 0; attempt < 3; ++attempt) {
      port_ = FreePort();
      if (TryStart()) return;
      if (process_->running()) break;  // Not for its port.
    }
    throw std::runtime_error("the broker does not start:\n" + process_->output());
  }
  virtual std::vector<std::string> Arguments() = 0;
  virtual std::vector<std::string> Environment() { return {}; }
  bool TryStart() {
    process_ = std::make_unique<Process>(
        Arguments(), Process::Options{.output_file = directory_ / "log", .environment = Environment()});
    bool accepts = false;
    Eventually([&] { return (accepts = PortAccepts(port_)) || !process_->running(); }, kPatience);
    return accepts && process_->running();
  }

  TempDir directory_;
  uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

class Mochi final : public Program {
 public:
  Mochi() { StartOnAFreePort(); }

 private:
  std::vector<std::string> Arguments() override {
    return {kOut + "/mochi/mochi", "-listen", "127.0.0.1:" + std::to_string(port_), "-store", directory_ / "store"};
  }
};

class Aedes final : public Program {
 public:
  Aedes() { StartOnAFreePort(); }

 private:
  std::vector<std::string> Arguments() override { return {"node", kOut + "/aedes/server.js", std::to_string(port_)}; }
};

// Says why prepare could not make it.
std::string MissingOf(const std::string& broker) {
  const std::string file = kOut + "/" + broker + "/missing";
  if (fs::exists(file)) return ReadAllOf(file);
  return fs::exists(kOut + "/" + broker) ? "" : "it was not built";
}

// ------------------------------------------------------------------------------------------------ RabbitMQ

std::string RabbitMqHome() {
  const fs::path all = "/usr/lib/rabbitmq/lib";
  if (!fs::exists(all)) return "";
  for (const auto& entry : fs::directory_iterator(all)) {
    if (fs::exists(entry.path() / "sbin" / "rabbitmq-server")) return entry.path();
  }
  return "";
}

// Past Debian's wrapper, which wants root or the user rabbitmq. With a port mapper (epmd) of its own, for Erlang would
// else start one that stays.
class RabbitMq final : public Program {
 public:
  RabbitMq() {
    directory_.Write("enabled_plugins", "[rabbitmq_mqtt].\n");
    directory_.Write("env.conf", "");
    mapper_port_ = FreePort();
    distribution_port_ = FreePort();
    mapper_ = std::make_unique<Process>(
        std::vector<std::string>{"epmd", "-address", "127.0.0.1", "-port", std::to_string(mapper_port_)});
    StartOnAFreePort();
  }

 private:
  std::vector<std::string> Arguments() override {
    directory_.Write("rabbitmq.conf",
                     "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:" + std::to_string(port_) +
                         "\nmqtt.allow_anonymous = true\nmqtt.default_user = guest\n"
                         "mqtt.default_pass = guest\nlog.console = true\nlog.file = false\n");
    return {RabbitMqHome() + "/sbin/rabbitmq-server"};
  }
  std::vector<std::string> Environment() override {
    return {"HOME=" + directory_.path().string(),
            "RABBITMQ_NODENAME=sluice-test-" + std::to_string(distribution_port_) + "@localhost",
            "RABBITMQ_MNESIA_BASE=" + directory_ / "data", "RABBITMQ_LOG_BASE=" + directory_ / "logs",
            "RABBITMQ_CONFIG_FILE=" + directory_ / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE=" + directory_ / "enabled_plugins",
            "RABBITMQ_CONF_ENV_FILE=" + directory_ / "env.conf",
            "RABBITMQ_DIST_PORT=" + std::to_string(distribution_port_),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + std::to_string(mapper_port_),
            // Then Erlang takes the script's place, so that its end is this process' end.
            "RUNNING_UNDER_SYSTEMD=1"};
  }

  uint16_t mapper_port_ = 0;
  uint16_t distribution_port_ = 0;
  std::unique_ptr<Process> mapper_;
};

std::string RabbitMqMissing() {
  if (!RabbitMqHome().empty()) return "";
  return "RabbitMQ is not installed (Debian's package rabbitmq-server, with Erlang)";
}

std::vector<BrokerKind> MakeBrokers() {
  return {
      {.name = "mosquitto",
       .identifier = "Mosquitto",
       .missing = [] { return std::string(); },
       .version =
           [] {
             const std::string package =
                 RunCommand({"sh", "-c", "PATH=$PATH:/usr/sbin; mosquitto -h | head -n 1; exit 0"});
             return Find(package, "version ([0-9.]+)");
           },
       .start = [] { return std::make_unique<MosquittoBroker>(); }},
      {.name = "mochi-mqtt",
       .identifier = "Mochi",
       .ordered_queue = false,
       .missing = [] { return MissingOf("mochi"); },
       .version =
           [] {
             return Find(RunCommand({"go", "version", "-m", kOut + "/mochi/mochi"}), "mochi-mqtt\\S*\\s+v([0-9.]+)");
           },
       .start = [] { return std::make_unique<Mochi>(); }},
      {.name = "aedes",
       .identifier = "Aedes",
       .mqtt5 = false,
       .persistent = false,
       .shares = false,
       .missing = [] { return MissingOf("aedes"); },
       .version =
           [] {
             return Find(ReadAllOf(kOut + "/aedes/node_modules/aedes/package.json"), "\"version\": \"([0-9.]+)\"");
           },
       .start = [] { return std::make_unique<Aedes>(); }},
      {.name = "RabbitMQ",
       .identifier = "RabbitMq",
       .mqtt5 = false,
       .qos2 = false,
       .shares = false,
       .refuses = false,
       .missing = RabbitMqMissing,
       .version = [] { return Find(RabbitMqHome(), "rabbitmq_server-([0-9.]+)"); },
       .start = [] { return std::make_unique<RabbitMq>(); }},
  };
}

}  // namespace

const std::vector<BrokerKind>& AllBrokers() {
  static const std::vector<BrokerKind> brokers = MakeBrokers();
  return brokers;
}

}  // namespace sluice
