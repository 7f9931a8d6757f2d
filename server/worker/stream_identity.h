// Who a worker stream belongs to, and what that means for it.
#pragma once

#include <memory>
#include <string>

#include "server/identity/permissions.h"
#include "server/identity/principal.h"
#include "server/worker/principal_uses.h"

namespace sluice {

struct PeerCertificate;

// Constant.
struct StreamIdentity {
  PrincipalPtr principal;                // Null: nobody asked.
  std::shared_ptr<const Grants> grants;  // Null: there are no rules.
  std::shared_ptr<PacedUse> use;         // Of the principal or, where nobody asked, of the address.
  // What its connection showed to TLS. Null: nothing.
  std::shared_ptr<const PeerCertificate> certificate = nullptr;
  std::string user_agent{};  // Of its call, for people. Cut to 256 bytes.

  // For logs and dead letters; empty: nobody asked.
  std::string name() const { return principal == nullptr ? std::string() : principal->name(); }
};

}  // namespace sluice
