// A configuration as it may be shown: what its document says, without the secrets.
#pragma once

#include <string>

#include "server/config/document.h"

namespace sluice {

// YAML with the same keys and values. Environment references and the names of files stand as they are written; a secret
// that is written out is "(secret)", also where an alias has carried it elsewhere.
std::string ShownConfig(const Value& document);

}  // namespace sluice
