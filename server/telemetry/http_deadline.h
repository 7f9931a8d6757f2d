// httplib's server with a time limit to each connection as a whole. httplib's own timeouts are each for one read, so a
// client that sends a byte every now and then would hold a thread for hours.
#pragma once

#include <httplib.h>

namespace sluice {

// One request to a connection. As httplib::Server otherwise, whose own timeouts do not matter.
class HttpDeadlineServer final : public httplib::Server {
 private:
  bool process_and_close_socket(socket_t socket) override;
};

}  // namespace sluice
