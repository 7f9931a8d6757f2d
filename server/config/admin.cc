#include "server/config/address.h"
#include "server/config/sections.h"
#include "server/identity/permissions.h"
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

void CheckSecurity(MapReader& map, const DashboardConfig& dashboard) {
  if (dashboard.tls && dashboard.insecure) {
    map.Error("insecure", "both tls and insecure: true are set; allowed: at most one of them");
  } else if (!dashboard.tls && !ListensOnLoopback(dashboard.listen)) {
    if (dashboard.insecure) {
      map.Warn("insecure", text::Concat("whoever is on the way to ", dashboard.listen,
                                        " can read what passes, and tokens with it"));
    } else {
      map.Error("listen",
                text::Concat("'", dashboard.listen,
                             "' can be reached from other machines; allowed: an address such as "
                             "127.0.0.1:PORT, tls: {certFile: FILE, keyFile: FILE}, or, behind something that "
                             "keeps others out, insecure: true"));
    }
  }
}

// A browser shows a certificate where one is asked for, and a token where its user has given it one.
void CheckSignIn(Reading& reading, const Entry& entry, const AdminConfig& admin) {
  if (!admin.auth) return;
  const DashboardConfig& dashboard = admin.dashboard;
  const bool shows = dashboard.tls && !dashboard.tls->client_ca_file.empty();
  if (admin.auth->certificates && !shows && (admin.auth->both || admin.auth->tokens.empty())) {
    reading.Error(entry.at,
                  "admin.dashboard: admin.auth needs certificates, and no browser is asked for one; allowed: "
                  "tls.clientCaFile in here");
  }
  for (const Entry& key : entry.value.entries) {
    if (key.key != "role") continue;
    reading.Error(key.at,
                  "admin.dashboard.role: admin.auth asks who callers are, and permissions[].role says what they may; "
                  "allowed: no role in here");
  }
}

void ReadDashboard(Reading& reading, const Entry& entry, AdminConfig& admin) {
  DashboardConfig& dashboard = admin.dashboard;
  MapReader map(reading, kAdminDashboardSection, entry, "admin.dashboard");
  if (!map.valid()) return;
  const bool listens = map.Find("listen") != nullptr && map.Read("listen", dashboard.listen);
  if (const Entry* tls = map.Find("tls")) {
    ReadListenerTls(reading, kAdminDashboardTlsSection, *tls, "admin.dashboard.tls", "", nullptr,
                    dashboard.tls.emplace());
  }
  map.Read("hosts", dashboard.hosts);
  for (std::string& host : dashboard.hosts) {
    if (host.find_first_of("/:*@ ") != std::string::npos) {
      map.Error("hosts",
                text::Concat("'", host, "' is no name; allowed: such as sluice.plant.example, without a port"));
    }
    host = text::Lower(host);
  }
  if (std::string role; map.Read("role", role)) dashboard.unasked = AdminRoleOf(role).value_or(AdminRole::kViewer);
  const bool flag_is_wrong = map.Find("insecure") != nullptr && !map.Read("insecure", dashboard.insecure);
  if (listens && !flag_is_wrong) CheckSecurity(map, dashboard);
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
  const Entry* auth = map.Find("auth");
  if (const Entry* tls = map.Find("tls")) {
    ReadListenerTls(
        reading, kAdminTlsSection, *tls, "admin.tls",
        "clientCaFile is not set, so any client that reaches the port reads, replays and purges dead letters", auth,
        admin.tls.emplace());
  }
  const Entry* dashboard = map.Find("dashboard");
  if (dashboard != nullptr) ReadDashboard(reading, *dashboard, admin);
  if (auth != nullptr) {
    admin.auth = ReadAuthentication(reading, *auth, "admin.auth", admin.tls ? admin.tls : admin.dashboard.tls);
    if (dashboard == nullptr && (!admin.listen || admin.listen->empty() || admin.listen->starts_with("unix:"))) {
      map.Warn("auth", "nobody is asked on a Unix socket: whom its mode lets in is an administrator");
    }
  }
  const bool flag_is_wrong = map.Find("insecure") != nullptr && !map.Read("insecure", admin.insecure);
  if (!listen_is_wrong && !flag_is_wrong) CheckSecurity(map, admin);
  map.Read("reflection", admin.reflection);
  if (dashboard != nullptr) CheckSignIn(reading, *dashboard, admin);
}

}  // namespace sluice
