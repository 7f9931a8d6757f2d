#include "client/cpp/ctl/target_flags.h"

#include <algorithm>

#include "client/cpp/ctl/contexts.h"
#include "client/cpp/ctl/text.h"
#include "server/config/address.h"

namespace sluice::ctl {
namespace {

constexpr char kAddressVariable[] = "SLUICE_ADMIN";
constexpr char kContextVariable[] = "SLUICE_CONTEXT";

// A path without unix: before it, and a host without a port, would otherwise be looked up as names.
bool IsAddress(const std::string& address) {
  return address.find(':') != std::string::npos && !address.starts_with('/') && !address.starts_with('.');
}

// What is said there in plain text nobody on a network hears.
bool IsOnThisMachine(const std::string& address) { return address.starts_with("unix:") || ListensOnLoopback(address); }

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    if (comma > at) parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

// What the context says, where the command line does not.
void Take(const Context& context, TargetFlags& flags) {
  const auto take = [](const std::string& from, std::string& to) {
    if (to.empty()) to = from;
  };
  if (flags.addresses.empty()) flags.addresses = context.addresses;
  take(context.ca_file, flags.target.ca_file);
  take(context.cert_file, flags.target.cert_file);
  take(context.key_file, flags.target.key_file);
  take(context.token_file, flags.target.token_file);
}

}  // namespace

bool CheckAddresses(const std::vector<std::string>& addresses, const Console& console) {
  for (const std::string& address : addresses) {
    if (IsAddress(address)) continue;
    console.err << "--address: '" << Printable(address) << "' is no address; allowed: unix:PATH or HOST:PORT\n";
    return false;
  }
  return true;
}

bool CheckTlsOptions(const Target& target, const Console& console) {
  if (target.cert_file.empty() == target.key_file.empty()) return true;
  const bool has_cert = !target.cert_file.empty();
  console.err << (has_cert ? "--cert-file: the certificate's key is missing; give --key-file, too\n"
                           : "--key-file: the key's certificate is missing; give --cert-file, too\n");
  return false;
}

bool ChooseTarget(TargetFlags& flags, const Console& console) {
  std::string name = flags.context;
  if (name.empty()) name = console.environment(kContextVariable).value_or("");
  const std::vector<std::string> inherited = Split(console.environment(kAddressVariable).value_or(""));
  if (!name.empty() || (flags.addresses.empty() && inherited.empty())) {
    const std::string path = ContextsPath(console);
    const absl::StatusOr<Contexts> contexts = ReadContexts(path);
    if (!contexts.ok()) {
      console.err << "sluicectl: " << Printable(std::string(contexts.status().message())) << "\n";
      return false;
    }
    if (name.empty()) name = contexts->current;
    if (!name.empty()) {
      const absl::StatusOr<Context> context = contexts->Find(name);
      if (!context.ok()) {
        console.err << "sluicectl: " << Printable(std::string(context.status().message())) << "\n";
        return false;
      }
      if (const std::string said = AboutMode(path); !said.empty()) console.err << "sluicectl: " << said << "\n";
      Take(*context, flags);
    }
  }
  if (flags.addresses.empty()) flags.addresses = inherited;
  if (flags.addresses.empty()) flags.addresses = {kDefaultAddress};
  return true;
}

std::vector<Target> TargetsOf(const TargetFlags& flags) {
  Target like = flags.target;
  like.tls = !like.ca_file.empty() || !like.cert_file.empty() || !like.key_file.empty();
  std::vector<Target> targets;
  for (const std::string& address : flags.addresses) {
    Target& target = targets.emplace_back(like);
    target.address = address;
    if (!target.token_file.empty() && !IsOnThisMachine(address)) target.tls = true;
  }
  return targets;
}

}  // namespace sluice::ctl
