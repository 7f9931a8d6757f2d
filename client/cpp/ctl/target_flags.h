// Which gateway a command line means: by its options, a context, the environment or by default.
#pragma once

#include <string>
#include <vector>

#include "client/cpp/ctl/command_line.h"
#include "client/cpp/ctl/console.h"

namespace sluice::ctl {

inline constexpr char kDefaultAddress[] = "unix:/var/lib/sluice/admin.sock";

// What the command line says, to which ChooseTarget() adds.
struct TargetFlags {
  Target target;
  std::vector<std::string> addresses;
  std::string context;
};

// False: one is none, which has been said.
bool CheckAddresses(const std::vector<std::string>& addresses, const Console& console);

// False: of a certificate and its key one is missing, which has been said.
bool CheckTlsOptions(const Target& target, const Console& console);

// At least one address stands in `flags` then. A context that is named fills up what the command line leaves open; the
// one in use counts only where no address is said at all, so that none of its files goes to another gateway. False:
// there is no such context, or its file is wrong, which has been said.
bool ChooseTarget(TargetFlags& flags, const Console& console);

// One for each address.
std::vector<Target> TargetsOf(const TargetFlags& flags);

}  // namespace sluice::ctl
