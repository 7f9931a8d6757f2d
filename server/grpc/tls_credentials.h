// TLS for gRPC listeners, read from files and read again when they change.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/certificates/listener_tls.h"
#include "server/runtime/clock.h"

namespace sluice {

// With client_ca_file set, clients must show a certificate of that CA (mTLS). The files are checked first (errors name
// the key of the configuration, which begins with `setting`, and the path); afterwards new connections use what the
// files hold, looked at once a second at most. Files that have become unusable, or a key that does not belong to its
// certificate (a pair caught half-way through being replaced), are logged and the last good ones stay in use.
// `setting`: "workers.tls".
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> LoadTlsCredentials(const std::string& setting,
                                                                            const ListenerTls& files,
                                                                            const Clock& clock);

}  // namespace sluice
