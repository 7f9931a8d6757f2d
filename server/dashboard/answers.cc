#include "server/dashboard/answers.h"

#include <memory>
#include <utility>

#include "server/dashboard/stream_answer.h"

namespace sluice {
namespace {

constexpr char kRealm[] = "Bearer realm=\"admin\"";

// No script, style or picture from elsewhere or from within the text, no frame around it, no address of it for others,
// and nothing that a cache keeps.
constexpr std::string_view kHeaders =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Cache-Control: no-store\r\n";

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

absl::StatusCode CodeOf(int http_status) {
  switch (http_status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
    case 421:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 413:
    case 431:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInvalidArgument;
  }
}

HttpResponse JsonAnswer(int status, std::string json) {
  json += '\n';
  return {.status = status,
          .content_type = "application/json",
          .body = std::make_shared<const std::string>(std::move(json)),
          .headers = kHeaders};
}

}  // namespace

HttpResponse JsonResponse(std::string json) { return JsonAnswer(200, std::move(json)); }

HttpResponse StatusResponse(const absl::Status& status) {
  HttpResponse response = JsonAnswer(HttpStatusOf(status.code()), StatusJson(status));
  if (response.status == 401) response.authenticate = kRealm;
  return response;
}

HttpResponse RefusedResponse(const GateRefusal& refusal) {
  return JsonAnswer(refusal.status, StatusJson(absl::Status(CodeOf(refusal.status), refusal.why)));
}

HttpResponse LinesResponse() { return {.content_type = "application/x-ndjson", .headers = kHeaders}; }

HttpResponse FileResponse(const PageFile* file) {
  if (file == nullptr) return RefusedResponse({404, "there is no such file"});
  return {.content_type = file->content_type,
          .body = std::make_shared<const std::string>(file->bytes),
          .headers = kHeaders};
}

}  // namespace sluice
