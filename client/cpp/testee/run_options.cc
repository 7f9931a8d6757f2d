#include "client/cpp/testee/run_options.h"

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace sluice::testee {
namespace {

template <typename T>
void Take(const Json& json, const char* name, T& into) {
  if (const auto member = json.find(name); member != json.end()) into = member->get<T>();
}

void Take(const Json& json, const char* name, std::chrono::milliseconds& into) {
  if (const auto member = json.find(name); member != json.end()) {
    into = std::chrono::milliseconds(member->get<int64_t>());
  }
}

// Lines of NAME ADDRESS….
client::Status LookUp(const std::string& path, const std::string& host, std::vector<std::string>& addresses) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != host) continue;
    while (words >> word) addresses.push_back(word);
    return {};
  }
  return {client::StatusCode::kNotFound, host + " does not stand in " + path};
}

}  // namespace

client::Options ToOptions(const Json& json) {
  client::Options options;
  Take(json, "gateways", options.gateways);
  Take(json, "chains", options.chains);
  Take(json, "worker_name", options.worker_name);
  Take(json, "instance", options.instance);
  Take(json, "window_messages", options.window_messages);
  Take(json, "window_bytes", options.window_bytes);
  Take(json, "concurrency", options.concurrency);
  Take(json, "lease_ms", options.lease);
  Take(json, "resolve_interval_ms", options.resolve_interval);
  Take(json, "reconnect_first_ms", options.reconnect_first);
  Take(json, "reconnect_longest_ms", options.reconnect_longest);
  Take(json, "connect_timeout_ms", options.connect_timeout);
  Take(json, "drain_timeout_ms", options.drain_timeout);
  Take(json, "send_buffer_bytes", options.send_buffer_bytes);
  options.security =
      json.value("security", "plaintext") == "tls" ? client::Security::kTls : client::Security::kPlaintext;
  Take(json, "ca_file", options.tls.ca_file);
  Take(json, "cert_file", options.tls.cert_file);
  Take(json, "key_file", options.tls.key_file);
  Take(json, "server_name", options.tls.server_name);
  Take(json, "token_file", options.token_file);
  if (const std::string shown = json.value("token", ""); !shown.empty()) {
    options.token = [shown](std::string& token) {
      token = shown;
      return client::Status();
    };
  }
  if (const std::string path = json.value("resolve_file", ""); !path.empty()) {
    options.resolver = [path](const std::string& host, std::vector<std::string>& addresses) {
      return LookUp(path, host, addresses);
    };
  }
  options.on_event = SayEvent;
  options.on_result = SayResult;
  return options;
}

}  // namespace sluice::testee
