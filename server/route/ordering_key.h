// Which messages of a chain come one after the other.
#pragma once

#include <string_view>

#include "server/route/route.h"

namespace sluice {

// A view into `topic` (valid, not empty); empty only for OrderBy::Kind::kNone. An empty level has the key "/", which no
// other level can have.
std::string_view OrderingKey(const OrderBy& order_by, std::string_view topic);

}  // namespace sluice
