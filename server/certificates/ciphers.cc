#include "server/certificates/ciphers.h"

#include <algorithm>

#include "server/certificates/openssl_ptr.h"

namespace sluice {
namespace {

// Of TLS 1.2. All that HTTP/2 lets be used (RFC 9113, appendix A, forbids the others).
constexpr char kForwardSecret[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20";
// OpenSSL's own default: without CCM, which is for small devices.
constexpr char kDefaultTls13[] = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
constexpr char kEveryTls13[] =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:"
    "TLS_AES_128_CCM_8_SHA256";
constexpr char kRemedy[] = "name ECDHE ciphers with GCM or CHACHA20, or leave ciphers out";

struct Known {
  std::string name;      // OpenSSL's.
  std::string standard;  // Of the RFCs.
  bool tls13 = false;
  std::string problem;  // Empty: it is taken.
};

std::string ProblemOf(const SSL_CIPHER* cipher) {
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  const std::string_view name = SSL_CIPHER_get_name(cipher);
  if (SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null) return "asks for no certificate";
  if (exchange != NID_kx_ecdhe && exchange != NID_kx_dhe && exchange != NID_kx_any) return "has no forward secrecy";
  if (SSL_CIPHER_is_aead(cipher) != 1) return "has no authenticated encryption";
  if (name.ends_with("CCM8") || name.ends_with("CCM_8_SHA256")) return "authenticates with 64 bits only";
  return "";
}

std::vector<Known> Make() {
  const NoOpensslErrorsLeft no_errors_left;
  std::vector<Known> all;
  const SslContextPtr context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) return all;
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_ciphersuites(context.get(), kEveryTls13);
  SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL");
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    const char* standard = SSL_CIPHER_standard_name(cipher);
    all.push_back({.name = SSL_CIPHER_get_name(cipher),
                   .standard = standard == nullptr ? "" : standard,
                   .tls13 = SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any,
                   .problem = ProblemOf(cipher)});
  }
  return all;
}

const std::vector<Known>& Table() {
  static const auto& all = *new std::vector<Known>(Make());
  return all;
}

const Known* Find(std::string_view name) {
  const auto found = std::ranges::find_if(
      Table(), [name](const Known& known) { return known.name == name || known.standard == name; });
  return found == Table().end() ? nullptr : &*found;
}

}  // namespace

absl::Status CheckCipher(std::string_view name) {
  const Known* known = name.empty() ? nullptr : Find(name);
  if (known == nullptr) return absl::NotFoundError("is no cipher that OpenSSL knows");
  if (known->problem.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(known->problem + ": " + kRemedy);
}

bool IsTls13Cipher(std::string_view name) {
  const Known* known = Find(name);
  return known != nullptr && known->tls13;
}

std::vector<std::string_view> CipherNames() {
  std::vector<std::string_view> names;
  for (const Known& known : Table()) {
    if (!known.problem.empty()) continue;
    names.push_back(known.name);
    if (known.standard != known.name) names.push_back(known.standard);
  }
  return names;
}

CipherLists CipherListsOf(const std::vector<std::string>& names) {
  CipherLists lists;
  for (const std::string& name : names) {
    const Known* known = Find(name);
    if (known == nullptr) continue;
    std::string& list = known->tls13 ? lists.tls13 : lists.tls12;
    if (!list.empty()) list += ':';
    list += known->name;
  }
  if (lists.tls12.empty()) lists.tls12 = kForwardSecret;
  if (lists.tls13.empty()) lists.tls13 = kDefaultTls13;
  return lists;
}

}  // namespace sluice
