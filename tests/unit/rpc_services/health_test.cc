#include "server/rpc/health.h"

#include <gtest/gtest.h>

#include "grpc/health/v1/health.pb.h"
#include "tests/support/fake_server_call.h"

namespace sluice::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

std::string Ask(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request.SerializeAsString();
}

HealthCheckResponse::ServingStatus StatusIn(const std::string& message) {
  HealthCheckResponse response;
  EXPECT_TRUE(response.ParseFromString(message));
  return response.status();
}

class HealthTest : public testing::Test {
 protected:
  void Check(FakeServerCall& call, const std::string& service) {
    call.Begin(health_.service(), "Check");
    ASSERT_TRUE(call.Say(Ask(service)));
  }
  Health health_{{"sluice.v1.WorkerService"}};
};

TEST_F(HealthTest, AServiceAndTheServerServeUntilTheyAreToldNotTo) {
  for (const char* service : {"sluice.v1.WorkerService", ""}) {
    FakeServerCall call;
    Check(call, service);
    ASSERT_EQ(call.messages.size(), 1u);
    EXPECT_EQ(StatusIn(call.messages[0]), HealthCheckResponse::SERVING);
    EXPECT_TRUE(call.finished->ok());
  }
  health_.SetNotServing();
  for (const char* service : {"sluice.v1.WorkerService", ""}) {
    FakeServerCall call;
    Check(call, service);
    EXPECT_EQ(StatusIn(call.messages.at(0)), HealthCheckResponse::NOT_SERVING);
  }
}

TEST_F(HealthTest, AServiceThatIsNotHereIsNotFound) {
  FakeServerCall call;
  Check(call, "no.such.Service\n");
  EXPECT_TRUE(call.messages.empty());
  EXPECT_EQ(call.finished->code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(call.finished->message(), "no service 'no.such.Service\\n' here");
}

TEST_F(HealthTest, WhoWatchesIsToldAtOnceAndWhenItChanges) {
  FakeServerCall call;
  call.Begin(health_.service(), "Watch");
  call.Say(Ask("sluice.v1.WorkerService"));
  ASSERT_EQ(call.messages.size(), 1u);
  EXPECT_EQ(StatusIn(call.messages[0]), HealthCheckResponse::SERVING);
  health_.SetNotServing();
  call.Turn();
  ASSERT_EQ(call.messages.size(), 2u);
  EXPECT_EQ(StatusIn(call.messages[1]), HealthCheckResponse::NOT_SERVING);
  health_.SetNotServing();
  call.Turn();
  EXPECT_EQ(call.messages.size(), 2u) << "nothing has changed";
  EXPECT_FALSE(call.finished.has_value());
}

TEST_F(HealthTest, WatchingAServiceThatIsNotHereSaysSoAndStays) {
  FakeServerCall call;
  call.Begin(health_.service(), "Watch");
  call.Say(Ask("other"));
  ASSERT_EQ(call.messages.size(), 1u);
  EXPECT_EQ(StatusIn(call.messages[0]), HealthCheckResponse::SERVICE_UNKNOWN);
  EXPECT_FALSE(call.finished.has_value());
}

TEST_F(HealthTest, WhoHasGoneIsNotToldAnyMore) {
  FakeServerCall call;
  call.Begin(health_.service(), "Watch");
  call.Say(Ask(""));
  call.Cancel(absl::CancelledError(""));
  call.Done();
  health_.SetNotServing();
  EXPECT_FALSE(call.woken());
}

TEST_F(HealthTest, ARequestThatIsNoneEndsTheCall) {
  FakeServerCall call;
  call.Begin(health_.service(), "Check");
  call.Say("\xFF");
  EXPECT_EQ(call.finished->code(), absl::StatusCode::kInternal);
  FakeServerCall silent;
  silent.Begin(health_.service(), "Check");
  silent.HalfClose();
  EXPECT_EQ(silent.finished->code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace sluice::rpc
