#include "server/net/tls_server.h"

#include <utility>

#include "server/certificates/crl.h"
#include "server/certificates/pem.h"
#include "server/net/tls_context.h"
#include "server/runtime/text.h"
#include "server/telemetry/log.h"

namespace sluice {
namespace {

// Said, not refused: it may be the clock that is wrong, or nobody may look at it.
void WarnOf(const TlsServerSettings& options, const TlsTexts& texts, int64_t now_unix_s) {
  for (const std::string& text : texts.client_crls) {
    const absl::StatusOr<CrlFacts> facts = ReadCrlFacts(text);
    if (!facts.ok() || facts->next_update_unix_s > now_unix_s) continue;
    log::Warning("a revocation list has run out: no certificate of its authority is let in",
                 {{"setting", options.setting + ".clientCrl"},
                  {"authority", facts->issuer},
                  {"since", UtcSeconds(facts->next_update_unix_s)}});
  }
}

}  // namespace

TlsServerSettings SettingsOf(std::string setting, const ListenerTls& tls) {
  return {.setting = std::move(setting),
          .files = {.cert_file = tls.cert_file,
                    .key_file = tls.key_file,
                    .key_password_file = tls.key_password_file,
                    .client_ca_file = tls.client_ca_file,
                    .client_crl = tls.client_crl},
          .min_version = tls.min_version,
          .ciphers = tls.ciphers};
}

absl::StatusOr<std::shared_ptr<TlsServer>> TlsServer::Load(TlsServerSettings options, const Clock& clock) {
  std::shared_ptr<TlsServer> server(new TlsServer(std::move(options), clock));
  if (absl::Status status = server->Reload(); !status.ok()) return status;
  return server;
}

TlsServer::TlsServer(TlsServerSettings options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

TlsServer::~TlsServer() = default;

SteadyTime TlsServer::Tick(SteadyTime now) {
  if (now < next_look_) return next_look_;
  next_look_ = now + kLookEvery;
  const absl::Status status = Reload();
  std::string complaint(text::Message(status));
  if (complaint != complaint_ && !complaint.empty()) {
    log::Error("TLS files are not usable, the last good ones stay in use", {{"detail", complaint}});
  }
  complaint_ = std::move(complaint);
  return next_look_;
}

absl::Status TlsServer::Reload() {
  // Before the files are read: what changes while they are is found the next time. Times of files are coarse, so that
  // a second change within a few milliseconds may look like none: after a change they are read once more.
  std::string stamp = TlsFilesStamp(options_.files);
  const bool changed = stamp != stamp_;
  if (!changed && !look_closer_) return complaint_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(complaint_);
  look_closer_ = changed;
  stamp_ = std::move(stamp);
  absl::StatusOr<TlsTexts> texts = ReadTlsFiles(options_.setting, options_.files);
  if (!texts.ok()) return texts.status();
  const bool first = generation() == 0;
  if (!first && *texts == texts_) return absl::OkStatus();
  absl::StatusOr<SslContextPtr> context = MakeTlsContext(options_, *texts);
  if (!context.ok()) return context.status();
  WarnOf(options_, *texts, clock_.UnixMillis() / 1'000);
  texts_ = *std::move(texts);
  {
    MutexLock lock(mutex_);
    context_ = std::shared_ptr<SSL_CTX>(context->release(), SSL_CTX_free);
    ++generation_;
  }
  if (!first) {
    log::Info("TLS files read again", {{"setting", options_.setting}, {"cert_file", options_.files.cert_file}});
  }
  return absl::OkStatus();
}

uint64_t TlsServer::generation() const {
  MutexLock lock(mutex_);
  return generation_;
}

absl::Status TlsServer::CheckAgain(const PeerCertificate& certificate) const {
  return CheckChain(context().get(), certificate.chain_der);
}

std::shared_ptr<ssl_ctx_st> TlsServer::context() const {
  MutexLock lock(mutex_);
  return context_;
}

}  // namespace sluice
