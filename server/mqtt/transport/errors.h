// What goes wrong with sockets, in words for people.
#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

#include "absl/status/status.h"

namespace sluice {

// Of a connection that is being made to `where`, HOST:PORT.
absl::Status ConnectError(std::string_view where, const boost::system::error_code& error);
// Of the look-up of `host`.
absl::Status LookUpError(std::string_view host, const boost::system::error_code& error);
// Of a connection that stood.
absl::Status StreamError(const boost::system::error_code& error);
absl::Status ClosedByBroker();

}  // namespace sluice
