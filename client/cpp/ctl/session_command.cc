#include <string>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/json.h"
#include "client/cpp/ctl/text.h"

namespace sluice::ctl {

int RunEndSession(AdminClient& client, const EndSessionCommand& command, bool json, const Console& console) {
  const v1::EndSessionRequest& request = command.request;
  const std::string whose = request.gateway().empty() ? "client id '" + Printable(request.client_id()) + "'"
                                                      : "replica '" + Printable(request.gateway()) + "'";
  if (!command.yes) {
    if (!console.interactive) {
      console.err << "sluicectl: session end asks before it acts, and there is nobody to ask; say --yes\n";
      return kUsage;
    }
    if (!Confirm(
            "end the sessions of " + whose + "? What brokers keep for it is dropped, and if it runs, it is cut off.",
            console)) {
      console.out << "nothing done\n";
      return kFailure;
    }
  }
  const absl::StatusOr<v1::EndSessionResponse> response = client.EndSession(request);
  if (!response.ok()) return Fail(response.status(), console);
  bool all = true;
  for (const v1::EndedSession& session : response->sessions()) {
    all = all && session.ended();
    if (json) continue;
    (session.ended() ? console.out : console.err)
        << Printable(session.connection()) << ": " << Printable(session.client_id()) << ": "
        << (session.ended() ? "ended" : "NOT ENDED: " + Printable(session.detail())) << "\n";
  }
  if (json) console.out << ToJson(*response, false);
  return all ? kOk : kFailure;
}

int RunReconnect(AdminClient& client, const ReconnectCommand& command, bool json, const Console& console) {
  v1::ReconnectConnectionRequest request;
  request.set_connection(command.connection);
  const absl::StatusOr<v1::ReconnectConnectionResponse> response = client.ReconnectConnection(request);
  if (!response.ok()) return Fail(response.status(), console);
  console.out << (json ? ToJson(*response, false) : "connection " + Printable(command.connection) + " is made anew\n");
  return kOk;
}

}  // namespace sluice::ctl
