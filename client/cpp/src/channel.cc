#include "client/cpp/src/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <string>

#include "client/cpp/src/read_file.h"
#include "client/cpp/src/tls_files.h"

namespace sluice::client {
namespace {

Status ReadToken(const std::string& path, std::string& token) {
  const std::string trouble = ReadWholeFile(path, token);
  if (!trouble.empty()) return {StatusCode::kUnavailable, "token_file: cannot read " + path + ": " + trouble};
  if (token.empty()) return {StatusCode::kUnavailable, "token_file: " + path + " is empty"};
  return {};
}

Status AskForToken(const Options& options, std::string& token) {
  try {
    return options.token(token);
  } catch (const std::exception& error) {
    return {StatusCode::kUnavailable, std::string("options.token threw: ") + error.what()};
  } catch (...) {
    return {StatusCode::kUnavailable, "options.token threw something that is not a std::exception"};
  }
}

}  // namespace

Status ReadAuthorization(const Options& options, std::string& authorization) {
  if (options.token_file.empty() && !options.token) return {};
  const std::string from = options.token ? "options.token" : options.token_file;
  std::string token;
  Status status = options.token ? AskForToken(options, token) : ReadToken(options.token_file, token);
  if (!status.ok()) return status;
  constexpr const char* kBlanks = " \t\r\n";
  token.erase(token.find_last_not_of(kBlanks) + 1);
  token.erase(0, token.find_first_not_of(kBlanks));
  // What cannot be metadata would end the process within gRPC.
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  if (token.empty() || std::any_of(token.begin(), token.end(), is_odd)) {
    return {StatusCode::kUnavailable, from + " holds no token, or more than one"};
  }
  authorization = "Bearer " + token;
  return {};
}

std::shared_ptr<grpc::Channel> MakeChannel(const Address& address, const Options& options, Status& status) {
  grpc::ChannelArguments arguments;
  // A frame over the limit would end the stream, and the gateway says only later how large they can be.
  arguments.SetMaxReceiveMessageSize(std::numeric_limits<int>::max());
  arguments.SetMaxSendMessageSize(std::numeric_limits<int>::max());
  // Each stream has a connection of its own, with a back-off of its own: attempts must not share gRPC's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetServiceConfigJSON("{}");
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);

  if (options.security == Security::kPlaintext) {
    return grpc::CreateCustomChannel(address.Uri(), grpc::InsecureChannelCredentials(), arguments);
  }
  // Others may have replaced them since the options were checked.
  TlsFiles files;
  if (const std::string wrong = ReadTlsFiles(options.tls, files); !wrong.empty()) {
    status = {StatusCode::kUnavailable, wrong};
    return nullptr;
  }
  // The address is dialled by number, the certificate is checked against the name.
  const std::string& name = options.tls.server_name.empty() ? address.host : options.tls.server_name;
  arguments.SetSslTargetNameOverride(name);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, name);
  return grpc::CreateCustomChannel(
      address.Uri(),
      grpc::SslCredentials({.pem_root_certs = files.ca, .pem_private_key = files.key, .pem_cert_chain = files.cert}),
      arguments);
}

}  // namespace sluice::client
