#include "server/dashboard/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/dashboard/stream_answer.h"

namespace sluice {
namespace {

using testing::HasSubstr;

TEST(DashboardAnswers, AnErrorHasAStatusThatIsLikeIt) {
  EXPECT_EQ(StatusResponse(absl::InvalidArgumentError("x")).status, 400);
  EXPECT_EQ(StatusResponse(absl::FailedPreconditionError("x")).status, 400);
  EXPECT_EQ(StatusResponse(absl::UnauthenticatedError("x")).status, 401);
  EXPECT_EQ(StatusResponse(absl::PermissionDeniedError("x")).status, 403);
  EXPECT_EQ(StatusResponse(absl::NotFoundError("x")).status, 404);
  EXPECT_EQ(StatusResponse(absl::AbortedError("x")).status, 409);
  EXPECT_EQ(StatusResponse(absl::ResourceExhaustedError("x")).status, 429);
  EXPECT_EQ(StatusResponse(absl::InternalError("x")).status, 500);
  EXPECT_EQ(StatusResponse(absl::UnavailableError("x")).status, 503);
  EXPECT_EQ(StatusResponse(absl::DeadlineExceededError("x")).status, 504);
}

TEST(DashboardAnswers, AnErrorIsJsonWhateverItSays) {
  EXPECT_EQ(StatusJson(absl::NotFoundError("no chain '\"<b>\n'")),
            "{\"code\":\"NOT_FOUND\",\"message\":\"no chain '\\\"<b>\\n'\"}");
}

TEST(DashboardAnswers, OnlyWhoIsNotKnownIsAskedForAToken) {
  EXPECT_THAT(std::string(StatusResponse(absl::UnauthenticatedError("x")).authenticate), HasSubstr("Bearer"));
  EXPECT_EQ(StatusResponse(absl::PermissionDeniedError("x")).authenticate, "");
}

TEST(DashboardAnswers, AllHaveTheSameHeaders) {
  const PageFile file{.path = "/x.js", .content_type = "text/javascript", .bytes = "1"};
  for (const HttpResponse& response : {JsonResponse("{}"), StatusResponse(absl::NotFoundError("x")), LinesResponse(),
                                       RefusedResponse({403, "x"}), FileResponse(&file), FileResponse(nullptr)}) {
    const std::string headers(response.headers);
    EXPECT_THAT(headers, HasSubstr("Content-Security-Policy: default-src 'none'; "));
    EXPECT_THAT(headers, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(headers, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(headers, HasSubstr("Referrer-Policy: no-referrer\r\n"));
    EXPECT_THAT(headers, HasSubstr("Cache-Control: no-store\r\n"));
    EXPECT_TRUE(headers.ends_with("\r\n"));
  }
}

}  // namespace
}  // namespace sluice
