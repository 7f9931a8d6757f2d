#include "server/rpc/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "grpc/reflection/v1/reflection.pb.h"
#include "sluice/v1/admin.pb.h"
#include "tests/support/fake_server_call.h"

namespace sluice::rpc {
namespace {

using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;
using testing::Contains;
using testing::ElementsAre;

class ReflectionTest : public testing::TestWithParam<std::string> {
 protected:
  ReflectionTest() {
    for (const Service& service : Reflection({"sluice.v1.AdminService"})) {
      if (service.name == GetParam()) call_.Begin(service, "ServerReflectionInfo");
    }
  }
  ServerReflectionResponse Ask(const ServerReflectionRequest& request) {
    EXPECT_TRUE(call_.Say(request.SerializeAsString()));
    ServerReflectionResponse response;
    EXPECT_TRUE(response.ParseFromString(call_.messages.back()));
    return response;
  }
  static std::vector<std::string> FilesIn(const ServerReflectionResponse& response) {
    std::vector<std::string> names;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }
  const v1::GetStatusRequest linked_;
  FakeServerCall call_;
};

TEST_P(ReflectionTest, ListsServicesAndItself) {
  ServerReflectionRequest request;
  request.set_list_services("*");
  const ServerReflectionResponse response = Ask(request);
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) names.push_back(service.name());
  EXPECT_THAT(names, ElementsAre("sluice.v1.AdminService", "grpc.reflection.v1.ServerReflection",
                                 "grpc.reflection.v1alpha.ServerReflection"));
  EXPECT_EQ(response.original_request().list_services(), "*");
}

TEST_P(ReflectionTest, DescribesAServiceWithWhatItImports) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol("sluice.v1.AdminService");
  EXPECT_THAT(FilesIn(Ask(request)),
              ElementsAre("sluice/v1/worker.proto", "sluice/v1/configuration.proto", "sluice/v1/admin.proto"));
  request.set_file_by_filename("grpc/reflection/v1alpha/reflection.proto");
  EXPECT_THAT(FilesIn(Ask(request)), ElementsAre("grpc/reflection/v1alpha/reflection.proto"));
}

TEST_P(ReflectionTest, WhatIsNotKnownIsAnErrorAndTheCallGoesOn) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol("no.Such");
  EXPECT_EQ(Ask(request).error_response().error_code(), static_cast<int>(absl::StatusCode::kNotFound));
  request.set_all_extension_numbers_of_type("x");
  EXPECT_EQ(Ask(request).error_response().error_code(), static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_EQ(Ask({}).error_response().error_code(), static_cast<int>(absl::StatusCode::kUnimplemented));
  call_.HalfClose();
  EXPECT_TRUE(call_.finished->ok());
}

INSTANTIATE_TEST_SUITE_P(Both, ReflectionTest,
                         testing::Values("grpc.reflection.v1.ServerReflection",
                                         "grpc.reflection.v1alpha.ServerReflection"));

}  // namespace
}  // namespace sluice::rpc
