#include "client/cpp/ctl/channel.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"

namespace sluice::ctl {
namespace {

// Why a Unix socket does not answer, where the file system knows; else empty.
std::string AboutSocket(const std::string& address) {
  if (!address.starts_with("unix:")) return "";
  const std::string path = address.substr(5);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return error ? error.message() : "there is no such socket; is the gateway running, and is that its admin.listen?";
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) return "only the user that the gateway runs as may use it";
  return "nobody listens there; is the gateway running?";
}

absl::Status ReadFile(const char* flag, const std::string& path, std::string& out) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  out.assign(std::istreambuf_iterator<char>(file), {});
  if (file && !out.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(flag) + ": cannot read '" + path + "'");
}

// What the calls' metadata "authorization" is to be; empty: nothing. The error shows nothing of the token.
absl::Status ReadAuthorization(const std::string& path, std::string& authorization) {
  std::string token;
  if (absl::Status status = ReadFile("--token-file", path, token); !status.ok() || path.empty()) return status;
  absl::StripAsciiWhitespace(&token);
  // What cannot be metadata would end the process within gRPC.
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  if (token.empty() || std::ranges::any_of(token, is_odd)) {
    return absl::InvalidArgumentError("--token-file: '" + path + "' holds no token, or more than one");
  }
  authorization = "Bearer " + token;
  return absl::OkStatus();
}

}  // namespace

absl::Status ExplainStatus(const grpc::Status& status, const std::string& address) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string text = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    const std::string why = AboutSocket(address);
    text = "cannot reach the gateway at " + address + ": " + (why.empty() ? text : why);
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    text = address + " is no admin listener of a gateway of this version: " + text;
  }
  return absl::Status(code, text);
}

absl::StatusOr<AdminChannel> MakeAdminChannel(const Target& target) {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (target.tls) {
    grpc::SslCredentialsOptions options;
    for (auto [flag, path, out] : {std::tuple("--ca-file", &target.ca_file, &options.pem_root_certs),
                                   std::tuple("--cert-file", &target.cert_file, &options.pem_cert_chain),
                                   std::tuple("--key-file", &target.key_file, &options.pem_private_key)}) {
      if (absl::Status status = ReadFile(flag, *path, *out); !status.ok()) return status;
    }
    credentials = grpc::SslCredentials(options);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // A payload has up to 256 MiB.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (target.tls && !target.server_name.empty()) arguments.SetSslTargetNameOverride(target.server_name);
  std::string authorization;
  if (absl::Status status = ReadAuthorization(target.token_file, authorization); !status.ok()) return status;
  return AdminChannel{.address = target.address,
                      .authorization = std::move(authorization),
                      .channel = grpc::CreateCustomChannel(target.address, credentials, arguments)};
}

}  // namespace sluice::ctl
