#include "client/cpp/src/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

namespace sluice::client {
namespace {

Status ReadFile(const std::string& path, std::string& content) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  content.assign(std::istreambuf_iterator<char>(file), {});
  if (!file) return {StatusCode::kUnavailable, "cannot read " + path};
  if (content.empty()) return {StatusCode::kUnavailable, path + " is empty"};
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
  Status status = options.token ? AskForToken(options, token) : ReadFile(options.token_file, token);
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
  grpc::SslCredentialsOptions files;
  status = ReadFile(options.tls.ca_file, files.pem_root_certs);
  if (status.ok()) status = ReadFile(options.tls.cert_file, files.pem_cert_chain);
  if (status.ok()) status = ReadFile(options.tls.key_file, files.pem_private_key);
  if (!status.ok()) return nullptr;
  // The address is dialled by number, the certificate is checked against the name.
  const std::string& name = options.tls.server_name.empty() ? address.host : options.tls.server_name;
  arguments.SetSslTargetNameOverride(name);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, name);
  return grpc::CreateCustomChannel(address.Uri(), grpc::SslCredentials(files), arguments);
}

}  // namespace sluice::client
