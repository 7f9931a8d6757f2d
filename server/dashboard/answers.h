// The dashboard's HTTP answers, with the headers that all of them have.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/dashboard/page_files.h"
#include "server/dashboard/request_gate.h"
#include "server/net/http_message.h"

namespace sluice {

HttpResponse JsonResponse(std::string json);
// {"code":"PERMISSION_DENIED","message":"…"} with an HTTP status like it.
HttpResponse StatusResponse(const absl::Status& status);
HttpResponse RefusedResponse(const GateRefusal& refusal);
// Of a stream of lines of JSON, but for the stream.
HttpResponse LinesResponse();
// Null: 404.
HttpResponse FileResponse(const PageFile* file);

}  // namespace sluice
