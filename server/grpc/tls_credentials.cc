#include "server/grpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/certificates/pem.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

struct PemFiles {
  std::string cert;
  std::string key;
  std::string client_ca;  // Empty: no mTLS.

  friend bool operator==(const PemFiles&, const PemFiles&) = default;
};

absl::StatusOr<std::string> ReadFile(const std::string& setting, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file.is_open() || std::filesystem::is_directory(path)) {
    return absl::InvalidArgumentError(absl::StrCat(setting, ": cannot read '", path, "'"));
  }
  return text.str();
}

absl::Status Unusable(const std::string& setting, const char* key, const std::string& path,
                      const absl::Status& problem) {
  return absl::InvalidArgumentError(absl::StrCat(setting, key, ": '", path, "' ", problem.message()));
}

absl::StatusOr<PemFiles> ReadChecked(const std::string& setting, const ListenerTls& files) {
  PemFiles pem;
  struct {
    const char* key;
    const std::string& path;
    std::string& text;
  } const wanted[] = {{".certFile", files.cert_file, pem.cert},
                      {".keyFile", files.key_file, pem.key},
                      {".clientCaFile", files.client_ca_file, pem.client_ca}};
  for (const auto& one : wanted) {
    if (one.path.empty() && &one.text == &pem.client_ca) continue;
    absl::StatusOr<std::string> text = ReadFile(setting + one.key, one.path);
    if (!text.ok()) return text.status();
    one.text = *std::move(text);
  }
  if (const auto cert = CheckCertificates(pem.cert); !cert.ok()) {
    return Unusable(setting, ".certFile", files.cert_file, cert.status());
  }
  if (const absl::Status key = CheckPrivateKey(pem.key); !key.ok()) {
    return Unusable(setting, ".keyFile", files.key_file, key);
  }
  if (const absl::Status pair = CheckPair(pem.cert, pem.key); !pair.ok()) {
    return Unusable(setting, ".keyFile", files.key_file, pair);
  }
  if (files.client_ca_file.empty()) return pem;
  if (const auto authorities = CheckCertificates(pem.client_ca); !authorities.ok()) {
    return Unusable(setting, ".clientCaFile", files.client_ca_file, authorities.status());
  }
  return pem;
}

// gRPC's own credentials either never read the files again, or swap in what cannot be used. This asks for the
// certificate at each handshake (grpc_security.h), and answers with files that were checked.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  TlsCredentials(std::string setting, ListenerTls files, PemFiles pem, const Clock& clock)
      : clock_(clock), setting_(std::move(setting)), files_(std::move(files)), pem_(std::move(pem)) {
    auto request = files_.client_ca_file.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                                 : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, &TlsCredentials::Fetch, this));
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<TlsCredentials*>(self)->FetchConfig(config);
  }

  // Called by gRPC at each handshake.
  grpc_ssl_certificate_config_reload_status FetchConfig(grpc_ssl_server_certificate_config** config) {
    MutexLock lock(mutex_);
    SteadyTime now = clock_.Now();
    if (given_ && now < next_look_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    next_look_ = now + Millis(1'000);
    absl::StatusOr<PemFiles> fresh = ReadChecked(setting_, files_);
    std::string complaint(fresh.status().message());
    if (complaint != complaint_ && !complaint.empty()) {
      log::Error("TLS files are not usable, the last good ones stay in use", {{"detail", complaint}});
    }
    complaint_ = complaint;
    bool changed = fresh.ok() && *fresh != pem_;
    if (changed) {
      pem_ = *std::move(fresh);
      log::Info("TLS files read again", {{"setting", setting_}, {"cert_file", files_.cert_file}});
    }
    if (given_ && !changed) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    given_ = true;
    grpc_ssl_pem_key_cert_pair pair{pem_.key.c_str(), pem_.cert.c_str()};
    // gRPC 1.51 asserts that there are roots, also where no client certificate is asked for: any will do then.
    const std::string& roots = pem_.client_ca.empty() ? pem_.cert : pem_.client_ca;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const Clock& clock_;
  const std::string setting_;
  const ListenerTls files_;
  grpc_server_credentials* credentials_ = nullptr;

  Mutex mutex_;
  PemFiles pem_ ABSL_GUARDED_BY(mutex_);
  std::string complaint_ ABSL_GUARDED_BY(mutex_);  // Logged last.
  bool given_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyTime next_look_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> LoadTlsCredentials(const std::string& setting,
                                                                            const ListenerTls& files,
                                                                            const Clock& clock) {
  absl::StatusOr<PemFiles> pem = ReadChecked(setting, files);
  if (!pem.ok()) return pem.status();
  return std::make_shared<TlsCredentials>(setting, files, *std::move(pem), clock);
}

}  // namespace sluice
