#include <iterator>
#include <string>
#include <utility>

#include "client/cpp/ctl/commands.h"
#include "client/cpp/ctl/files.h"
#include "client/cpp/ctl/json.h"
#include "server/trial/trial_text.h"

namespace sluice::ctl {

int RunRoutesTest(AdminClient& client, const RoutesTestCommand& command, bool json, const Console& console) {
  v1::TestRoutesRequest request = command.request;
  if (command.payload_path == "-") {
    request.set_payload(std::string(std::istreambuf_iterator<char>(console.in), {}));
  } else if (!command.payload_path.empty()) {
    absl::StatusOr<std::string> payload = ReadNamedFile("--payload", command.payload_path);
    if (!payload.ok()) return Fail(payload.status(), console);
    request.set_payload(*std::move(payload));
  }
  const absl::StatusOr<v1::TestRoutesResponse> answer = client.TestRoutes(request);
  if (!answer.ok()) return Fail(answer.status(), console);
  console.out << (json ? ToJson(*answer, false) : DescribeTest(request, *answer));
  return TestPassed(request, *answer) ? kOk : kFailure;
}

}  // namespace sluice::ctl
