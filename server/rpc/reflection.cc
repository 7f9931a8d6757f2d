#include "server/rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"

namespace sluice::rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

using Names = std::shared_ptr<const std::vector<std::string>>;

// With what it imports, each before those that import it.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added, ServerReflectionResponse& response) {
  if (!added.insert(&file).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), added, response);
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  response.mutable_file_descriptor_response()->add_file_descriptor_proto(proto.SerializeAsString());
}

void AddError(absl::StatusCode code, const std::string& text, ServerReflectionResponse& response) {
  response.mutable_error_response()->set_error_code(static_cast<int>(code));
  response.mutable_error_response()->set_error_message(text);
}

void AddFileOrError(const FileDescriptor* file, const std::string& name, ServerReflectionResponse& response) {
  if (file == nullptr) {
    return AddError(absl::StatusCode::kNotFound,
                    absl::StrCat("'", absl::CHexEscape(name.substr(0, kMostShownOfAName)), "' is not known here"),
                    response);
  }
  std::set<const FileDescriptor*> added;
  AddFile(*file, added, response);
}

ServerReflectionResponse Answer(ServerReflectionRequest request, const std::vector<std::string>& services) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : services) response.mutable_list_services_response()->add_service()->set_name(name);
      break;
    case ServerReflectionRequest::kFileByFilename:
      AddFileOrError(pool.FindFileByName(request.file_by_filename()), request.file_by_filename(), response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AddFileOrError(pool.FindFileContainingSymbol(request.file_containing_symbol()), request.file_containing_symbol(),
                     response);
      break;
    case ServerReflectionRequest::kFileContainingExtension:
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      AddError(absl::StatusCode::kNotFound, "there are no extensions here", response);
      break;
    default:
      AddError(absl::StatusCode::kUnimplemented, "no such request of reflection here", response);
  }
  *response.mutable_original_request() = std::move(request);
  return response;
}

// Answers one message after the other.
class Describe final : public CallHandler {
 public:
  Describe(Call& call, Names services) : call_(call), services_(std::move(services)) { call_.Read(); }

  void OnMessage(std::string message) override {
    ServerReflectionRequest request;
    if (!request.ParseFromString(message)) {
      return call_.Finish(absl::InvalidArgumentError("not a ServerReflectionRequest"));
    }
    call_.Write(Payload(Answer(std::move(request), *services_).SerializeAsString()));
  }
  void OnWritten() override { call_.Read(); }
  void OnHalfClose() override { call_.Finish(absl::OkStatus()); }
  void OnCancel(const absl::Status& /*why*/) override {}

 private:
  Call& call_;
  const Names services_;
};

}  // namespace

std::vector<Service> Reflection(std::vector<std::string> services) {
  // From the generated code, which so is linked, and can be described like the rest.
  const std::string names[] = {
      ServerReflectionRequest::descriptor()->file()->service(0)->full_name(),
      grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()->service(0)->full_name()};
  services.insert(services.end(), std::begin(names), std::end(names));
  const auto shared = std::make_shared<const std::vector<std::string>>(std::move(services));
  std::vector<Service> reflection;
  for (const std::string& name : names) {
    reflection.push_back({.name = name, .methods = {{.name = "ServerReflectionInfo", .make = [shared](Call& call) {
                                                       return std::make_unique<Describe>(call, shared);
                                                     }}}});
  }
  return reflection;
}

}  // namespace sluice::rpc
