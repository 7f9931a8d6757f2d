// Who is at the other end of an accepted connection, as far as the connection shows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

// A client's certificate, which has passed the check against the listener's authorities. Names are as they stand in
// the certificate, but without those that hold a NUL or another control character: they are no names.
struct PeerCertificate {
  std::string subject;      // "CN = pump-7, O = Plant", without control characters.
  std::string common_name;  // The last CN of the subject; empty: none.
  std::string issuer;       // As subject.
  // Subject alternative names, by their kinds, in the certificate's order.
  std::vector<std::string> uris;  // "spiffe://plant/pump-7"
  std::vector<std::string> dns_names;
  std::vector<std::string> emails;
  std::vector<std::string> ip_addresses;  // "10.0.0.7", "2001:db8::1"
  int64_t not_before_unix_s = 0;
  int64_t not_after_unix_s = 0;
  std::string serial;  // Hexadecimal, small letters, without leading zeros.
  // The certificate and the intermediate ones that came with it, the peer's own first, as DER: for those who check it
  // again later (TlsServer::CheckAgain).
  std::vector<std::string> chain_der;
};

struct Peer {
  std::string text;     // "10.0.0.7:4711", "[2001:db8::1]:4711", "unix"; what logs show.
  std::string address;  // Numeric and without the port, IPv4 as such also where a dual-stack socket took it; "unix".
  // Of a Unix socket: the process that connected.
  std::optional<uid_t> uid;
  std::optional<pid_t> pid;
  // Of TLS: "TLSv1.3", "TLS_AES_128_GCM_SHA256"; empty: plain.
  std::string tls_version;
  std::string tls_cipher;
  // Null: plain text, or no certificate was asked for.
  std::shared_ptr<const PeerCertificate> certificate;
};

}  // namespace sluice
