#include "server/config/address.h"
#include "server/config/sections.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

void CheckSecurity(MapReader& map, const AdminConfig& admin) {
  if (admin.tls && admin.insecure) {
    map.Error("insecure", "both tls and insecure: true are set; allowed: at most one of them");
    return;
  }
  const bool tcp = admin.listen && !admin.listen->empty() && !admin.listen->starts_with("unix:");
  if (admin.tls && !tcp) {
    map.Error("tls", "TLS is for a HOST:PORT, and listen is none; allowed: listen: HOST:PORT, or no tls");
    return;
  }
  if (!tcp || admin.tls || ListensOnLoopback(*admin.listen)) return;
  if (!admin.insecure) {
    map.Error("listen", text::Concat("'", *admin.listen,
                                     "' can be reached from other machines; allowed: a unix:PATH, an address such as "
                                     "127.0.0.1:PORT, tls: {certFile: FILE, keyFile: FILE, clientCaFile: FILE}, or, "
                                     "behind something that keeps others out, insecure: true"));
    return;
  }
  map.Warn("insecure", text::Concat("whoever reaches ", *admin.listen, " reads, replays and purges dead letters"));
}

}  // namespace

void ReadAudit(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("audit");
  if (entry == nullptr) return;
  MapReader map(reading, kAuditSection, *entry, "audit");
  map.Read("file", draft.config.audit_file);
}

void ReadAdmin(Reading& reading, MapReader& top, Draft& draft) {
  const Entry* entry = top.Find("admin");
  if (entry == nullptr) return;
  AdminConfig& admin = draft.config.admin;
  MapReader map(reading, kAdminSection, *entry, "admin");
  if (!map.valid()) return;
  std::string listen;
  const bool listen_is_wrong = map.Find("listen") != nullptr && !map.Read("listen", listen);
  if (map.Find("listen") != nullptr && !listen_is_wrong) admin.listen = listen;
  if (const Entry* tls = map.Find("tls")) {
    ReadListenerTls(
        reading, kAdminTlsSection, *tls, "admin.tls",
        "clientCaFile is not set, so any client that reaches the port reads, replays and purges dead letters",
        admin.tls.emplace());
  }
  if (const Entry* auth = map.Find("auth")) {
    admin.auth = ReadAuthentication(reading, *auth, "admin.auth", admin.tls);
    if (!admin.listen || admin.listen->empty() || admin.listen->starts_with("unix:")) {
      map.Warn("auth", "nobody is asked on a Unix socket: whom its mode lets in is an administrator");
    }
  }
  const bool flag_is_wrong = map.Find("insecure") != nullptr && !map.Read("insecure", admin.insecure);
  if (!listen_is_wrong && !flag_is_wrong) CheckSecurity(map, admin);
  map.Read("reflection", admin.reflection);
}

}  // namespace sluice
