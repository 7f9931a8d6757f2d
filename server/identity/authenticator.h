// Who is at the other end of a call: from its certificate and its metadata to a Principal, or to why not.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/identity/authentication_options.h"
#include "server/identity/key_file.h"
#include "server/identity/principal.h"
#include "server/identity/refusal.h"
#include "server/identity/token.h"
#include "server/net/peer.h"
#include "server/runtime/clock.h"
#include "server/runtime/ticker.h"
#include "server/telemetry/metrics.h"

namespace sluice {

// What a call brings to show who makes it.
struct Credentials {
  std::shared_ptr<const PeerCertificate> certificate;  // Null: none.
  std::span<const std::string_view> authorization;     // The values of its metadata of that name.
  std::string_view user_agent{};                       // What its gRPC library calls itself. Shows nothing.
};

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual OrRefusal<PrincipalPtr> Authenticate(const Credentials& credentials) = 0;
  // Whether the key that signed the principal's token has not been withdrawn; UNAUTHENTICATED: it has. Certificates are
  // TLS' to look at again (TlsServer::CheckAgain), and ends of validity are the caller's to watch.
  virtual absl::Status StillHolds(const Principal& principal) const = 0;
};

// By a listener's configuration. Thread-safe, Tick as Tickables are.
class ConfiguredAuthenticator final : public Authenticator, public Tickable {
 public:
  // How often the files are looked at. A key must be in its file that long before it signs.
  static constexpr Millis kLookEvery{1'000};

  struct Seams {
    KeyFile::ReadFile read_file;
  };

  // `listener`: "workers", names the section of the configuration, and the metric's label. `clock` and `metrics` outlive
  // it.
  ConfiguredAuthenticator(std::string listener, AuthenticationOptions options, Seams seams, const Clock& clock,
                          MetricsRegistry& metrics);

  // Reads the files. The error names setting and file.
  absl::Status Load();
  // `changed` runs on the ticker's thread after a file has become another one: look at StillHolds again. Before Tick.
  void OnChange(std::function<void()> changed) { changed_ = std::move(changed); }

  // Counts refusals; logging them is the caller's.
  OrRefusal<PrincipalPtr> Authenticate(const Credentials& credentials) override;
  absl::Status StillHolds(const Principal& principal) const override;
  SteadyTime Tick(SteadyTime now) override;

 private:
  struct Issuer {
    TokenIssuer issuer;
    std::unique_ptr<KeyFile> keys;
  };

  OrRefusal<PrincipalPtr> Decide(const Credentials& credentials) const;
  OrRefusal<PrincipalPtr> FromCertificate(const PeerCertificate& certificate) const;
  OrRefusal<PrincipalPtr> FromToken(std::string_view token) const;
  const Issuer* Find(std::string_view name) const;

  const std::string listener_;
  const AuthenticationOptions options_;
  const Seams seams_;
  const Clock& clock_;
  std::vector<Issuer> issuers_;
  std::array<Counter*, kAuthenticationChecks> refusals_{};
  std::function<void()> changed_;
  SteadyTime look_from_{};  // Of the ticker's thread.
};

}  // namespace sluice
