// Where gateways are: what the user named, what the names stand for now, and what changed since.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/options.h"
#include "sluice/status.h"

namespace sluice::client {

// "HOST:PORT" as the user gave it, taken apart.
struct Target {
  std::string host;  // Without brackets.
  uint16_t port = 0;
  bool literal = false;  // An IP address: nothing to look up.

  friend bool operator==(const Target&, const Target&) = default;
};

// INVALID_ARGUMENT with the reason. The port is 7443 where none is given.
Status ParseTarget(std::string_view text, Target& target);

// One gateway replica to dial.
struct Address {
  std::string ip;
  uint16_t port = 0;
  std::string host;  // The name it was found under: what its certificate must carry.

  // "192.0.2.7:7443", "[2001:db8::7]:7443".
  std::string ToString() const;
  // What gRPC dials: never a name.
  std::string Uri() const;
  friend auto operator<=>(const Address&, const Address&) = default;
};

struct Lookup {
  Status status;  // NOT_FOUND with the resolver's words: `addresses` is empty.
  std::vector<Address> addresses;
};

using ResolverFunction = decltype(Options::resolver);

// Asks `resolver`, or the system's where there is none: may block for as long as that takes. Sorted, without duplicates.
Lookup Resolve(const Target& target, Options::Family family, const ResolverFunction& resolver = {});

struct AddressChanges {
  std::vector<Address> added;
  std::vector<Address> gone;
};
// By ip and port: the same replica under two names is one. Both sorted as Resolve does.
AddressChanges Compare(const std::vector<Address>& before, const std::vector<Address>& after);

}  // namespace sluice::client
