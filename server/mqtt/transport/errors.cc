#include "server/mqtt/transport/errors.h"

#include <boost/asio/error.hpp>

#include "server/runtime/text.h"

namespace sluice {
namespace {

namespace error = boost::asio::error;
using boost::system::error_code;

std::string ConnectText(const error_code& code) {
  if (code == error::connection_refused) return "connection refused: nothing listens there";
  if (code == error::timed_out) return "no answer to the connection request (connectTimeout)";
  if (code == error::host_unreachable) return "no route to the host";
  if (code == error::network_unreachable) return "the network is unreachable";
  if (code == error::connection_reset) return "connection reset: something there closes connections at once";
  return code.message();
}

}  // namespace

absl::Status ConnectError(std::string_view where, const error_code& code) {
  return absl::UnavailableError(text::Concat(where, ": ", ConnectText(code)));
}

absl::Status LookUpError(std::string_view host, const error_code& code) {
  if (code == error::host_not_found || code == error::no_data) {
    return absl::UnavailableError(text::Concat(host, ": no such host"));
  }
  if (code == error::host_not_found_try_again) {
    return absl::UnavailableError(text::Concat(host, ": the name cannot be looked up: no name server answers"));
  }
  return absl::UnavailableError(text::Concat(host, ": the name cannot be looked up: ", code.message()));
}

absl::Status ClosedByBroker() { return absl::UnavailableError("closed by the broker"); }

absl::Status StreamError(const error_code& code) {
  if (code == error::eof || code == error::broken_pipe) return ClosedByBroker();
  if (code == error::connection_reset) return absl::UnavailableError("connection reset by the broker");
  if (code == error::timed_out) return absl::UnavailableError("the broker's host does not answer any more");
  return absl::UnavailableError(code.message());
}

}  // namespace sluice
