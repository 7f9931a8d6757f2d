#include "tests/support/mosquitto.h"

#include <filesystem>
#include <stdexcept>

#include "tests/support/free_port.h"

namespace sluice {
namespace {

// Debian's place, which is not in everybody's PATH.
std::string Program() { return std::filesystem::exists("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto"; }

std::string SecurityPlugin() {
  constexpr const char* kName = "mosquitto_dynamic_security.so";
  for (const char* directory : {"/usr/lib/x86_64-linux-gnu/", "/usr/lib/aarch64-linux-gnu/", "/usr/lib/"}) {
    if (std::filesystem::exists(std::string(directory) + kName)) return std::string(directory) + kName;
  }
  throw std::runtime_error(std::string(kName) + " is not installed");
}

// Everybody may do everything, save subscribe to the one filter.
std::string SecurityConfig(const Mosquitto::Options& options) {
  return R"({"defaultACLAccess": {"publishClientSend": true, "publishClientReceive": true, "subscribe": true,
                     "unsubscribe": true},
 "clients": [], "anonymousGroup": "all", "groups": [{"groupname": "all", "roles": [{"rolename": "limited"}]}],
 "roles": [{"rolename": "limited", "acls": [{"acltype": "subscribeLiteral", "allow": false, "topic": ")" +
         options.refuse_subscriptions + R"("}]}]})";
}

}  // namespace

Mosquitto::Mosquitto(Options options) : options_(std::move(options)) {
  if (!options_.users.empty()) {
    std::string passwords = directory_.Write("passwords", "");
    std::filesystem::permissions(passwords, std::filesystem::perms(0600));
    for (const auto& [user, password] : options_.users) {
      RunCommand({"mosquitto_passwd", "-b", passwords, user, password});
    }
  }
  if (!options_.acl.empty()) directory_.Write("acl", options_.acl);
  if (!options_.refuse_subscriptions.empty()) directory_.Write("security.json", SecurityConfig(options_));
  // A port may be taken between its choice and mosquitto's start.
  for (int attempt = 0; attempt < 5; ++attempt) {
    port_ = FreePort();
    tls_port_ = FreePort();
    ws_port_ = FreePort();
    if (!options_.start || TryStart()) return;
  }
  throw std::runtime_error("mosquitto does not start:\n" + log());
}

std::string Mosquitto::Config() const {
  std::string config =
      "user root\n"  // Only heeded when started as root: it would else lose access to its directory.
      "per_listener_settings false\n"
      "log_dest stderr\n"
      "log_type all\n"
      "connection_messages true\n";
  config += "allow_anonymous " + std::string(options_.users.empty() ? "true" : "false") + "\n";
  if (!options_.users.empty()) config += "password_file " + directory_ / "passwords" + "\n";
  if (!options_.acl.empty()) config += "acl_file " + directory_ / "acl" + "\n";
  if (!options_.refuse_subscriptions.empty()) {
    config += "plugin " + SecurityPlugin() + "\nplugin_opt_config_file " + directory_ / "security.json" + "\n";
  }
  if (options_.persistence) {
    // On every change, so that a kill loses nothing either.
    config += "persistence true\npersistence_location " + directory_.path().string() +
              "/\nautosave_on_changes true\nautosave_interval 1\n";
  }
  config += "listener " + std::to_string(port_) + " 127.0.0.1\n" + options_.config + "\n";
  if (!options_.tls_cert_file.empty()) {
    config += "listener " + std::to_string(tls_port_) + " 127.0.0.1\ncertfile " + options_.tls_cert_file +
              "\nkeyfile " + options_.tls_key_file + "\n";
    if (!options_.tls_client_ca_file.empty()) {
      config += "cafile " + options_.tls_client_ca_file + "\nrequire_certificate true\n";
    }
  }
  if (options_.websockets) {
    config += "listener " + std::to_string(ws_port_) + " 127.0.0.1\nprotocol websockets\n";
    if (!options_.tls_cert_file.empty()) {
      config += "certfile " + options_.tls_cert_file + "\nkeyfile " + options_.tls_key_file + "\n";
    }
  }
  return config;
}

void Mosquitto::Start() {
  if (!TryStart()) throw std::runtime_error("mosquitto does not start:\n" + log());
}

bool Mosquitto::TryStart() {
  std::string file = directory_.Write("mosquitto.conf", Config());
  process_ = std::make_unique<Process>(std::vector<std::string>{Program(), "-c", file},
                                       Process::Options{.output_file = directory_ / "log"});
  bool accepts = false;
  Eventually([&] { return (accepts = PortAccepts(port_)) || !process_->running(); });
  if (accepts && !options_.tls_cert_file.empty()) accepts = Eventually([&] { return PortAccepts(tls_port_); });
  if (accepts && options_.websockets) accepts = Eventually([&] { return PortAccepts(ws_port_); });
  return accepts && process_->running();
}

void Mosquitto::Stop() {
  process_->Terminate();
  if (!process_->Wait()) throw std::runtime_error("mosquitto does not end:\n" + log());
}

void Mosquitto::Kill() { process_->Kill(); }

}  // namespace sluice
