// TLS of a listener: certificates and keys from files, which are read again when they change.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/certificates/listener_tls.h"
#include "server/net/peer.h"
#include "server/net/tls_files.h"
#include "server/runtime/clock.h"
#include "server/runtime/mutex.h"
#include "server/runtime/ticker.h"

struct ssl_ctx_st;

namespace sluice {

struct TlsServerSettings {
  std::string setting;  // "workers.tls": errors and logs begin with it.
  TlsFiles files;
  // Clients without a certificate are let in, too, where there is files.client_ca_file; one that is shown must be
  // good all the same.
  bool client_certificate_optional = false;
  // "1.2" or "1.3".
  std::string min_version = "1.2";
  // Names, as ciphers.h takes them. Those of a version that none is named of stay as they are.
  std::vector<std::string> ciphers;
  // ALPN: what the listener speaks, the best first.
  std::vector<std::string> protocols = {"h2"};
  // A client that names no protocol is refused, as gRPC's own server does.
  bool protocol_required = true;
};

// Of a section of the configuration, `setting`.
TlsServerSettings SettingsOf(std::string setting, const ListenerTls& tls);

// TLS 1.2 and 1.3; no resumption, so that each connection shows a certificate that is good now. Thread-safe.
class TlsServer final : public Tickable {
 public:
  static constexpr Millis kLookEvery{1'000};

  // The files are read and checked now: errors name setting, file, cause and remedy. `clock` outlives it.
  static absl::StatusOr<std::shared_ptr<TlsServer>> Load(TlsServerSettings options, const Clock& clock);
  ~TlsServer() override;

  // Looks whether the files have changed, and reads them then: new connections use what they hold, those that stand go
  // on. Files that cannot be used (junk, a pair caught half-way through being replaced) are told once, and what was
  // loaded last stays in use.
  SteadyTime Tick(SteadyTime now) override;

  // Grows with each change that was loaded.
  uint64_t generation() const;
  // Whether a certificate that was good would be let in now, by time, authorities and revocation lists as they are.
  // For streams whose certificate was withdrawn. Costs a signature check (~0.1 ms).
  absl::Status CheckAgain(const PeerCertificate& certificate) const;

  bool wants_client_certificate() const { return !options_.files.client_ca_file.empty(); }
  const TlsServerSettings& options() const { return options_; }

  // For the handshake.
  std::shared_ptr<ssl_ctx_st> context() const;

 private:
  TlsServer(TlsServerSettings options, const Clock& clock);

  // OK when nothing has changed, too.
  absl::Status Reload();

  const TlsServerSettings options_;
  const Clock& clock_;

  // Of whoever ticks.
  std::string stamp_;
  bool look_closer_ = false;
  std::string complaint_;  // Told last.
  SteadyTime next_look_{};
  TlsTexts texts_;

  mutable Mutex mutex_;
  std::shared_ptr<ssl_ctx_st> context_ ABSL_GUARDED_BY(mutex_);
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
