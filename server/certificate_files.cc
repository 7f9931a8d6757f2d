#include "server/certificate_files.h"

#include "absl/strings/str_cat.h"

namespace sluice {

std::vector<CertificateWatch::File> CertificateFilesOf(const GatewayConfig& config) {
  std::vector<CertificateWatch::File> files;
  const auto add = [&files](std::string setting, const std::string& path) {
    if (!path.empty()) files.push_back({.setting = std::move(setting), .path = path});
  };
  for (const auto& [name, options] : config.connections) {
    add(absl::StrCat("connections.", name, ".caFile"), options.tls.ca_file);
    add(absl::StrCat("connections.", name, ".certFile"), options.tls.cert_file);
  }
  const auto add_listener = [&add](const std::string& setting, const std::optional<ListenerTls>& tls) {
    if (!tls) return;
    add(setting + ".certFile", tls->cert_file);
    add(setting + ".clientCaFile", tls->client_ca_file);
  };
  add_listener("workers.tls", config.workers.tls);
  add_listener("admin.tls", config.admin.tls);
  if (config.http.tls) add("http.tls.certFile", config.http.tls->cert_file);
  return files;
}

}  // namespace sluice
